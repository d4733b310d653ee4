package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gatewayd/gateway"
)

// mayEnd lets the route's end be that of the request. What it returns ends the read of the body; nil if nothing would.
func (h *Handler) mayEnd(w http.ResponseWriter, req *gateway.Request, cancel context.CancelCauseFunc) (body *interrupt) {
	hasBody := req.Body != nil && req.Body != http.NoBody
	if h.opt.Timeout > 0 || hasBody && req.Ender != nil {
		body = &interrupt{w: w}
	}
	switch {
	case req.Ender == nil:
	case hasBody:
		req.Ender.EndBy(endBoth(cancel, body))
	default:
		req.Ender.EndBy(cancel)
	}
	return body
}

// endBoth is apart from mayEnd so that requests without a body need no memory for it.
func endBoth(cancel context.CancelCauseFunc, body *interrupt) context.CancelCauseFunc {
	return func(cause error) {
		cancel(cause)
		body.fire()
	}
}

// limitWhole ends the request when its time is over: the read of the body too, which no context can interrupt.
func (h *Handler) limitWhole(body *interrupt, req *gateway.Request, cancel context.CancelCauseFunc) *time.Timer {
	left, what := h.opt.Timeout, workOf(req)
	if !req.Timing.Begun.IsZero() {
		left -= time.Since(req.Timing.Begun)
	}
	return time.AfterFunc(left, func() {
		cancel(&gateway.Error{
			Status: http.StatusGatewayTimeout,
			Op:     what.String(),
			Err:    fmt.Errorf("the request was not done within timeout: %s", h.opt.Timeout),
			Hint:   "raise `timeout` for this route if it rightly takes that long",
			Public: "The request took longer than it may and was stopped.",
		})
		body.fire()
	})
}

// interrupt ends a read of the request body. Once the body is there nothing may touch the read deadline: a server such as
// net/http's then listens for the client to leave, takes the error for that, and cancels this and every later request of
// the connection.
type interrupt struct {
	w     http.ResponseWriter
	mu    sync.Mutex
	fired *time.Timer // fires again; nil before the first time
	over  bool        // too late for it
}

// expireAgain is when a read that was to end is looked at again: whoever keeps the pace of the body may have been about
// to give it a deadline of his own.
const expireAgain = 50 * time.Millisecond

func (i *interrupt) fire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.over {
		return
	}
	http.NewResponseController(i.w).SetReadDeadline(time.Unix(1, 0))
	i.fired = time.AfterFunc(expireAgain, i.fire)
}

// disarm is called when the body has been read. What was fired in the last moment may have hit the connection, which
// must not be used again. nil is what nobody fires.
func (i *interrupt) disarm() {
	if i == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fired != nil && !i.over {
		i.fired.Stop()
		i.w.Header().Set("Connection", "close")
	}
	i.over = true
}

func idleError(what work, d time.Duration) error {
	return &gateway.Error{
		Status: http.StatusGatewayTimeout,
		Op:     what.String(),
		Err:    fmt.Errorf("no byte came from it within idle_timeout: %s", d),
		Hint:   "see what it waits for, or raise `idle_timeout` for this route",
	}
}

// work is what is being done for a request. A local redirect makes it something else while a clock may still strike.
type work struct{ script, route string }

func workOf(req *gateway.Request) work { return work{req.Script.Filename, req.Route} }

// String says it for the log. Of an application that somebody else runs no file is known.
func (w work) String() string {
	if w.script == "" {
		return "ask the application of " + w.route
	}
	return "run " + w.script
}

// whyCancelled prefers the reason for which the request was ended to the error that the ending caused.
func whyCancelled(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil {
		return err
	}
	var e *gateway.Error
	if errors.As(cause, &e) {
		return e
	}
	return &gateway.Error{Status: gateway.StatusClientClosed, Op: "answer the client", Err: errors.New("the client closed the connection before it was answered")}
}

// whyNoBody is whyCancelled for a body that could not be had. A server may end the context whenever the connection cannot
// be read, also for a deadline that was ours or for framing that was wrong: a body that came too slowly, or not as it
// should, has a client, who is told.
func whyNoBody(ctx context.Context, err error) error {
	var ours *gateway.Error
	if errors.Is(err, errCutOff) || errors.As(context.Cause(ctx), &ours) {
		return whyCancelled(ctx, err)
	}
	return err
}
