package watch

import "time"

// waiting is for the next look.
type waiting struct {
	timer *time.Timer
	poll  time.Duration
	soon  bool      // it comes after settle, not after poll
	last  time.Time // when something was touched
}

func (w *waiting) touched() {
	w.last = time.Now()
	if !w.soon {
		w.soon = true
		w.timer.Reset(settle)
	}
}

// quiet says whether nothing has been touched for a while. Where nobody notifies nobody knows.
func (w *waiting) quiet() bool { return !w.last.IsZero() && time.Since(w.last) >= settle }

func (w *waiting) again(soon bool) {
	w.soon = soon
	if soon {
		w.timer.Reset(settle)
		return
	}
	w.last = time.Time{}
	w.timer.Reset(w.poll)
}
