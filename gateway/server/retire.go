package server

import (
	"time"

	"gatewayd/gateway/admission"
)

// retire lets a route go that is no longer there. Its requests may take limit, 0 is for ever; then what it has opened is
// closed. The caller holds mu.
func (s *Server) retire(r *route, limit time.Duration) {
	until := time.Time{}
	if limit > 0 {
		until = time.Now().Add(limit)
	}
	s.draining[r] = until
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
		s.retire(r, 0)
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
