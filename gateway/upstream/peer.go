package upstream

import "sync"

// Peer is one address of an application, with the connections that are kept to it. Safe for concurrent use.
type Peer struct {
	Name    string // for the log: "unix:/run/app.sock", "worker 2 of /srv/app.fcgi"
	Address Address

	mu   sync.Mutex
	keep int    // connections kept at most
	idle []Conn // the one used last at the end
	end  bool
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
	if p.end || len(p.idle) >= p.keep {
		return false
	}
	p.idle = append(p.idle, c)
	return true
}

// Drop closes the kept connections: whoever was behind them is gone.
func (p *Peer) Drop() {
	p.mu.Lock()
	idle := p.idle
	p.idle = nil
	p.mu.Unlock()
	for _, c := range idle {
		c.Close()
	}
}

// Close drops the kept connections and keeps none from now on.
func (p *Peer) Close() {
	p.mu.Lock()
	p.end = true
	p.mu.Unlock()
	p.Drop()
}
