package relay

import (
	"net/http"
	"time"
)

// flushDelay is how long bytes may wait for more before they are sent: long enough to join the lines of a program that
// prints them one by one, too short for a person to notice.
const flushDelay = 10 * time.Millisecond

// flusher sends what has been written after flushDelay at the latest, or at once. It is of use once it has been started.
type flusher struct {
	w      http.ResponseWriter
	atOnce bool

	// ResponseWriter is not for two goroutines: turn is empty while one uses it, which may take as long as a client
	// does. It guards what follows too.
	turn    chan struct{}
	timer   *time.Timer
	pending bool // the timer runs
	stopped bool
}

// start begins with the head, which is there to be sent.
func (f *flusher) start(w http.ResponseWriter, atOnce bool) {
	f.w, f.atOnce, f.turn = w, atOnce, make(chan struct{}, 1)
	if atOnce {
		f.flush()
	} else {
		f.pending = true
		f.timer = time.AfterFunc(flushDelay, f.flushPending)
	}
	f.done()
}

func (f *flusher) flush() error { return http.NewResponseController(f.w).Flush() }

func (f *flusher) done() { f.turn <- struct{}{} }

func (f *flusher) Write(p []byte) (int, error) {
	<-f.turn
	defer f.done()
	n, err := f.w.Write(p)
	switch {
	case err != nil:
	case f.atOnce:
		err = f.flush()
	case !f.pending:
		f.pending = true
		f.timer.Reset(flushDelay)
	}
	return n, err
}

func (f *flusher) flushPending() {
	<-f.turn
	defer f.done()
	if f.stopped || !f.pending {
		return
	}
	f.pending = false
	f.flush()
}

// finish sends what has been written and stops.
func (f *flusher) finish() {
	f.stop()
	f.flush()
}

// stop ends the flusher: afterwards it does not touch the ResponseWriter.
func (f *flusher) stop() {
	<-f.turn
	defer f.done()
	f.stopped = true
	if f.timer != nil {
		f.timer.Stop()
	}
}
