package worker

import (
	"context"
	"time"
)

// Restart replaces the workers one after the other, for a new version of their program: each new one is ready before the
// one in its place gets no more requests. That ends when those that it has are answered, at the latest after drain; 0 is
// never. Restart does not wait for it. If a new worker does not become ready the error says why, and those that have not
// been replaced go on; if it is the first, nothing has changed. Restarts follow each other.
func (p *Pool) Restart(ctx context.Context, drain time.Duration) error {
	select {
	case p.restarts <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.restarts }()
	p.restarting(true)
	defer p.restarting(false)
	for i := range p.spec.Workers {
		if err := p.renew(ctx, i, drain); err != nil {
			return err
		}
	}
	return nil
}

func (p *Pool) restarting(is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.renewing = is; !is {
		p.renewed++
	}
}

// renew puts another slot in the place of one, once there is a worker in it.
func (p *Pool) renew(ctx context.Context, place int, drain time.Duration) error {
	next, err := p.succeed(place)
	if err != nil {
		return err
	}
	if err := next.awaitReady(ctx); err != nil {
		next.end()
		<-next.gone
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing { // which ends next too
		return p.closed()
	}
	old := p.slots[place]
	p.slots[place] = next
	next.served, next.starts = old.served, old.starts+next.starts
	old.leaving, next.trial = true, false
	p.settle()
	p.kept.Go(func() { old.leave(drain) })
	return nil
}

func (p *Pool) succeed(place int) (*slot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil, p.closed()
	}
	return newSlot(p, p.slots[place].number, true), nil
}

// awaitReady waits until there is a worker that is ready, or a reason why there is none.
func (s *slot) awaitReady(ctx context.Context) error {
	for {
		s.pool.mu.Lock()
		isReady, failed, closing, change := s.state == ready, s.failure != nil, s.pool.closing, s.pool.nextChange()
		s.pool.mu.Unlock()
		switch {
		case closing:
			return s.pool.closed()
		case failed:
			s.pool.mu.Lock()
			defer s.pool.mu.Unlock()
			return s.pool.unavailable(s)
		case isReady:
			return nil
		}
		select {
		case <-change:
		case <-s.life.Done():
			return s.pool.closed()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// leave ends the slot's worker when it has nothing to do any more, or its time is over.
func (s *slot) leave(drain time.Duration) {
	var late <-chan time.Time
	if drain > 0 {
		timer := time.NewTimer(drain)
		defer timer.Stop()
		late = timer.C
	}
	for over := false; !over; {
		s.pool.mu.Lock()
		busy, change := s.busy, s.pool.nextChange()
		s.pool.mu.Unlock()
		if busy == 0 {
			break
		}
		select {
		case <-change:
		case <-late:
			over = true
		case <-s.gone:
			over = true
		case <-s.life.Done():
			over = true
		}
	}
	s.pool.mu.Lock()
	s.end() // with the lock held: see probe
	s.pool.mu.Unlock()
	<-s.gone
	if s.peer != nil {
		s.peer.Close()
	}
}
