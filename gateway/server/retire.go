package server

import (
	"time"

	"gatewayd/gateway/admission"
)

// drain is what is known of a route that is no longer there.
type drain struct {
	last  uint64    // the generation that had it
	until time.Time // when its requests are ended; zero is never
}

// retire lets a route go that the Generation last was the last to have. Its requests may take limit, 0 is for ever; then
// what it has opened is closed. The caller holds mu.
func (s *Server) retire(r *route, last uint64, limit time.Duration) {
	d := drain{last: last}
	if limit > 0 {
		d.until = time.Now().Add(limit)
	}
	s.draining[r] = d
	s.leaving.Go(func() {
		r.life.drain(s.leaveCtx, limit, errReplaced(r, limit))
		r.opened.close(s.leave)
		s.mu.Lock()
		delete(s.draining, r)
		s.mu.Unlock()
	})
}

// retireAll is for the end: every route of the last Generation.
func (s *Server) retireAll(g *Generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range g.byKey {
		s.retire(r, g.Number, 0)
	}
}

// leave lets a backend that takes no new requests finish: its programs may work on after their answer, until the server
// ends.
func (s *Server) leave(b backend) {
	s.leaving.Go(func() {
		b.Wait(s.leaveCtx)
		b.Close()
	})
}

// drainingGate is that of a route that drains, nil if there is none of that key.
func (s *Server) drainingGate(key string) *admission.Gate {
	s.mu.Lock()
	defer s.mu.Unlock()
	for r := range s.draining {
		if r.key == key && r.gate != nil {
			return r.gate
		}
	}
	return nil
}
