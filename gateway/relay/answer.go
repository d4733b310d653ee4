package relay

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"gatewayd/gateway"
)

// answer copies the head and streams the body. Its error means that the client has not got the whole answer. ctx ends
// when the program must.
func (h *Handler) answer(ctx context.Context, w http.ResponseWriter, r *http.Request, resp *http.Response, clock *idleClock) error {
	copyHead(w.Header(), resp)
	src := source{body: resp.Body, length: resp.ContentLength, left: resp.ContentLength}
	switch {
	case bodyless(resp.StatusCode):
		src.left = 0
	case resp.ContentLength >= 0:
		w.Header().Set("Content-Length", strconv.FormatInt(resp.ContentLength, 10))
	}
	if r.Method == http.MethodHead {
		src.left = 0
	}
	w.WriteHeader(resp.StatusCode)
	if ready, ok := resp.Body.(interface{ Ready() bool }); ok && ready.Ready() && src.left != 0 {
		return sendReady(w, resp.Body)
	}
	atOnce := flushAtOnce(resp.Header)
	s := &stream{ctx: ctx, src: src, clock: clock, coupled: atOnce || h.opt.Stream, dir: h.opt.Spool.Dir}
	s.out.start(w, atOnce)
	return s.run()
}

// sendReady sends an answer that is there as a whole, as long as it has announced: it goes out with its head.
func sendReady(w io.Writer, body io.Reader) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			if _, err := w.Write((*buf)[:n]); err != nil {
				return notSent(err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func notSent(err error) error {
	return &gateway.Error{Status: gateway.StatusClientClosed, Op: "send to the client", Err: err}
}

// copyHead takes over the program's head. A missing Content-Type stays missing, since guessing one from the content is
// how uploads become pages.
func copyHead(dst http.Header, resp *http.Response) {
	copyFields(dst, resp.Header)
	if _, ok := resp.Header["Content-Type"]; !ok {
		dst["Content-Type"] = nil
	}
}

// copyFields takes over the program's fields. Date and Server are the server's own to say, as in nginx, and X-Request-Id
// leads to the log.
func copyFields(dst, from http.Header) {
	for name, values := range from {
		switch name {
		case "Date", "Server", "X-Request-Id":
		default:
			dst[name] = values
		}
	}
}

// bodyless statuses have no content (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5).
func bodyless(status int) bool {
	return status == http.StatusNoContent || status == http.StatusResetContent || status == http.StatusNotModified
}

func flushAtOnce(h http.Header) bool {
	mediaType, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "text/event-stream") || h.Get("X-Accel-Buffering") == "no"
}

// earlyHints passes a program's 103 on to clients that can take one (RFC 8297 section 2): not to HTTP/1.0.
func earlyHints(w http.ResponseWriter, r *http.Request) func(http.Header) {
	if !r.ProtoAtLeast(1, 1) {
		return nil
	}
	return func(hints http.Header) {
		h := w.Header()
		before := h.Clone()
		copyFields(h, hints)
		w.WriteHeader(http.StatusEarlyHints)
		clear(h)
		for name, values := range before {
			h[name] = values
		}
	}
}
