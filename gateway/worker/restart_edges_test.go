package worker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/upstream"
)

// load asks p for pids until stop is called, which returns how many have answered. Any failure fails t.
func load(t *testing.T, p *Pool, clients int) (stop func() int64) {
	t.Helper()
	ctx := within10s(t)
	var over atomic.Bool
	var answered atomic.Int64
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for !over.Load() {
				l, err := p.Lease(ctx, nil)
				if err != nil {
					t.Error("no worker:", err)
					return
				}
				if _, err := say(l, askPid); err != nil {
					t.Error("a request has failed:", err)
					l.Release(upstream.Broken)
					return
				}
				l.Release(upstream.Served)
				answered.Add(1)
			}
		})
	}
	return func() int64 {
		over.Store(true)
		all.Wait()
		return answered.Load()
	}
}

// newcomer waits for a child of ours that is none of those before.
func newcomer(t *testing.T, before map[int]bool) (pid int) {
	t.Helper()
	eventually(t, "a new worker is started", func() bool {
		for _, stat := range backendtest.Children() {
			if n := atoi(strings.Fields(stat)[0]); !before[n] && alive(n) {
				pid = n
			}
		}
		return pid != 0
	})
	return pid
}

// TestRestartWhoseCallerLeaves: neither the one under way nor the one that waits for it outlives its context.
func TestRestartWhoseCallerLeaves(t *testing.T) {
	s := spec(t, "serves")
	put := replaceable(t, &s)
	p, _ := readyPool(t, s)
	before := pidsOf(p)
	put("exec sleep 60")
	gone := errors.New("the caller is gone")
	ctx, leave := context.WithCancelCause(context.Background())
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- p.Restart(ctx, 0) }()
	}
	pid := newcomer(t, before)
	leave(gone)
	for range 2 {
		if err := <-results; !errors.Is(err, gone) {
			t.Error(err)
		}
	}
	if alive(pid) {
		t.Error("the new worker is still there")
	}
	for range 20 {
		if err := p.Restart(ctx, 0); !errors.Is(err, gone) {
			t.Error(err)
		}
	}
	p.mu.Lock()
	made := p.made
	p.mu.Unlock()
	if made != 2 {
		t.Errorf("%d places for one worker and its successor", made)
	}
	if !before[pidOf(t, p)] {
		t.Error("the old worker was replaced")
	}
}

// TestRestartThatFailsHalfway: those that were replaced stay, the others too, and all of them serve.
func TestRestartThatFailsHalfway(t *testing.T) {
	s := spec(t, "serves")
	self := s.Process.Path
	put := replaceable(t, &s)
	once := filepath.Join(t.TempDir(), "once")
	s.Workers = 3
	p, _ := readyPool(t, s)
	before := pidsOf(p)
	stop := load(t, p, 6)
	put("mkdir " + once + " 2>/dev/null || { echo not twice; exit 3; }\nexec " + self)
	if err := p.Restart(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "not twice") {
		t.Error(err)
	}
	stop()
	kept := 0
	for pid := range pidsOf(p) {
		if before[pid] {
			kept++
		}
	}
	if kept != 2 || len(pidsOf(p)) != 3 {
		t.Errorf("%d of %v are old", kept, pidsOf(p))
	}
}

// TestRestartServesWhatWaits: requests that a worker has not even accepted are its own to answer.
func TestRestartServesWhatWaits(t *testing.T) {
	for _, mode := range []string{"serves", "recycled"} { // the latter ends with requests in its backlog
		t.Run(mode, func(t *testing.T) {
			s := spec(t, mode)
			s.Concurrency = 6
			p, _ := readyPool(t, s)
			answers := make(chan error, s.Concurrency)
			for range s.Concurrency {
				l := lease(t, p)
				go func() {
					_, err := say(l, askSlow)
					l.Release(upstream.Served)
					answers <- err
				}()
			}
			if err := p.Restart(t.Context(), 0); err != nil {
				t.Fatal(err)
			}
			for range s.Concurrency {
				if err := <-answers; err != nil {
					t.Error("a request that waited has failed:", err)
				}
			}
		})
	}
}

// TestRestartOfHalfAProgram: while the program is being written the old version serves, and each change is tried again.
func TestRestartOfHalfAProgram(t *testing.T) {
	before := backendtest.Measure()
	s := spec(t, "serves")
	whole, err := os.ReadFile(s.Process.Path)
	if err != nil {
		t.Fatal(err)
	}
	s.Process.Path = filepath.Join(t.TempDir(), "program")
	exchange := func(text []byte, mode os.FileMode) {
		t.Helper()
		if err := os.WriteFile(s.Process.Path+".new", text, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.Process.Path+".new", s.Process.Path); err != nil {
			t.Fatal(err)
		}
	}
	exchange(whole, 0o755)
	r := NewRegistry(Options{Dir: t.TempDir()})
	p, _ := r.Acquire(s)
	awaitReady(t, p)
	pid := pidOf(t, p)
	stop := load(t, p, 2)
	for _, tt := range []struct {
		what    string
		text    []byte
		mode    os.FileMode
		writing bool
	}{
		{"empty", nil, 0o755, false},
		{"half", whole[:len(whole)/2], 0o755, false},
		{"a few bytes", whole[:40], 0o755, false},
		{"not executable", whole, 0o644, false},
		{"open for writing", whole, 0o755, true},
	} {
		exchange(tt.text, tt.mode)
		writer, err := os.OpenFile(s.Process.Path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if !tt.writing {
			writer.Close()
		}
		if !r.Outdated(s) {
			t.Errorf("%s: not noticed", tt.what)
		}
		if err := r.Restart(t.Context(), p, 0); err == nil {
			t.Errorf("%s: restarted", tt.what)
		}
		if now := pidOf(t, p); now != pid {
			t.Errorf("%s: worker %d in the place of %d", tt.what, now, pid)
		}
		if !r.Outdated(s) {
			t.Errorf("%s: not tried again", tt.what)
		}
		writer.Close()
	}
	if err := r.Restart(t.Context(), p, 0); err != nil || r.Outdated(s) {
		t.Errorf("the whole program: %v, outdated %t", err, r.Outdated(s))
	}
	stop()
	r.Close(within10s(t))
	backendtest.NoMore(t, before)
}

// TestRestartWithWhatDiesUnasked: a new version that ends before the question is sent is not one that does not survive it,
// which would be believed to be ready the next time.
func TestRestartWithWhatDiesUnasked(t *testing.T) {
	s := spec(t, "mute")
	put := replaceable(t, &s)
	p, r := readyPool(t, s)
	pid := pidOf(t, p)
	p.spec.Ready = func(_ context.Context, conn net.Conn) (bool, error) {
		conn.Read(make([]byte, 1)) // until the end of the program ends it
		return false, nil
	}
	put("exit 3")
	if err := p.Restart(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Error(err)
	}
	if p.unasked.Load() || len(r.of(Recycled)) > 0 {
		t.Errorf("workers are not asked any more: %v", r.of(Recycled))
	}
	if now := pidsOf(p); !now[pid] {
		t.Errorf("%d was replaced by %v", pid, now)
	}
}
