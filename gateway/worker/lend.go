package worker

import (
	"container/list"
	"context"
	"errors"
	"time"

	"gatewayd/gateway/upstream"
)

// waiter is a request that waits for a place.
type waiter struct {
	not *upstream.Peer
	got chan place // has room for one
}

// place is what a waiter gets.
type place struct {
	slot  *slot
	lease *upstream.Lease
	err   error
}

// Lease implements upstream.Upstream. Nobody overtakes those who wait. It fails at once while there is no hope for any
// worker.
func (p *Pool) Lease(ctx context.Context, not *upstream.Peer) (*upstream.Lease, error) {
	return p.LeaseWithin(ctx, not, 0)
}

// LeaseWithin is Lease for who waits no longer than limit; 0 is for ever. More than the workers can take are let in
// while some of them cannot be had, or are at work for clients that have left.
func (p *Pool) LeaseWithin(ctx context.Context, not *upstream.Peer, limit time.Duration) (*upstream.Lease, error) {
	lease, waits, err := p.take(not)
	if waits != nil {
		return p.await(ctx, waits, limit)
	}
	return lease, err
}

// take gives a place, or one in the queue.
func (p *Pool) take(not *upstream.Peer) (*upstream.Lease, *list.Element, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil, nil, p.closed()
	}
	if p.waiting.Len() == 0 {
		if s := p.occupy(not); s != nil {
			return p.lend(s), nil, nil
		}
	}
	if s := p.hopeless(); s != nil {
		return nil, nil, p.unavailable(s)
	}
	return nil, p.waiting.PushBack(&waiter{not, make(chan place, 1)}), nil
}

// await waits for a place. Whoever gives up in the moment in which it is given one passes it on.
func (p *Pool) await(ctx context.Context, e *list.Element, limit time.Duration) (*upstream.Lease, error) {
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	w := e.Value.(*waiter)
	var err error
	select {
	case got := <-w.got:
		return got.lease, got.err
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-late:
		err = p.noneFree(limit)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case got := <-w.got:
		if got.slot != nil {
			got.slot.busy--
			p.leased--
			p.settle()
		}
	default:
		p.waiting.Remove(e)
	}
	return nil, err
}

// occupy counts a request at the best slot that is free; not only if there is no other.
func (p *Pool) occupy(not *upstream.Peer) *slot {
	var best *slot
	for _, s := range p.slots {
		if s.free() && (best == nil || s.better(best, not)) {
			best = s
		}
	}
	if best != nil {
		p.lent++
		best.used = p.lent
		best.busy++
		p.leased++
	}
	return best
}

func (s *slot) occupied() bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return s.busy > 0
}

func (s *slot) free() bool { return s.state == ready && s.busy < s.pool.spec.Concurrency }

// better prefers the least busy worker, and of those that are equally busy the one used last: what it needs is still in
// the processor's caches, and workers that a quiet time has no use for are left to sleep.
func (s *slot) better(than *slot, not *upstream.Peer) bool {
	switch {
	case s.peer == not || than.peer == not:
		return than.peer == not && s.peer != not
	case s.busy != than.busy:
		return s.busy < than.busy
	}
	return s.used > than.used
}

// lend makes the Lease of a place that was occupied. The caller holds mu.
func (p *Pool) lend(s *slot) *upstream.Lease {
	w := s.worker
	w.lent = true
	l := upstream.NewLease(s.peer, func(o upstream.Outcome) { p.takeBack(s, w, o) })
	l.Ending = w.ending
	return l
}

// takeBack acts on what is said of worker w in slot s, which may have another by now.
func (p *Pool) takeBack(s *slot, w *worker, o upstream.Outcome) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.settle()
	p.leased--
	switch {
	case o == upstream.Served:
		s.served++
		if s.worker != nil {
			s.worker.served = true
		} else {
			s.early = true
		}
	case o == upstream.Unused:
	case o == upstream.Broken: // most likely it has ended, and the next one is being started
	case o == upstream.Faulty && w == s.worker:
		w.replace(errors.New("it has violated the protocol, or did not end a request in time"))
	case o == upstream.Unreachable:
		s.suspect(p.spec.StartTimeout)
		return
	default:
		s.suspect(p.spec.BusyTimeout)
		return
	}
	s.busy--
}

// suspect keeps a place of the slot occupied until its worker has shown that it is fit, which it must within limit. The
// caller holds mu.
func (s *slot) suspect(limit time.Duration) {
	w := s.worker
	if w == nil || s.life.Err() != nil {
		s.busy--
		return
	}
	if s.pool.unasked.Load() {
		w.replace(errors.New("it may be busy with a request that nobody wants any more, and cannot be asked"))
		s.busy--
		return
	}
	s.peer.Drop() // a connection that is kept may occupy it
	s.pool.kept.Go(func() { s.probe(w, limit) })
}

func (s *slot) probe(w *worker, limit time.Duration) {
	ctx, cancel := context.WithTimeout(w.life, limit)
	defer cancel()
	err := w.ask(ctx)
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if err != nil && w.life.Err() == nil {
		w.replace(busyFor(err, limit))
	}
	s.busy--
	s.pool.settle()
}

// settle gives free places to those who have waited longest, and tells those who need not hope. The caller holds mu.
func (p *Pool) settle() {
	for p.waiting.Len() > 0 {
		first := p.waiting.Front()
		s := p.occupy(first.Value.(*waiter).not)
		if s == nil {
			break
		}
		p.waiting.Remove(first).(*waiter).got <- place{slot: s, lease: p.lend(s)}
	}
	if s := p.hopeless(); s != nil && p.waiting.Len() > 0 {
		p.refuseAll(p.unavailable(s))
	}
	for _, c := range p.watchers {
		close(c)
	}
	p.watchers = p.watchers[:0]
}

func (p *Pool) refuseAll(err error) {
	for p.waiting.Len() > 0 {
		p.waiting.Remove(p.waiting.Front()).(*waiter).got <- place{err: err}
	}
}

// hopeless is a slot that says why no worker can be expected soon, nil if one can.
func (p *Pool) hopeless() *slot {
	for _, s := range p.slots {
		if s.failure == nil {
			return nil
		}
	}
	return p.slots[0]
}
