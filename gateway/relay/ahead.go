package relay

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"gatewayd/gateway/spool"
)

// readAhead reads an answer while its client takes what came before, so that the program, and whoever waits for its
// place, need not wait for the client. It ends with the answer, or when the client has caught up. Two goroutines share
// it: run is for one, take and leave are for the other.
type readAhead struct {
	src      *source
	clock    *idleClock
	queue    *spool.Queue
	taken    atomic.Int64 // bytes
	hungry   atomic.Bool  // the other one waits for more
	patience patience

	more, room chan struct{} // of capacity 1: something was put or taken
	quit       chan struct{} // closed when nobody takes anything any more
	done       chan struct{} // closed when run is over
	err        error         // once it is: the end of the answer, nil if that is not there yet
}

func newReadAhead(src *source, clock *idleClock, dir string) *readAhead {
	return &readAhead{
		src: src, clock: clock, queue: spool.NewQueue(dir),
		more: make(chan struct{}, 1), room: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
}

var errNotWanted = errors.New("nobody takes the rest of the answer")

// run reads. The idle clock runs while it waits for the program, not while it waits for the client.
func (a *readAhead) run() {
	defer close(a.done)
	defer a.clock.pause()
	a.clock.resume()
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for a.err == nil {
		n, err := a.src.Read(*buf)
		caughtUp := a.hungry.Load()
		if !a.keep((*buf)[:n]) {
			err = errNotWanted
		}
		if a.err = err; caughtUp && a.src.left != 0 {
			return
		}
	}
}

// keep puts p where take finds it; false if nobody will. What has no room in memory goes to the file once the client has
// used up its patience again, and what has none there waits for the client.
func (a *readAhead) keep(p []byte) bool {
	for {
		n := a.queue.Put(p, a.patience.left() <= 0)
		if p = p[n:]; n > 0 {
			wake(a.more)
		}
		if len(p) == 0 {
			return true
		}
		if !a.awaitRoom() {
			return false
		}
	}
}

// awaitRoom waits until the client has taken something, or has used up its patience; false if it takes nothing any more.
func (a *readAhead) awaitRoom() bool {
	a.clock.pause()
	defer a.clock.resume()
	since := time.Now()
	defer func() { a.patience.waited += time.Since(since) }()
	var late <-chan time.Time
	a.patience.bytes = a.taken.Load()
	if left := a.patience.left(); left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-a.room:
	case <-late:
	case <-a.quit:
		return false
	}
	return true
}

// wake says that there is something to look at.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take reads what was read ahead. It is 0 without an error when that was all and the reading is the caller's again.
func (a *readAhead) take(ctx context.Context, p []byte) (n int, err error) {
	for ctx.Err() == nil {
		over := a.over()
		n, err = a.queue.Take(p)
		switch {
		case n > 0 || err != nil:
			a.taken.Add(int64(n))
			wake(a.room)
			return n, err
		case over:
			return 0, a.err
		}
		a.await()
	}
	return 0, ctx.Err()
}

func (a *readAhead) over() bool {
	select {
	case <-a.done:
		return true
	default:
		return false
	}
}

// await waits until there is more, or all there will be.
func (a *readAhead) await() {
	a.hungry.Store(true)
	defer a.hungry.Store(false)
	select {
	case <-a.more:
	case <-a.done:
	}
}

// leave ends the reading, which stops a program that has not answered to the end, and lets go of everything.
func (a *readAhead) leave() {
	close(a.quit)
	if !a.over() {
		a.src.body.Close()
		<-a.done
	}
	a.queue.Close()
}
