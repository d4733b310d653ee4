package fastcgi

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"sync"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/stderr"
	"gatewayd/gateway/upstream"
)

// exchange is one request and its answer. It holds a place in the Gate from its beginning until leave, and a place at a
// peer from hold until end.
//
// Whoever holds reading reads the answer, and ends the exchange: RoundTrip, then the Body. Who finds that nobody wants
// the rest sets err, and has the exchange to himself from then on (see windUp).
type exchange struct {
	backend *Backend
	req     *gateway.Request // only until RoundTrip returns
	ctx     context.Context
	script  string // for the log
	log     func(line string)
	touch   func() // tells the idle clock that bytes moved
	unwatch func() bool
	gone    chan struct{} // guarded by backend.mu; nil while nobody waits
	input   input

	reading sync.Mutex
	lease   *upstream.Lease // nil when there is no place at a peer
	peer    string          // for the log
	reused  bool            // the connection had carried a request before
	left    bool            // see leave
	in      *reader         // the records that the application sends
	out     *bufio.Reader   // what is in STDOUT of them
	last    error           // why no more records are read; io.EOF after END_REQUEST
	said    bool            // something has come in STDOUT
	stdout  bool            // STDOUT has ended
	aborted bool            // ABORT_REQUEST was sent
	status  uint32          // appStatus, once the request has ended
	ready   bool            // the exchange is over and all of the answer is in out and rest
	rest    []byte          // what of the answer lies behind out; if ready
	errs    *stderr.Lines   // nil until something has come
	err     error           // how reading the answer has ended

	mu   sync.Mutex
	conn *conn // nil when there is none
	cut  bool  // reads and writes return at once: see interrupt
	why  error // why it was ended from this side, if the context does not say
}

var (
	readers = sync.Pool{New: func() any { return new(reader) }}
	outs    = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}
)

func newExchange(b *Backend, req *gateway.Request) *exchange {
	x := &exchange{backend: b, req: req, ctx: req.Context(), script: req.Script.Filename, log: req.Stderr, touch: req.Touch}
	if x.touch == nil {
		x.touch = func() {}
	}
	x.input.body = req.Body
	if req.Body == http.NoBody {
		x.input.body = nil
	}
	return x
}

// scope ends the exchange if RoundTrip panics.
func (x *exchange) scope() {
	if x.req != nil { // roundTrip has not come to its end
		x.end(upstream.Abandoned)
		x.leave()
	}
}

// roundTrip sends the request and reads the head of the answer.
func (x *exchange) roundTrip() (*http.Response, error) {
	x.unwatch = context.AfterFunc(x.ctx, x.cancel)
	resp, err := x.attempt(nil)
	for tries := 1; err != nil; tries++ {
		failed, ok := x.repeat(tries)
		if !ok {
			break
		}
		resp, err = x.attempt(failed)
	}
	if err != nil {
		x.conclude(err)
		err = x.err
	}
	x.req = nil
	return resp, err
}

// attempt sends the request once. failed is the peer that has failed it already.
func (x *exchange) attempt(failed *upstream.Peer) (*http.Response, error) {
	if err := x.connect(failed); err != nil {
		return nil, err
	}
	x.req.Timing.Started = time.Now()
	x.touch()
	x.open()
	if err := x.send(); err != nil {
		return nil, err
	}
	resp, err := x.readHead()
	if err != nil {
		return nil, err
	}
	x.req.Timing.FirstByte = time.Now()
	if x.missed(resp) {
		x.explainMissed(resp.StatusCode)
	}
	x.buffer(resp)
	resp.Body = (*body)(x)
	return resp, nil
}

// open gets ready to read an answer.
func (x *exchange) open() {
	if x.in == nil {
		x.in, x.out = readers.Get().(*reader), outs.Get().(*bufio.Reader)
	}
	x.in.reset(x.conn)
	x.out.Reset((*stdout)(x))
	x.last, x.said, x.stdout, x.status = nil, false, false, 0
}

// free gives the buffers back. Nothing is read afterwards.
func (x *exchange) free() {
	if x.in == nil {
		return
	}
	x.in.reset(nil)
	x.out.Reset(nil)
	readers.Put(x.in)
	outs.Put(x.out)
	x.in, x.out, x.rest = nil, nil, nil
}

// hold takes charge of a place at a peer; it is false when the Backend is closed.
func (x *exchange) hold(lease *upstream.Lease) bool {
	if !x.backend.add(x) {
		lease.Release(upstream.Unused)
		return false
	}
	x.lease, x.peer = lease, lease.Peer.Name
	return true
}

// end gives back the connection and the place at the peer, if there still are any. A connection is kept only if nothing
// is under way on it: not even ABORT_REQUEST, which libfcgi and PHP do not understand when it has come too late.
func (x *exchange) end(o upstream.Outcome) {
	if x.lease == nil {
		return
	}
	x.mu.Lock()
	c, cut := x.conn, x.cut
	x.conn = nil
	x.mu.Unlock()
	switch {
	case c == nil:
	case x.last != io.EOF || x.aborted || !x.lease.Peer.Keeps() || !x.in.clean() || !x.input.over() || c.unread(x.input.sent):
		c.Close()
	case cut && c.SetDeadline(time.Time{}) != nil:
		c.Close()
	default:
		c.since = time.Now()
		x.lease.Peer.Put(c)
	}
	x.lease.Release(o)
	x.lease = nil
	x.backend.remove(x)
}

// leave ends the exchange as far as others wait for it. The buffers may still hold a part of the answer.
func (x *exchange) leave() {
	if x.left {
		return
	}
	x.left = true
	x.unwatch()
	if x.errs != nil {
		x.errs.End()
	}
	x.backend.opt.Gate.Leave()
}

// readHead reads the head of the answer.
func (x *exchange) readHead() (*http.Response, error) {
	resp, err := cgispec.ReadResponse(x.out, cgispec.ResponseOptions{
		MaxHeader: x.backend.opt.MaxHeader,
		Early: func(status int, h http.Header) {
			if status == http.StatusEarlyHints && x.req.EarlyHints != nil {
				x.req.EarlyHints(h)
			}
		},
	})
	if err != nil && x.last != nil && x.last != io.EOF {
		return nil, x.last // what is wrong is not the head
	}
	return resp, err
}

// buffer makes the rest of the answer ready if it is here already, END_REQUEST included: then the exchange is over.
func (x *exchange) buffer(resp *http.Response) {
	if n, ok := x.in.untilEnd(readBuffer); ok && x.last == nil {
		x.rest = x.in.buf[:0] // content moves towards the beginning, never over what is still to be taken
		for len(x.rest) <= n && x.last == nil {
			got, _ := x.readStdout(x.in.buf[len(x.rest) : n+1])
			x.rest = x.rest[:len(x.rest)+got]
		}
	}
	if x.last != io.EOF {
		return
	}
	x.end(upstream.Served)
	x.leave()
	length := int64(x.out.Buffered() + len(x.rest))
	if resp.ContentLength < 0 && x.req.Method != http.MethodHead {
		resp.ContentLength = length
	}
	x.ready = resp.ContentLength == length
}

// past is a deadline that is over.
func past() time.Time { return time.Unix(1, 0) }

// interrupt makes reads and writes of the connection return, now and from now on.
func (x *exchange) interrupt() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cut {
		return
	}
	x.cut = true
	if x.conn != nil {
		x.conn.SetDeadline(past())
	}
}

// kill closes the connection.
func (x *exchange) kill() {
	x.mu.Lock()
	if x.conn != nil {
		x.conn.Close()
	}
	x.mu.Unlock()
	go x.stop(shutDown())
}

// cancel is called when the request's context has ended.
func (x *exchange) cancel() { x.stop(nil) }

// stop ends the exchange for a reason, nil for what the context says. It returns when the application has ended the
// request, or its connection has been closed.
func (x *exchange) stop(why error) {
	x.mu.Lock()
	if x.why == nil {
		x.why = why
	}
	x.mu.Unlock()
	x.interrupt()
	x.reading.Lock()
	over := x.err != nil || x.left
	if !over {
		x.err = x.brokenOff()
	}
	x.reading.Unlock()
	if !over {
		x.windUp()
	}
}

// brokenOff is why the request was ended from this side, nil if it was not.
func (x *exchange) brokenOff() error {
	x.mu.Lock()
	why := x.why
	x.mu.Unlock()
	switch {
	case why != nil:
		return why
	case x.ctx.Err() != nil:
		return ended(x.ctx, x.script)
	}
	return nil
}

// conclude ends reading for the reason err, which is io.EOF after a whole answer. Where the application does not know
// of it, it is told.
func (x *exchange) conclude(err error) {
	switch why := x.brokenOff(); {
	case err == io.EOF:
		x.err = err
	case why != nil:
		x.err = why
	default:
		x.err = x.failure(err)
	}
	switch {
	case x.last != nil || x.lease == nil:
		x.end(outcome(x.last))
		x.leave()
		x.free()
	default:
		x.interrupt()
		go x.windUp()
	}
}
