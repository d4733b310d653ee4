// Package relay makes an http.Handler of a gateway.Backend: it resolves the script, spools the body, keeps the clocks,
// streams the answer, reads it ahead of clients that are slow, follows local redirects and turns errors into statuses.
// What is the same for every backend is here and nowhere else.
package relay

import (
	"context"
	"net/http"
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
	Sendfile    func(w http.ResponseWriter, r *http.Request, path string) bool
	Spool       spool.Options // of the body; what is read ahead of an answer goes to the same directory
	Stream      bool          // nothing is spooled or read ahead: what comes is passed on, both ways at once
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

// run receives the body, starts the clocks and lets the backend answer.
func (h *Handler) run(w http.ResponseWriter, req *gateway.Request) {
	original := req.Request
	ctx, cancel := context.WithCancelCause(original.Context())
	defer cancel(context.Canceled)
	stopReading := h.mayEnd(w, req, cancel)
	if h.opt.Timeout > 0 {
		defer h.limitWhole(stopReading, req, cancel).Stop()
	}
	body, err := h.receive(w, original)
	if err != nil {
		stopReading.disarm()
		gateway.Fail(w, original, whyNoBody(ctx, err))
		return
	}
	if upload, ok := body.(*upload); ok {
		defer upload.watch(req.Left, cancel)()
		defer stopReading.disarm()
	} else {
		stopReading.disarm()
	}
	defer body.Close()
	what := workOf(req)
	clock := startIdleClock(h.opt.IdleTimeout, func() { cancel(idleError(what, h.opt.IdleTimeout)) })
	defer clock.stop()
	req.Touch = clock.touch
	if req.StderrOf != nil {
		req.Stderr = req.StderrOf(req.Route, req.Script.Filename)
	}
	req.EarlyHints = earlyHints(w, original)
	req.Request = withBody(original.WithContext(ctx), body)
	resp, err := h.opt.Backend.RoundTrip(req)
	if err != nil {
		gateway.Fail(w, original, whyCancelled(ctx, err))
		return
	}
	defer resp.Body.Close()
	clock.touch()
	h.deliver(ctx, w, original, req, resp, clock)
}

// deliver gives the client what the program has answered: another path's answer, a file, or its own. original is the
// request as it came in; ctx ends when the program must.
func (h *Handler) deliver(ctx context.Context, w http.ResponseWriter, original *http.Request, req *gateway.Request, resp *http.Response, clock *idleClock) {
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
	if err := h.answer(ctx, w, original, resp, clock); err != nil {
		gateway.Abort(original, whyCancelled(ctx, err))
	}
}
