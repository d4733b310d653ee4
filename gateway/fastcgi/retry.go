package fastcgi

import (
	"errors"
	"net/http"
	"time"

	"gatewayd/gateway/upstream"
)

// endPause is for an application that ends one process after the other, as php-fpm does when it is told to start again:
// one that is still there would fail the request once more. Own workers end for themselves.
const endPause = 20 * time.Millisecond

// repeat gets ready to send the request once more; false if that may not be, or has been done. failed is the peer to
// avoid: a kept connection that had been closed in the very moment in which it was used again says nothing against its
// peer. An application that is being restarted may fail a request twice, the second time when it closes its socket.
func (x *exchange) repeat(tries int) (failed *upstream.Peer, ok bool) {
	if x.lease == nil || x.brokenOff() != nil || !x.harmless() || !x.input.repeatable() || tries > 1 && (tries > 2 || !x.restarting()) {
		return nil, false
	}
	if !x.reused {
		failed = x.lease.Peer
	}
	o := outcome(x.last)
	if x.reused && o == upstream.Broken {
		o = upstream.Served
	}
	foreign := x.lease.Ending == nil
	x.end(o)
	if foreign && failed != nil && x.sleep(endPause) != nil {
		return nil, false
	}
	return failed, x.input.rewind() == nil
}

// restarting says whether nobody listens any more where the request has failed: that was not the request's doing.
func (x *exchange) restarting() bool {
	c, err := dialOnce(x.ctx, x.lease.Peer.Address, time.Now().Add(x.backend.opt.ConnectTimeout))
	if err == nil {
		c.Close()
	}
	return maybeRestarting(err)
}

// harmless says whether the request cannot have been acted upon, or may be acted upon twice. An application that is
// overloaded says that it has not.
func (x *exchange) harmless() bool {
	var refused *statusError
	switch {
	case errors.As(x.last, &refused):
		return refused.status == overloaded && !x.said
	case x.in.came || outcome(x.last) != upstream.Broken:
		return false
	case x.input.fed == nil && x.input.sent == 0:
		return true
	}
	return x.idempotent()
}

// idempotent says whether the request may be acted upon twice.
func (x *exchange) idempotent() bool {
	switch x.req.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPut, http.MethodDelete:
		return true
	}
	return false
}

// repeatable says whether the body can be sent again.
func (in *input) repeatable() bool { return in.fed == nil || in.rereadable() }

// rereadable says whether the body can be read again.
func (in *input) rereadable() bool {
	if in.body == nil {
		return true
	}
	if m, ok := in.body.(memoryBody); ok && m.Bytes() != nil {
		return true
	}
	_, ok := in.body.(rewinder)
	return ok
}

// rewind makes the body start again. The connection has been closed: whoever writes to it stops.
func (in *input) rewind() error {
	if in.fed == nil {
		return nil
	}
	<-in.fed
	if r, ok := in.body.(rewinder); ok {
		return r.Rewind()
	}
	return nil
}
