package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

var (
	errNotNeeded = errors.New("it was stopped because it was not needed any more")
	errOverdue   = errors.New("it was stopped because another had taken its place in a rolling restart, and the time for its last requests was over")
)

// Restart replaces the workers, for a new version of their program: each new one is ready before the one in its place
// gets no more requests. That ends when those that it has are answered, at the latest after drain; 0 is never. Restart
// does not wait for it. The first is replaced alone, the others a few at a time. If a new worker does not become ready
// the error says why, and those that have not been replaced go on; if it is the first, nothing has changed. Restarts
// follow each other.
func (p *Pool) Restart(ctx context.Context, drain time.Duration) error {
	select {
	case p.restarts <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.restarts }()
	p.restarting(true)
	defer p.restarting(false)
	if err := p.renew(ctx, 0, drain); err != nil {
		return err
	}
	if err := p.renewOthers(ctx, drain); err != nil {
		return fmt.Errorf("not all of the workers were replaced: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renewed++
	return nil
}

func (p *Pool) restarting(is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.renewing = is
}

// surge is how many workers are replaced at the same time: a quarter, and one at least. So many more than otherwise
// there are meanwhile.
func (s *Spec) surge() int { return max(s.Workers/4, 1) }

// renewOthers replaces all but the first.
func (p *Pool) renewOthers(ctx context.Context, drain time.Duration) error {
	var places []int
	for place := 1; place < p.spec.Workers; place++ {
		places = append(places, place)
	}
	for few := range slices.Chunk(places, p.spec.surge()) {
		errs := make([]error, len(few))
		var all sync.WaitGroup
		for i, place := range few {
			all.Go(func() { errs[i] = p.renew(ctx, place, drain) })
		}
		all.Wait()
		for _, err := range errs { // one says enough
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// renew puts another slot in the place of one, once there is a worker in it.
func (p *Pool) renew(ctx context.Context, place int, drain time.Duration) error {
	if ctx.Err() != nil { // nothing is started for who has left
		return context.Cause(ctx)
	}
	next, err := p.succeed(place)
	if err != nil {
		return err
	}
	if err := next.awaitReady(ctx); err != nil {
		next.end(errNotNeeded)
		<-next.gone
		return err
	}
	recovered, err := p.seat(next, place, drain)
	if recovered {
		next.tell(Recovered, nil, "it is ready after a rolling restart", "")
	}
	return err
}

// succeed makes a slot that is to come to a place.
func (p *Pool) succeed(place int) (*slot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return nil, p.closed()
	}
	return newSlot(p, p.slots[place].number, true), nil
}

// seat puts next in its place and has the slot that was there leave; recovered says that that had given up.
func (p *Pool) seat(next *slot, place int, drain time.Duration) (recovered bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing { // which ends next too
		return false, p.closed()
	}
	old := p.slots[place]
	p.slots[place] = next
	next.served, next.starts = old.served, old.starts+next.starts
	old.leaving, next.trial = true, false
	p.leaving = append(p.leaving, old)
	p.settle()
	p.kept.Go(func() { old.leave(drain) })
	return old.failure != nil, nil
}

// awaitReady waits until there is a worker that is ready, or a reason why there is none.
func (s *slot) awaitReady(ctx context.Context) error {
	return s.pool.until(ctx, func() (bool, error) {
		switch {
		case s.pool.closing:
			return false, s.pool.closed()
		case s.failure != nil:
			return false, s.pool.unavailable(s)
		}
		return s.state == ready, nil
	})
}

// leave ends the slot's worker when it has nothing to do any more, or its time is over.
func (s *slot) leave(drain time.Duration) {
	ctx, cancel := s.life, context.CancelFunc(func() {})
	if drain > 0 {
		ctx, cancel = context.WithTimeoutCause(ctx, drain, errOverdue)
	}
	defer cancel()
	why := s.pool.until(ctx, func() (bool, error) { return s.busy == 0, nil })
	if why == nil {
		why = errNotNeeded
	}
	s.pool.mu.Lock()
	s.end(why) // with the lock held: see probe
	s.pool.mu.Unlock()
	<-s.gone
	if s.peer != nil {
		s.peer.Close()
	}
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.pool.leaving = slices.DeleteFunc(s.pool.leaving, func(other *slot) bool { return other == s })
}
