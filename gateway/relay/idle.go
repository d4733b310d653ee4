package relay

import (
	"sync/atomic"
	"time"
)

// idleClock calls a function once when nothing has moved for a while. It begins with the first touch: until there is a
// program, none is idle. Touching it costs one atomic store; only its own timer looks at the time that has passed.
type idleClock struct {
	limit   time.Duration
	expired func()

	start  time.Time
	last   atomic.Int64 // time of the last touch, since start; 0 before the first
	paused atomic.Bool  // bytes wait for the client: the program is not the one that is idle
	timer  *time.Timer
}

// startIdleClock starts a clock; without a limit it never fires.
func startIdleClock(limit time.Duration, expired func()) *idleClock {
	c := &idleClock{limit: limit, expired: expired, start: time.Now().Add(-1)} // so that no touch is at 0
	if limit > 0 {
		c.timer = time.AfterFunc(time.Hour, c.check)
		c.timer.Reset(limit) // not before the field is set, which check reads
	}
	return c
}

func (c *idleClock) check() {
	idle := time.Since(c.start) - time.Duration(c.last.Load())
	switch {
	case c.paused.Load() || c.last.Load() == 0:
		c.timer.Reset(c.limit)
	case idle >= c.limit:
		c.expired()
	default:
		c.timer.Reset(c.limit - idle)
	}
}

func (c *idleClock) touch() { c.last.Store(int64(time.Since(c.start))) }

// pause and resume enclose a wait for the client.
func (c *idleClock) pause() { c.paused.Store(true) }

func (c *idleClock) resume() {
	c.touch()
	c.paused.Store(false)
}

func (c *idleClock) stop() {
	if c.timer != nil {
		c.timer.Stop()
	}
}
