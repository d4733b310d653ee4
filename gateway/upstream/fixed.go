package upstream

import (
	"context"
	"sync"
	"time"
)

const (
	// patience is how many requests in a row a peer may spoil before it is left alone: one is often the request's own
	// doing. Who cannot be reached at all is left alone at once.
	patience = 3
	// A peer is left alone for firstPause, and twice as long each time it has failed again, up to maxPause.
	firstPause = time.Second
	maxPause   = 16 * time.Second
)

// Fixed is the Upstream of an application that somebody else runs, at one or several addresses. The least busy peer is
// lent, those that are equally busy in turns. One that fails is left alone for a while; when that is over a single
// request tries it again. Nobody is refused: where every peer is left alone, the one whose pause ends first is lent.
// Nothing is sent to a peer unasked.
type Fixed struct {
	mu    sync.Mutex
	peers []*fixedPeer
	turn  int // where the search begins
}

// fixedPeer is a Peer and what is known of it.
type fixedPeer struct {
	*Peer
	busy           int
	served, failed uint64

	spoiled int       // requests since the last one that was served
	pauses  int       // since then
	until   time.Time // the end of the last pause
}

// NewFixed returns the Upstream of addresses, of which there must be one at least, each with keep idle connections at
// most. The caller closes it.
func NewFixed(addresses []Address, keep int) *Fixed {
	f := &Fixed{}
	for _, a := range addresses {
		f.peers = append(f.peers, &fixedPeer{Peer: NewPeer(a.String(), a, keep)})
	}
	return f
}

// Lease implements Upstream. It never waits and never fails.
func (f *Fixed) Lease(_ context.Context, not *Peer) (*Lease, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.choose(not, time.Now())
	p.busy++
	pauses := p.pauses
	return NewLease(p.Peer, func(o Outcome) { f.takeBack(p, pauses, o) }), nil
}

// choose finds the best peer. One that is tried again gets another pause at once, lest everyone tries it.
func (f *Fixed) choose(not *Peer, now time.Time) *fixedPeer {
	best := -1
	for i := range f.peers {
		at := (f.turn + i) % len(f.peers)
		if best < 0 || f.peers[at].better(f.peers[best], not, now) {
			best = at
		}
	}
	f.turn = (best + 1) % len(f.peers)
	p := f.peers[best]
	if p.pauses > 0 && !p.paused(now) {
		p.until = now.Add(p.pause())
	}
	return p
}

func (p *fixedPeer) better(q *fixedPeer, not *Peer, now time.Time) bool {
	if p.Peer == not || q.Peer == not {
		return q.Peer == not && p.Peer != not
	}
	if p.paused(now) != q.paused(now) {
		return q.paused(now)
	}
	if p.paused(now) && !p.until.Equal(q.until) {
		return p.until.Before(q.until)
	}
	return p.busy < q.busy
}

func (p *fixedPeer) paused(now time.Time) bool { return now.Before(p.until) }

// pause is the length of the pause that p is in, or was last.
func (p *fixedPeer) pause() time.Duration {
	return min(firstPause<<min(p.pauses-1, 10), maxPause)
}

func (f *Fixed) takeBack(p *fixedPeer, pauses int, o Outcome) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p.busy--
	switch o {
	case Served:
		p.served++
		p.spoiled, p.pauses, p.until = 0, 0, time.Time{}
	case Unreachable, Broken, Faulty:
		p.failed++
		if pauses == p.pauses { // else it began before the pause and says nothing new
			p.spoil(o, time.Now())
		}
	}
}

// spoil is for a request that p has spoiled, of which the pauses so far knew nothing.
func (p *fixedPeer) spoil(o Outcome, now time.Time) {
	p.spoiled++
	if o == Unreachable || p.spoiled >= patience {
		p.pauses++
		p.until = now.Add(p.pause())
	}
}

// Close closes the kept connections; requests that come all the same keep none.
func (f *Fixed) Close() {
	for _, p := range f.peers {
		p.Close()
	}
}

// PeerStats is what a peer of Fixed does now, and what it has done so far.
type PeerStats struct {
	Address string    `json:"address"`
	Busy    int       `json:"busy"`                  // requests in flight
	Idle    int       `json:"idle_connections"`      // kept
	Served  uint64    `json:"served"`                // requests
	Failed  uint64    `json:"failed"`                // requests that it has spoiled
	Paused  time.Time `json:"paused_until,omitzero"` // it is left alone until then
}

// Stats tells what goes on, in the order of the addresses.
func (f *Fixed) Stats() []PeerStats {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := make([]PeerStats, 0, len(f.peers))
	now := time.Now()
	for _, p := range f.peers {
		s := PeerStats{Address: p.Address.String(), Busy: p.busy, Idle: p.Idle(), Served: p.served, Failed: p.failed}
		if p.paused(now) {
			s.Paused = p.until
		}
		all = append(all, s)
	}
	return all
}
