package http1server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"gatewayd/gateway/http1"
)

// Conn is a client's connection.
type Conn struct {
	server *Server
	net    net.Conn
	bounds *Bounds // of the request that is served, or awaited
	out    *pacedConn
	in     *input
	until  deadline // for reading
	watch  watch
	head   http1.Head
	remote string

	answer http.Header // the header of one answer after the other
	pieces [6][]byte   // of an answer, while they are sent
	line   [20]byte    // one of them

	begun   time.Time    // when the server got it, later when it began to wait for the next head
	served  bool         // there has been a request
	broken  bool         // the last answer is not whole
	refused error        // why what came is no request
	state   atomic.Int32 // fresh, idle, active or leaving
	givenUp atomic.Bool  // it is good for no other request, whatever its answer says
}

// The states of a connection.
const (
	fresh int32 = iota // no head has begun yet
	idle               // waits for the next one
	active
	leaving // waits no longer: it ends unless a head has come already; see closing.go
)

type connKey struct{}

// FromContext is the connection that a request with this context came by, nil if it is none of a Server's.
func FromContext(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}

func newConn(s *Server, conn net.Conn) *Conn {
	b := s.bounds.Load()
	c := &Conn{server: s, net: conn, bounds: b, out: paced(conn, b.SendTimeout), head: http1.NewHead(b.Limits), begun: time.Now()}
	c.until.conn = conn
	c.in = newInput(conn, &c.until)
	c.watch.conn = c
	if addr := conn.RemoteAddr(); addr != nil {
		c.remote = addr.String()
	}
	return c
}

// serve answers one request after another.
func (c *Conn) serve() {
	defer c.end()
	for c.awaitHead() {
		if !c.nextExchange().serve() || !c.wait() {
			return
		}
	}
}

// wait makes the connection one that waits for another request; false if it may not. A client that was told so by the
// last answer does not come here. One that was not, because the server has hurried only since, may have sent another.
func (c *Conn) wait() bool {
	if c.givenUp.Load() {
		return false
	}
	c.served, c.begun = true, time.Now()
	c.state.Store(idle)
	if c.server.hurried.Load() {
		c.leaveIf(idle)
	}
	return true
}

// awaitHead waits for a whole head, or finds why there is none: refused. It is false if there is nobody to answer.
func (c *Conn) awaitHead() bool {
	c.renewBounds()
	c.head.Reset()
	c.until.set(after(c.begun, c.firstSpan()), false)
	c.wake() // if that has replaced what was to
	for begun := false; ; {
		if !begun {
			c.renewBounds()
		}
		size, refusal := c.head.Parse(c.in.bytes())
		whole := size > 0 || refusal != nil
		if !begun && (whole || c.head.Begun()) {
			begun = true
			c.headBegins(whole)
		}
		if refusal != nil {
			c.refused = refusal
		}
		if whole {
			return true
		}
		if err := c.in.fill(); err != nil {
			if c.mayStay(err) {
				continue
			}
			c.refused = c.headError(err)
			return begun && c.refused != nil
		}
	}
}

// renewBounds takes over the bounds of the server, as long as no head has begun.
func (c *Conn) renewBounds() {
	if b := c.server.bounds.Load(); b != c.bounds {
		c.bounds, c.out.span = b, b.SendTimeout
		c.head.SetLimits(b.Limits)
	}
}

// headBegins ends the wait. A head that has come just before the connection was to end is its last.
func (c *Conn) headBegins(whole bool) {
	wasLeaving := c.state.Swap(active) == leaving
	if wasLeaving {
		c.GiveUp()
	}
	if (c.served || wasLeaving) && !whole {
		c.until.set(after(c.in.last, c.bounds.HeaderTimeout), false)
	}
}

// firstSpan bounds the wait for a head to begin; for the first one also the wait for all of it.
func (c *Conn) firstSpan() time.Duration {
	if c.served {
		return c.bounds.IdleTimeout
	}
	return c.bounds.HeaderTimeout
}

func after(t time.Time, span time.Duration) time.Time {
	if span <= 0 {
		return time.Time{}
	}
	return t.Add(span)
}

// ErrSlowHead is why a head that took longer than HeaderTimeout is refused.
var ErrSlowHead = errors.New("the request head was not whole in time")

// headError is what a client is told whose head has ended in the middle, nil if there is no client.
func (c *Conn) headError(err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ErrSlowHead
	case c.in.ended():
		return &http1.Refusal{Status: http.StatusBadRequest, Reason: "the connection ended before the request head did"}
	}
	return nil
}

// Refusal is why there is no request but only what was to be one, nil if there is a request: a *http1.Refusal or
// ErrSlowHead. It is for the handler of the request that is being answered; that has what is known of what came.
func (c *Conn) Refusal() error {
	if c == nil {
		return nil
	}
	return c.refused
}

// header is that of the next answer, empty.
func (c *Conn) header() http.Header {
	if c.answer == nil {
		c.answer = http.Header{}
	}
	return c.answer
}

// callHandler is false if the handler has broken off its answer.
func (s *Server) callHandler(w http.ResponseWriter, r *http.Request) (whole bool) {
	defer func() {
		if whole {
			return
		}
		if reason := recover(); reason != http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
			s.log(fmt.Errorf("a handler panicked: %v", reason))
		}
	}()
	s.opt.Handler.ServeHTTP(w, r)
	return true
}
