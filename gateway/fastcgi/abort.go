package fastcgi

import (
	"context"
	"errors"
	"net/http"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/upstream"
)

// maxDrain is how many bytes of an answer that nobody wants are read for the sake of the application's end of it.
const maxDrain = 256 << 10

// windUp tells the application that nobody wants the answer any more, and waits within bounds for it to end the request.
// Who calls it has set err, so that it has the exchange to itself.
func (x *exchange) windUp() {
	o := x.deserted()
	defer func() {
		x.end(o)
		x.leave()
		x.free()
	}()
	if x.lease == nil || !x.sendAbort() {
		return
	}
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for drained := 0; drained < maxDrain && x.last == nil; {
		n, err := x.readStdout(*buf)
		drained += n
		if err != nil {
			break
		}
	}
	if x.last != nil {
		if o = outcome(x.last); o == upstream.Broken {
			o = upstream.Served // it was told to stop, and this is one way to do so
		}
	}
}

// sendAbort writes ABORT_REQUEST and gives the application StopTimeout from now on. It is false if that cannot be written
// at once, or a record before it could not be finished. An application that reads no more may have ended the request.
func (x *exchange) sendAbort() bool {
	if !x.input.hush() {
		return false
	}
	x.mu.Lock()
	c := x.conn
	x.mu.Unlock()
	if c.SetDeadline(time.Now().Add(x.backend.opt.StopTimeout)) != nil {
		return false
	}
	x.aborted = true
	abort := appendEnd(nil, typeAbortRequest)
	n, err := c.writeNow(abort)
	return n == len(abort) || err != nil
}

// deserted is what is to be said of a peer that has not ended a request which it was told to stop: it may be at work on
// it for a while, but not after having had all the time that the request may take.
func (x *exchange) deserted() upstream.Outcome {
	cause := context.Cause(x.ctx)
	var e *gateway.Error
	if errors.Is(cause, context.DeadlineExceeded) || errors.As(cause, &e) && e.Status == http.StatusGatewayTimeout {
		return upstream.Faulty
	}
	return upstream.Abandoned
}
