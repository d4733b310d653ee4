package htpasswd

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"time"
)

// ErrBusy says that a verification has not had its turn.
var ErrBusy = errors.New("too many passwords are being verified")

// A Gate bounds how many verifications are at work, in all Files that share it, and how many wait. Safe for concurrent
// use.
type Gate struct {
	places  chan struct{}
	waiting atomic.Int64
	most    int64         // that may wait
	wait    time.Duration // for each of them
}

// NewGate lets verifications take half of the processors, or the only one: guessing must leave time for everything else.
func NewGate() *Gate {
	const most, wait = 100, 10 * time.Second
	return newGate(max(1, runtime.GOMAXPROCS(0)/2), most, wait)
}

func newGate(places int, most int64, wait time.Duration) *Gate {
	return &Gate{places: make(chan struct{}, places), most: most, wait: wait}
}

// enter takes a place, in the order of asking. On a nil error leave must follow.
func (g *Gate) enter(ctx context.Context) error {
	select {
	case g.places <- struct{}{}:
		return nil
	default:
	}
	defer g.waiting.Add(-1)
	if g.waiting.Add(1) > g.most {
		return ErrBusy
	}
	timer := time.NewTimer(g.wait)
	defer timer.Stop()
	select {
	case g.places <- struct{}{}:
		return nil
	case <-timer.C:
		return ErrBusy
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Gate) leave() { <-g.places }
