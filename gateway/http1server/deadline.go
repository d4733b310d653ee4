package http1server

import (
	"net"
	"sync"
	"time"
)

// deadline is when reading from a connection must have ended. Most are taken back before they matter, so the
// connection itself is told only of one that comes before the one it has; one that has become too early is put right
// when it strikes.
type deadline struct {
	conn net.Conn

	mu     sync.Mutex
	wanted time.Time // zero is never
	told   time.Time // what the connection knows
	ours   bool      // handlers have no say
}

// set replaces the deadline. While a body is read, handlers may replace it too.
func (d *deadline) set(t time.Time, handlers bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ours = !handlers
	d.apply(t)
}

// setIf is set if the condition holds: with a set that follows upon what changes the condition, the later one counts.
func (d *deadline) setIf(condition func() bool, t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if condition() {
		d.ours = true
		d.apply(t)
	}
}

// setByHandler is set as a handler may call it.
func (d *deadline) setByHandler(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.ours {
		d.apply(t)
	}
}

func (d *deadline) apply(t time.Time) {
	d.wanted = t
	if !t.IsZero() && (d.told.IsZero() || t.Before(d.told)) {
		d.tell(t)
	}
}

func (d *deadline) tell(t time.Time) {
	d.told = t
	d.conn.SetReadDeadline(t)
}

// passed is asked when a read has ended because of a deadline: false says to read again.
func (d *deadline) passed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && !time.Now().Before(d.wanted) {
		return true
	}
	d.tell(d.wanted)
	return false
}
