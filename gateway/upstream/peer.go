package upstream

import (
	"slices"
	"sync"
	"time"
)

const (
	// lately is how long ago a peer may have served for its silence to be taken for a restart.
	lately = time.Minute
	// idleTime is how long a kept connection waits for a request, or up to twice as long.
	idleTime = time.Minute
	// restartTime is how long a restart may take: who has been unreachable for longer is down.
	restartTime = 3 * time.Second
)

// Peer is one address of an application, with the connections that are kept to it. Safe for concurrent use.
type Peer struct {
	Name    string // for the log: "unix:/run/app.sock", "worker 2 of /srv/app.fcgi"
	Address Address

	mu    sync.Mutex
	keep  int         // connections kept at most
	idle  []Conn      // the one used last at the end
	low   int         // the first so many have not been used since the last look
	look  *time.Timer // nil until there has been a connection to keep
	armed bool        // look will come
	off   bool        // no connections are kept: see Keep
	end   bool

	served      time.Time // when a request was last over
	unreachable time.Time // since when no connection could be made; zero if the last one could
}

// NewPeer returns a Peer that keeps at most keep idle connections.
func NewPeer(name string, address Address, keep int) *Peer {
	return &Peer{Name: name, Address: address, keep: keep}
}

// Keeps says whether connections are kept at all.
func (p *Peer) Keeps() bool { return p.keep > 0 }

// Take returns a kept connection that is usable, the one used last first; nil if there is none. It closes those that
// are not.
func (p *Peer) Take() Conn {
	for {
		c := p.pop()
		if c == nil || c.Usable() {
			return c
		}
		c.Close()
	}
}

func (p *Peer) pop() Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	p.idle[last] = nil
	p.idle = p.idle[:last]
	p.low = min(p.low, last)
	return c
}

// Put keeps a connection for another request, or closes it where enough are kept.
func (p *Peer) Put(c Conn) {
	if !p.put(c) {
		c.Close()
	}
}

func (p *Peer) put(c Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.end || p.off || len(p.idle) >= p.keep {
		return false
	}
	p.idle = append(p.idle, c)
	p.lookLater()
	return true
}

// lookLater looks for connections that nobody has used, as long as there are any. The caller holds mu.
func (p *Peer) lookLater() {
	switch {
	case p.armed || len(p.idle) == 0:
		return
	case p.look == nil:
		p.look = time.AfterFunc(idleTime, p.expire)
	default:
		p.look.Reset(idleTime)
	}
	p.armed = true
}

// expire closes the connections that have not been used since the last look.
func (p *Peer) expire() {
	p.mu.Lock()
	unused := slices.Clone(p.idle[:p.low])
	p.idle = slices.Delete(p.idle, 0, p.low)
	p.low, p.armed = len(p.idle), false
	p.lookLater()
	p.mu.Unlock()
	for _, c := range unused {
		c.Close()
	}
}

// Keep turns the keeping of connections on, as it is in the beginning, or off, which closes those that are kept. An
// application that serves one connection after the other serves nobody else while one is kept.
func (p *Peer) Keep(on bool) {
	p.mu.Lock()
	p.off = !on
	p.mu.Unlock()
	if !on {
		p.Drop()
	}
}

// Drop closes the kept connections: whoever was behind them is gone.
func (p *Peer) Drop() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.low = nil, 0
	if p.armed {
		p.armed = !p.look.Stop()
	}
	p.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
}

// ServedLately says whether a connection that is refused is most likely a restart, and worth another try: the peer has
// served within the last minute, and connecting has not failed for more than a few seconds.
func (p *Peer) ServedLately() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.served.IsZero() || time.Since(p.served) > lately {
		return false
	}
	return p.unreachable.IsZero() || time.Since(p.unreachable) <= restartTime
}

// note takes note of how a Lease has ended.
func (p *Peer) note(o Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case o == Unused:
	case o != Unreachable:
		p.unreachable = time.Time{}
	case p.unreachable.IsZero():
		p.unreachable = time.Now()
	}
	if o == Served {
		p.served = time.Now()
	}
}

// Idle is how many connections are kept now.
func (p *Peer) Idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// Close drops the kept connections and keeps none from now on.
func (p *Peer) Close() {
	p.mu.Lock()
	p.end = true
	p.mu.Unlock()
	p.Drop()
}
