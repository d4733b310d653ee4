package http1server

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"gatewayd/gateway/http1"
)

// Bounds are what a client may use up. A duration of 0 is no bound.
type Bounds struct {
	Limits http1.Limits

	HeaderTimeout time.Duration // for a whole head; for the first one from Serve on, for others from its first byte
	IdleTimeout   time.Duration // until the next head begins
	SendTimeout   time.Duration // in each such span a client must take 1 KiB while bytes wait for it
}

// Options is what a Server is made of.
type Options struct {
	Bounds  // at first; see SetBounds
	Handler http.Handler

	// Context makes the context of a request of the one that ends when the client leaves or the handler returns; nil
	// leaves it as it is.
	Context func(context.Context) context.Context
	// Discard reads on what a client sends, within bounds, so that the answer before it arrives. It returns what ended
	// it. nil reads nothing.
	Discard func(src io.Reader, setDeadline func(time.Time) error) error
	// Log is told of a panic that no handler has caught; nil is nobody. http.ErrAbortHandler is none.
	Log func(error)
}

// Server serves connections. Make it with New.
type Server struct {
	opt     Options
	bounds  atomic.Pointer[Bounds]
	date    atomic.Pointer[date]
	closing atomic.Bool // no connection is kept for another request that does not expect it
	hurried atomic.Bool // nor is one that does

	mu    sync.Mutex
	conns map[*Conn]bool // true while there may be a request
	busy  int            // how many of them are true
	quiet chan struct{}  // closed when none is, once closing is set
}

// New returns a Server that has no connections.
func New(opt Options) *Server {
	s := &Server{opt: opt, conns: map[*Conn]bool{}, quiet: make(chan struct{})}
	s.SetBounds(opt.Bounds)
	return s
}

// SetBounds replaces the bounds: for each connection from its next request on, however long it has waited for that.
func (s *Server) SetBounds(b Bounds) { s.bounds.Store(&b) }

// Serve takes over a connection that was accepted just now, and closes it in the end. It does not wait for that. It is
// false if the server is shutting down: then the connection is still the caller's.
func (s *Server) Serve(conn net.Conn) bool {
	c := newConn(s, conn)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() {
		return false
	}
	s.conns[c] = true
	s.busy++
	go c.serve()
	return true
}

// CloseIdle closes the connections that wait for another request, but for those on which one has arrived. It does not
// wait for that.
func (s *Server) CloseIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.leaveIf(idle)
	}
}

// newGrace is how long a client that has just connected may take for its first request when the server shuts down.
const newGrace = 5 * time.Second

// Shutdown takes no new connections, closes those that wait for another request, and returns when what has arrived is
// answered; when ctx ends first it breaks that off.
func (s *Server) Shutdown(ctx context.Context) error { return s.ShutdownAfter(ctx, 0) }

// ShutdownAfter is Shutdown, but connections that wait for another request may have one more, within patience. To close
// such a connection can cross a request on its way, which its client must then take for lost.
func (s *Server) ShutdownAfter(ctx context.Context, patience time.Duration) error {
	s.closing.Store(true)
	if patience > 0 {
		defer time.AfterFunc(patience, s.hurry).Stop()
	} else {
		s.hurry()
	}
	grace := time.AfterFunc(newGrace, s.closeNew)
	defer grace.Stop()
	s.settle()
	var err error
	select {
	case <-s.quiet:
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.closeAll()
	return err
}

// hurry closes the connections that wait for another request, now and from now on.
func (s *Server) hurry() {
	s.hurried.Store(true)
	s.CloseIdle()
}

func (s *Server) closeNew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.leaveIf(fresh)
	}
}

// closeAll closes what is left, those included that only wait for their clients to go.
func (s *Server) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.net.Close()
	}
}

// noMoreRequests is called when a connection has had its last request.
func (s *Server) noMoreRequests(c *Conn) {
	s.mu.Lock()
	if s.conns[c] {
		s.conns[c] = false
		s.busy--
	}
	s.mu.Unlock()
	s.settle()
}

// closed is called when a connection is.
func (s *Server) closed(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
}

func (s *Server) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Load() && s.busy == 0 {
		select {
		case <-s.quiet:
		default:
			close(s.quiet)
		}
	}
}

func (s *Server) log(err error) {
	if s.opt.Log != nil {
		s.opt.Log(err)
	}
}
