package main

import (
	"fmt"
	"io"
	"sync"
	"testing"
	"time"
)

// leavingClients is how many clients leave at the same time: as many as the default of max_running lets in on one CPU.
const leavingClients = 8

// promptly is how long a program may live on after its client has left, unless it ignores SIGTERM.
const promptly = 500 * time.Millisecond

// leavingKind is a kind of program whose client leaves.
type leavingKind struct {
	name, text string
	read       int64         // bytes of the answer that the client takes first
	stubborn   time.Duration // the stop_timeout, for a program that uses it up
	slow       bool          // tried less often
}

func leavingKinds() []leavingKind {
	const (
		short    = 200 * time.Millisecond // as in the config below
		standard = 2 * time.Second
		deaf     = "trap '' TERM HUP INT\n"
		head     = "printf 'Content-Type: text/plain\\n\\n'\n"
		ever     = "while :; do sleep 60; done\n"
	)
	return []leavingKind{
		{name: "silent", text: announcement + "exec sleep 60\n"},
		{name: "silent after the head", text: head + announcement + "exec sleep 60\n", read: 20},
		{name: "writing", text: announcement + head + "exec cat /dev/zero\n", read: 100_000},
		{name: "writing now and then", text: announcement + head + "while :; do echo tick; sleep 0.02; done\n", read: 20},
		{name: "with children", text: "sleep 60 & sleep 60 &\n" + announcement + "wait\n"},
		{name: "a child writes", text: announcement + head + "cat /dev/zero & sleep 60 & wait\n", read: 100_000},
		{name: "ignores SIGTERM", text: deaf + announcement + ever, stubborn: short},
		{name: "ignores SIGTERM, writing", text: deaf + announcement + head + "cat /dev/zero\n" + ever, read: 1000, stubborn: short},
		{name: "with children that ignore SIGTERM", text: "(" + deaf + "sleep 60) & (" + deaf + ever + ") & sleep 0.05\n" + announcement + "wait\n"},
		{name: "ignores SIGTERM, children too", text: deaf + "sleep 60 & sleep 60 &\n" + announcement + ever, stubborn: short},
		{name: "ignores SIGTERM, default stop_timeout", text: deaf + "sleep 60 &\n" + announcement + ever, stubborn: standard, slow: true},
	}
}

// times is how many clients leave a program of the kind.
func (k leavingKind) times() int {
	switch {
	case soak() && k.slow:
		return 200
	case soak():
		return 1000
	case k.slow:
		return 2 * leavingClients
	}
	return 100
}

// limit is how long the program may live on.
func (k leavingKind) limit() time.Duration { return inTime(promptly) + k.stubborn }

// TestClientsLeave measures how long the processes of a program live on after its client has left.
func TestClientsLeave(t *testing.T) {
	kinds, scripts := leavingKinds(), map[string]string{}
	for i, k := range kinds {
		scripts[fmt.Sprintf("%d.sh", i)] = k.text
	}
	a := serveAnnouncing(t, scripts, `
routes:
  "/*": { cgi: { run: ./cgi-bin, stop_timeout: 200ms } }
  "/default/*": { cgi: ./cgi-bin }
`)
	for i, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			target := fmt.Sprintf("/%d.sh", i)
			if k.slow {
				target = "/default" + target
			}
			stalls := watchStalls()
			took := make([]time.Duration, k.times())
			work := make(chan int)
			var clients sync.WaitGroup
			for range leavingClients {
				clients.Go(func() {
					for n := range work {
						var err error
						if took[n], err = a.leave(target, fmt.Sprintf("%d-%d", i, n), k.read, n); err != nil {
							t.Error(err)
						}
					}
				})
			}
			for n := range took {
				work <- n
			}
			close(work)
			clients.Wait()
			p50, p99, longest := quantiles(took)
			t.Logf("%d clients: gone after p50 %v, p99 %v, longest %v", len(took), p50, p99, longest)
			if limit := k.limit() + stalls.end(t); p99 > limit {
				t.Errorf("p99 %v, want at most %v", p99, limit)
			}
			if took[0] < k.stubborn-10*time.Millisecond {
				t.Errorf("one was gone after %v: it does not ignore SIGTERM", took[0])
			}
		})
	}
}

// leave begins a program, takes so many bytes of its answer, and leaves in the way of its turn: by half a close, a close
// or a reset. It returns the time until the program's group was gone.
func (a *announcing) leave(target, query string, read int64, turn int) (time.Duration, error) {
	conn, group, err := a.begin(target, query)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	if n, err := io.CopyN(io.Discard, conn, read); err != nil {
		return 0, fmt.Errorf("%s: %d of %d bytes: %w", target, n, read, err)
	}
	begun := time.Now()
	switch turn % 3 {
	case 0:
		conn.CloseWrite()
	case 1:
		conn.Close()
	case 2:
		conn.SetLinger(0)
		conn.Close()
	}
	err = awaitGroupGone(group)
	return time.Since(begun), err
}
