package http1server

import (
	"errors"
	"os"
	"sync"
	"time"
)

// watchDelay is how long a request is at work before anybody looks after its client: most are answered by then, and have
// cost no more than to say that they had begun.
const watchDelay = 40 * time.Millisecond

// watch notices a client that leaves while its request is at work: it reads on, and what comes is there for the next
// request. Its timer strikes for whatever request there is then, and goes on as long as there is one.
type watch struct {
	conn *Conn

	mu    sync.Mutex
	phase watchPhase
	since time.Time // when the request began
	left  func()    // called when the client leaves
	timer *time.Timer
	armed bool          // the timer will strike
	over  chan struct{} // closed when reading has ended; made when it begins
}

type watchPhase uint8

const (
	notWatching watchPhase = iota
	aboutToWatch
	watching
)

// begin is called once the whole request has been read, or with now as the time of its head if that is all of it.
func (w *watch) begin(now time.Time, left func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.phase, w.since, w.left = aboutToWatch, now, left
	if !w.armed {
		w.arm(watchDelay)
	}
}

func (w *watch) arm(delay time.Duration) {
	w.armed = true
	if w.timer == nil {
		w.timer = time.AfterFunc(delay, w.strike)
	} else {
		w.timer.Reset(delay)
	}
}

func (w *watch) strike() {
	if left, over := w.mayRead(); left != nil {
		defer close(over)
		w.conn.in.readAhead(left)
	}
}

// mayRead returns what it takes to read if a request has been at work for long enough.
func (w *watch) mayRead() (left func(), over chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.armed = false
	if w.phase != aboutToWatch {
		return nil, nil
	}
	if early := watchDelay - time.Since(w.since); early > 0 {
		w.arm(early)
		return nil, nil
	}
	w.phase, w.over = watching, make(chan struct{})
	w.conn.until.set(time.Time{}, false)
	return w.left, w.over
}

// readAhead reads until the client leaves, which it tells, there is no more room, or the deadline has passed.
func (in *input) readAhead(left func()) {
	for !in.full() {
		if err := in.fill(); err != nil {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				left()
			}
			return
		}
	}
}

// end is called when the request has been answered. Afterwards nobody but the caller reads.
func (w *watch) end() {
	w.mu.Lock()
	reading, over := w.phase == watching, w.over
	w.phase, w.left = notWatching, nil
	w.mu.Unlock()
	if reading {
		w.conn.until.set(time.Unix(1, 0), false)
		<-over
	}
}
