package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/http1server"
)

// life is what runs on a route, over all generations that have it. It ends when a change has removed or replaced the
// route: then it takes no more requests, and is over when those that it has are answered.
type life struct {
	mu      sync.Mutex
	flights map[*flight]struct{}
	ending  bool
	over    chan struct{} // closed once it is ending and has no flights
}

// flight is a request on a route.
type flight struct {
	life       *life
	generation uint64            // that it began under
	conn       *http1server.Conn // nil if it came by none
	cancel     func(error)       // ends what the handler waits for; nil until it can be ended so
}

var flights = sync.Pool{New: func() any { return new(flight) }}

func newLife() *life {
	return &life{flights: map[*flight]struct{}{}, over: make(chan struct{})}
}

// begin takes a request; nil if the life is ending.
func (l *life) begin(r *http.Request, generation uint64) *flight {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ending {
		return nil
	}
	f := flights.Get().(*flight)
	f.life, f.generation, f.conn = l, generation, http1server.FromContext(r.Context())
	l.flights[f] = struct{}{}
	return f
}

// end forgets the request; f is not used any more.
func (f *flight) end() {
	l := f.life
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.flights, f)
	l.settle()
	*f = flight{}
	flights.Put(f)
}

// EndBy says how the request can be ended; see gateway.Request.Ender.
func (f *flight) EndBy(cancel context.CancelCauseFunc) {
	f.life.mu.Lock()
	defer f.life.mu.Unlock()
	f.cancel = cancel
}

// finish takes no more requests.
func (l *life) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ending = true
	l.settle()
}

func (l *life) settle() {
	if !l.ending || len(l.flights) > 0 {
		return
	}
	select {
	case <-l.over:
	default:
		close(l.over)
	}
}

// requests is how many there are; older of them began under a generation before that number.
func (l *life) requests(number uint64) (all, older int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.flights {
		if f.generation < number {
			older++
		}
	}
	return len(l.flights), older
}

// cancel ends what the requests wait for; those that wait for nothing but their clients are broken off.
func (l *life) cancel(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.flights {
		if f.cancel != nil {
			f.cancel(cause)
		} else {
			f.breakOff()
		}
	}
}

// breakOff ends the connections of the requests that are left.
func (l *life) breakOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for f := range l.flights {
		f.breakOff()
	}
}

func (f *flight) breakOff() {
	if f.conn != nil {
		f.conn.Break()
	}
}

// drain waits until the requests are answered. When limit is over (0 is never) or now ends, they are ended for the
// reason cause, and get stopTime to notice, and their connections as much.
func (l *life) drain(now context.Context, limit time.Duration, cause error) {
	l.finish()
	var late <-chan time.Time
	if limit > 0 {
		timer := time.NewTimer(limit)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-l.over:
		return
	case <-late:
		l.cancel(cause)
	case <-now.Done():
		l.breakOff()
	}
	for range 2 {
		select {
		case <-l.over:
			return
		case <-time.After(stopTime):
			l.breakOff()
		}
	}
}

// errReplaced ends a request whose route a change has removed or replaced.
func errReplaced(r *route, limit time.Duration) error {
	return &gateway.Error{
		Status:     http.StatusServiceUnavailable,
		Op:         "drain " + r.conf.Pattern,
		Err:        fmt.Errorf("a reload has removed or changed the route, and drain_timeout: %s is over", limit),
		Hint:       "raise drain_timeout if requests rightly take that long",
		Public:     "The configuration of the server has changed. Try again.",
		RetryAfter: time.Second,
	}
}

// entering serves requests for a route that lives. One that has found the route in the last moment of its life goes to
// what has taken its place.
func (s *Server) entering(r *route, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		req := gateway.FromContext(request.Context())
		f := r.life.begin(request, req.Generation)
		if f == nil {
			s.enterAgain(w, request)
			return
		}
		defer f.end()
		req.Ender = f
		next.ServeHTTP(w, request)
	})
}

func (s *Server) enterAgain(w http.ResponseWriter, r *http.Request) {
	g := s.acquire()
	defer g.release()
	req := gateway.FromContext(r.Context())
	req.Generation, req.Table = g.Number, g.table
	g.table.ServeHTTP(w, r)
}

var errEnding = errors.New("the server is shutting down")
