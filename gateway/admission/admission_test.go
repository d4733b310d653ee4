package admission

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatewayd/gateway"
)

func request(ctx context.Context) *gateway.Request {
	return &gateway.Request{Request: (&http.Request{}).WithContext(ctx)}
}

func enter(t *testing.T, g *Gate) *gateway.Request {
	t.Helper()
	req := request(t.Context())
	if err := g.Enter(req); err != nil {
		t.Fatal(err)
	}
	return req
}

func wantStats(t *testing.T, g *Gate, want Stats) {
	t.Helper()
	if got := g.Stats(); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
}

// refused wants the error of an overloaded gate.
func refused(t *testing.T, err error, words string) {
	t.Helper()
	var e *gateway.Error
	if !errors.As(err, &e) || e.Status != 503 || e.RetryAfter <= 0 || !e.Overload || e.Hint == "" || !strings.Contains(e.Error(), words) {
		t.Errorf("got %v, want a 503 that says %q", err, words)
	}
}

func TestZeroValueLetsEveryoneIn(t *testing.T) {
	var g Gate
	for range 1000 {
		enter(t, &g)
	}
	wantStats(t, &g, Stats{Running: 1000})
}

func TestWaitingInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Limits{Running: 2, Queue: 10, Wait: time.Minute})
		enter(t, g)
		enter(t, g)
		var order []int
		for i := range 5 {
			go func() {
				req := request(t.Context())
				if err := g.Enter(req); err != nil {
					t.Error(err)
				}
				order = append(order, i) // one after the other: each holds the only place that moves
				if waited, want := req.Timing.Admitted.Sub(req.Timing.Queued), time.Duration(i+1)*time.Second; waited != want {
					t.Errorf("%d waited %v, want %v", i, waited, want)
				}
				time.Sleep(time.Second)
				g.Leave()
			}()
			synctest.Wait()
		}
		wantStats(t, g, Stats{Running: 2, Waiting: 5})
		time.Sleep(time.Second)
		g.Leave()
		time.Sleep(time.Minute / 2)
		wantStats(t, g, Stats{Running: 1})
		for i, got := range order {
			if got != i {
				t.Errorf("order %v", order)
			}
		}
	})
}

func TestFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Limits{Running: 1, Queue: 2, Wait: 10 * time.Second})
		enter(t, g)
		late := make(chan error, 2)
		for range 2 {
			go func() { late <- g.Enter(request(t.Context())) }()
		}
		synctest.Wait()
		refused(t, g.Enter(request(t.Context())), "1 requests are at work (max_running) and 2 wait (queue.max)")
		begun := time.Now()
		refused(t, <-late, "within queue.wait: 10s")
		refused(t, <-late, "within queue.wait: 10s")
		if took := time.Since(begun); took != 10*time.Second {
			t.Errorf("refused after %v", took)
		}
		wantStats(t, g, Stats{Running: 1, Refused: 3})
	})
}

func TestQueueOff(t *testing.T) {
	g := New(Limits{Running: 1})
	enter(t, g)
	refused(t, g.Enter(request(t.Context())), "queue: off")
	g.Leave()
	enter(t, g)
}

func TestLeavingTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Limits{Running: 1, Queue: 10, Wait: time.Minute})
		enter(t, g)
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan error)
		go func() { left <- g.Enter(request(ctx)) }()
		synctest.Wait()
		stays := make(chan error)
		go func() { stays <- g.Enter(request(t.Context())) }()
		synctest.Wait()
		cancel(gone)
		if err := <-left; err != gone {
			t.Errorf("got %v", err)
		}
		wantStats(t, g, Stats{Running: 1, Waiting: 1})
		g.Leave()
		if err := <-stays; err != nil {
			t.Errorf("the one behind got %v", err)
		}
		wantStats(t, g, Stats{Running: 1})
	})
}

func TestNewLimitsAdmitWhoWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(Limits{Running: 1, Queue: 10, Wait: time.Minute})
		enter(t, g)
		for range 4 {
			go g.Enter(request(t.Context()))
		}
		synctest.Wait()
		g.SetLimits(Limits{Running: 3, Queue: 10, Wait: time.Minute})
		synctest.Wait()
		wantStats(t, g, Stats{Running: 3, Waiting: 2})
		g.SetLimits(Limits{Running: 1, Queue: 1, Wait: time.Minute}) // who is in, stays in
		wantStats(t, g, Stats{Running: 3, Waiting: 2})
		g.Leave()
		g.Leave()
		synctest.Wait()
		wantStats(t, g, Stats{Running: 1, Waiting: 2})
		g.SetLimits(Limits{})
		synctest.Wait()
		wantStats(t, g, Stats{Running: 3})
	})
}

// Whatever clients do, there are never more at work than may be, none waits without need, and in the end nobody is in.
func TestManyClients(t *testing.T) {
	const places = 3
	g := New(Limits{Running: places, Queue: 5, Wait: 2 * time.Millisecond})
	var working, worked, turnedAway atomic.Int64
	var clients sync.WaitGroup
	for seed := range uint64(20) {
		clients.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 200 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(random.IntN(3000))*time.Microsecond)
				if err := g.Enter(request(ctx)); err != nil {
					turnedAway.Add(1)
				} else {
					if n := working.Add(1); n > places {
						t.Errorf("%d at work", n)
					}
					time.Sleep(time.Duration(random.IntN(300)) * time.Microsecond)
					worked.Add(1)
					working.Add(-1)
					g.Leave()
				}
				cancel()
			}
		})
	}
	clients.Wait()
	if s := g.Stats(); s.Running != 0 || s.Waiting != 0 {
		t.Errorf("left behind: %+v", s)
	}
	if worked.Load() == 0 || turnedAway.Load() == 0 {
		t.Errorf("%d worked, %d were turned away: this test tells nothing", worked.Load(), turnedAway.Load())
	}
}

func TestFreePlaceCostsNoAllocation(t *testing.T) {
	g := New(Limits{Running: 1, Queue: 1})
	req := request(t.Context())
	if n := testing.AllocsPerRun(100, func() {
		if g.Enter(req) == nil {
			g.Leave()
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
