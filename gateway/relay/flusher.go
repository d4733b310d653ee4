package relay

import (
	"net/http"
	"time"
)

// flushDelay is how long bytes may wait for more before they are sent: long enough to join the lines of a program that
// prints them one by one, too short for a person to notice.
const flushDelay = 10 * time.Millisecond

// flusher sends what has been written after flushDelay at the latest, or at once.
type flusher struct {
	w      http.ResponseWriter
	ctl    *http.ResponseController
	atOnce bool

	// ResponseWriter is not for two goroutines: turn is empty while one uses it, which may take as long as a client
	// does. It guards what follows too.
	turn    chan struct{}
	timer   *time.Timer
	pending bool // the timer runs
	stopped bool
}

// newFlusher returns a flusher that has the head to send.
func newFlusher(w http.ResponseWriter, atOnce bool) *flusher {
	f := &flusher{w: w, ctl: http.NewResponseController(w), atOnce: atOnce, turn: make(chan struct{}, 1)}
	if atOnce {
		f.ctl.Flush()
	} else {
		f.pending = true
		f.timer = time.AfterFunc(flushDelay, f.flushPending)
	}
	f.done()
	return f
}

func (f *flusher) done() { f.turn <- struct{}{} }

func (f *flusher) Write(p []byte) (int, error) {
	<-f.turn
	defer f.done()
	n, err := f.w.Write(p)
	switch {
	case err != nil:
	case f.atOnce:
		err = f.ctl.Flush()
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
	f.ctl.Flush()
}

// finish sends what has been written and stops.
func (f *flusher) finish() {
	f.stop()
	f.ctl.Flush()
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
