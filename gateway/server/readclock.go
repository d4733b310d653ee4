package server

import (
	"net"
	"sync"
	"time"
)

// readClock joins two deadlines for reading from a client. While a head is on its way ours counts, which nothing
// extends; otherwise the one that net/http and the handlers set. A deadline that had passed when it was set is no
// deadline but how net/http ends a read from another goroutine: it always counts.
type readClock struct {
	conn net.Conn
	span time.Duration // for a head; 0 is none

	mu    sync.Mutex
	asked time.Time // what was set last
	past  bool      // and had passed
	begun bool      // a head is on its way
	head  time.Time // by then it must be whole; zero is never
}

// begin is called when the first byte of a head has come; again, it does nothing.
func (c *readClock) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun {
		return
	}
	c.begun, c.head = true, time.Time{}
	if c.span > 0 {
		c.head = time.Now().Add(c.span)
	}
	c.apply()
}

// end is called when the head is whole.
func (c *readClock) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.begun {
		c.begun = false
		c.apply()
	}
}

// set is SetReadDeadline as seen from above.
func (c *readClock) set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked, c.past = t, !t.IsZero() && !t.After(time.Now())
	return c.apply()
}

func (c *readClock) apply() error {
	if c.begun && !c.past {
		return c.conn.SetReadDeadline(c.head)
	}
	return c.conn.SetReadDeadline(c.asked)
}

// stopped says whether a read that came too late was ended on purpose.
func (c *readClock) stopped() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.past
}

// SetReadDeadline implements net.Conn.
func (c *strictConn) SetReadDeadline(t time.Time) error { return c.clock.set(t) }

// SetDeadline implements net.Conn.
func (c *strictConn) SetDeadline(t time.Time) error {
	if err := c.clock.set(t); err != nil {
		return err
	}
	return c.Conn.SetWriteDeadline(t)
}
