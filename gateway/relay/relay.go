// Package relay makes an http.Handler of a gateway.Backend: it resolves the script, spools the body, keeps the clocks,
// streams the answer, follows local redirects and turns errors into statuses. What is the same for every backend is
// here and nowhere else.
package relay

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/script"
	"gatewayd/gateway/spool"
)

// MaxRedirects is how many local redirects one request may take (RFC 3875 section 6.2.2 sets no bound; a loop must end).
const MaxRedirects = 10

// Options is what a Handler is made of.
type Options struct {
	Backend  gateway.Backend
	Resolver script.Resolver
	// Static serves an existing file that is no script, by its name below the resolver's root. It may be nil if the
	// resolver never says script.Serve.
	Static func(w http.ResponseWriter, r *http.Request, name string)
	// Sendfile serves a file that a program has named by its absolute path; it is false, and nothing is written, if the
	// path is in no directory from which that may be done. nil: programs may not.
	Sendfile func(w http.ResponseWriter, r *http.Request, path string) bool
	// Front is where a local redirect enters: the site table, with every check. It must not be nil.
	Front       http.Handler
	Spool       spool.Options
	Timeout     time.Duration // for the whole request; 0 is none
	IdleTimeout time.Duration // between two bytes to or from the program; 0 is none
}

// Handler is an http.Handler for requests that carry a gateway.Request. Safe for concurrent use.
type Handler struct{ opt Options }

// New returns a Handler.
func New(opt Options) *Handler { return &Handler{opt: opt} }

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := gateway.FromContext(r.Context())
	req.Request = r
	target, err := h.opt.Resolver.Resolve(req.Prefix, req.Rest())
	if err != nil {
		gateway.Fail(w, r, err)
		return
	}
	switch target.Kind {
	case script.Serve:
		h.opt.Static(w, r, target.Static)
	case script.AddSlash:
		gateway.RedirectToSlash(w, r, req.Path)
	default:
		req.Script = target.Script
		h.run(w, req)
	}
}

func (h *Handler) run(w http.ResponseWriter, req *gateway.Request) {
	original := req.Request
	ctx, cancel := context.WithCancelCause(original.Context())
	defer cancel(context.Canceled)
	interrupt := &interrupt{w: w}
	if h.opt.Timeout > 0 {
		defer h.limitWhole(interrupt, req, cancel).Stop()
	}
	body, err := h.spoolBody(original)
	interrupt.disarm()
	if err != nil {
		gateway.Fail(w, original, whyNoBody(ctx, err))
		return
	}
	defer body.Close()

	script := req.Script.Filename // a local redirect gives req another while a clock may still strike
	clock := startIdleClock(h.opt.IdleTimeout, func() { cancel(idleError(script, h.opt.IdleTimeout)) })
	defer clock.stop()
	req.Touch = clock.touch
	if req.StderrOf != nil {
		req.Stderr = req.StderrOf(req.Route, req.Script.Filename)
	}
	req.EarlyHints = earlyHints(w, original)
	req.Request = withSpooled(original.WithContext(ctx), body)

	resp, err := h.opt.Backend.RoundTrip(req)
	if err != nil {
		gateway.Fail(w, original, whyCancelled(ctx, err))
		return
	}
	defer resp.Body.Close()
	if resp.StatusCode == cgispec.StatusLocalRedirect {
		discard(resp.Body)
		resp.Body.Close()
		clock.stop()
		if ctx.Err() != nil {
			gateway.Fail(w, original, whyCancelled(ctx, ctx.Err()))
			return
		}
		h.localRedirect(w, original, req, resp.Header.Get("Location"))
		return
	}
	if h.sendfile(w, original, resp) {
		return
	}
	if err := answer(w, original, resp, clock); err != nil {
		gateway.Abort(original, whyCancelled(ctx, err))
	}
}

// limitWhole ends the request when its time is over: the read of the body too, which no context can interrupt.
func (h *Handler) limitWhole(body *interrupt, req *gateway.Request, cancel context.CancelCauseFunc) *time.Timer {
	left, script := h.opt.Timeout, req.Script.Filename
	if !req.Timing.Begun.IsZero() {
		left -= time.Since(req.Timing.Begun)
	}
	return time.AfterFunc(left, func() {
		cancel(&gateway.Error{
			Status: http.StatusGatewayTimeout,
			Op:     "run " + script,
			Err:    fmt.Errorf("the request was not done within timeout: %s", h.opt.Timeout),
			Hint:   "raise `timeout` for this route if the program rightly takes that long",
			Public: "The request took longer than it may and was stopped.",
		})
		body.fire()
	})
}

// interrupt ends a read of the request body. Once the body is there nothing may touch the read deadline: net/http then
// listens for the client to leave, takes the error for that, and cancels this and every later request of the connection.
type interrupt struct {
	w     http.ResponseWriter
	mu    sync.Mutex
	spent bool // fired, or too late for it
}

func (i *interrupt) fire() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.spent {
		return
	}
	i.spent = true
	http.NewResponseController(i.w).SetReadDeadline(time.Unix(1, 0))
}

// disarm is called when the body has been read. What was fired in the last moment may have hit the connection, which
// must not be used again.
func (i *interrupt) disarm() {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.spent {
		i.w.Header().Set("Connection", "close")
	}
	i.spent = true
}

func idleError(script string, d time.Duration) error {
	return &gateway.Error{
		Status: http.StatusGatewayTimeout,
		Op:     "run " + script,
		Err:    fmt.Errorf("no byte came from the program within idle_timeout: %s", d),
		Hint:   "see what the program waits for, or raise `idle_timeout` for this route",
	}
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

// whyNoBody is whyCancelled for a body that could not be had. net/http ends the context whenever the connection cannot
// be read, also for a deadline that was ours: a body that came too slowly has a client, who is told.
func whyNoBody(ctx context.Context, err error) error {
	var ours *gateway.Error
	if gateway.AsError(err).Status == http.StatusBadRequest || errors.As(context.Cause(ctx), &ours) {
		return whyCancelled(ctx, err)
	}
	return err
}

func (h *Handler) spoolBody(r *http.Request) (*spool.Body, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return spool.Read(strings.NewReader(""), 0, h.opt.Spool)
	}
	body, err := spool.Read(r.Body, r.ContentLength, h.opt.Spool)
	var store *spool.StoreError
	var status *gateway.Error
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, spool.ErrTooLarge):
		return nil, &gateway.Error{
			Status: http.StatusRequestEntityTooLarge,
			Op:     "take the request body",
			Err:    fmt.Errorf("it is larger than max_body: %s", size(h.opt.Spool.Max)),
			Hint:   "raise `max_body` for this route if such bodies are welcome",
			Public: fmt.Sprintf("The request body is larger than %s, the most this address takes (max_body).", size(h.opt.Spool.Max)),
		}
	case errors.As(err, &store):
		return nil, &gateway.Error{
			Status: http.StatusInsufficientStorage,
			Op:     "spool",
			Err:    store,
			Hint:   "make room there, or point `temp` at a directory with more",
		}
	case errors.As(err, &status):
		return nil, status
	}
	return nil, &gateway.Error{
		Status: http.StatusBadRequest,
		Op:     "read the request body",
		Err:    err,
		Public: "The request body ended before it was complete.",
	}
}

// withSpooled gives r the spooled body and its exact length. That the client announced a body at all still shows in
// Content-Length or TransferEncoding.
func withSpooled(r *http.Request, body *spool.Body) *http.Request {
	r.ContentLength = body.Len()
	if body.Len() == 0 {
		r.Body = http.NoBody
		return r
	}
	r.Body = body
	return r
}

func (h *Handler) localRedirect(w http.ResponseWriter, r *http.Request, req *gateway.Request, location string) {
	req.Redirects++
	if req.Redirects > MaxRedirects {
		gateway.Fail(w, r, &gateway.Error{
			Status: http.StatusInternalServerError,
			Op:     "follow local redirects from " + r.RequestURI,
			Err:    fmt.Errorf("more than %d, the last one to %s", MaxRedirects, location),
			Hint:   "the program's Location header leads back to itself; with a Status: 302 line it goes to the client instead",
			Public: "The address leads back to itself.",
		})
		return
	}
	target, err := url.ParseRequestURI(location)
	if err != nil {
		gateway.Fail(w, r, &gateway.Error{Status: http.StatusBadGateway, Op: "follow a local redirect", Err: err, Hint: "the program's Location header is not a valid path"})
		return
	}
	h.opt.Front.ServeHTTP(w, redirected(r, target, location))
}

// redirected is the GET that RFC 3875 section 6.2.2 asks for: the client's request for another path, without its body.
func redirected(r *http.Request, target *url.URL, location string) *http.Request {
	next := r.WithContext(r.Context())
	next.Header = r.Header.Clone()
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Expect"} {
		next.Header.Del(name)
	}
	if r.Method != http.MethodHead {
		next.Method = http.MethodGet
	}
	next.URL, next.RequestURI = target, location
	next.Body, next.ContentLength, next.TransferEncoding = http.NoBody, 0, nil
	return next
}

func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
