package relay

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	"gatewayd/gateway"
)

// flushDelay is how long bytes may wait for more before they are sent: long enough to join the lines of a program that
// prints them one by one, too short for a person to notice.
const flushDelay = 10 * time.Millisecond

// What is read of an answer whose rest nobody gets (HEAD, 204, bytes behind Content-Length), so that the program can
// finish its work, before it is stopped.
const (
	drainBytes = 16 << 20
	drainTime  = 5 * time.Second
)

// answer copies the head and streams the body. Its error means that the client has not got the whole answer.
func answer(w http.ResponseWriter, r *http.Request, resp *http.Response, clock *idleClock) error {
	copyHead(w.Header(), resp)
	length := resp.ContentLength
	if bodyless(resp.StatusCode) {
		length = 0
	} else if length >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(length, 10))
	}
	w.WriteHeader(resp.StatusCode)
	if r.Method == http.MethodHead || bodyless(resp.StatusCode) {
		return drain(w, resp.Body)
	}
	if ready, ok := resp.Body.(interface{ Ready() bool }); ok && ready.Ready() {
		return sendReady(w, resp.Body)
	}
	out := newFlusher(w, flushAtOnce(resp.Header))
	defer out.stop()
	err := stream(out, w, resp.Body, length, clock)
	if err != nil {
		out.flushPending() // what there is of a broken answer is the client's, the head above all
	}
	return err
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
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return mediaType == "text/event-stream" || h.Get("X-Accel-Buffering") == "no"
}

// drain lets the program finish what the client does not get. The head is sent first: the client need not wait.
func drain(w http.ResponseWriter, body io.ReadCloser) error {
	http.NewResponseController(w).Flush()
	discard(body)
	return nil
}

// discard reads what nobody gets, within drainBytes and drainTime. To close body instead would stop a program that has
// said where to go on and is still at work.
func discard(body io.ReadCloser) {
	timer := time.AfterFunc(drainTime, func() { body.Close() })
	defer timer.Stop()
	io.CopyN(io.Discard, body, drainBytes)
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// stream copies body to out: length bytes exactly if length >= 0, else all of them.
func stream(out *flusher, w http.ResponseWriter, body io.ReadCloser, length int64, clock *idleClock) error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	sent := int64(0)
	for length < 0 || sent < length {
		n, rerr := body.Read(*buf)
		if length >= 0 && int64(n) > length-sent {
			n = int(length - sent)
		}
		if n > 0 {
			clock.pause()
			_, werr := out.Write((*buf)[:n])
			clock.resume()
			if werr != nil {
				return notSent(werr)
			}
			sent += int64(n)
		}
		switch {
		case rerr == io.EOF && length >= 0 && sent < length:
			return &gateway.Error{
				Status: http.StatusBadGateway, Op: "read the program's answer",
				Err:  fmt.Errorf("it announced Content-Length: %d and ended after %d bytes", length, sent),
				Hint: "the program must write as many bytes as it announces, or announce none",
			}
		case rerr == io.EOF:
			return nil
		case rerr != nil:
			return rerr
		}
	}
	out.stop()
	return drain(w, body)
}

// flusher sends what has been written after flushDelay at the latest, or at once.
type flusher struct {
	w      http.ResponseWriter
	ctl    *http.ResponseController
	atOnce bool

	mu      sync.Mutex // ResponseWriter is not for two goroutines
	timer   *time.Timer
	pending bool // the timer runs
	stopped bool
}

// newFlusher returns a flusher that has the head to send.
func newFlusher(w http.ResponseWriter, atOnce bool) *flusher {
	f := &flusher{w: w, ctl: http.NewResponseController(w), atOnce: atOnce}
	if atOnce {
		f.ctl.Flush()
		return f
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.pending = true
	f.timer = time.AfterFunc(flushDelay, f.flushPending)
	return f
}

func (f *flusher) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.w.Write(p)
	switch {
	case err != nil:
	case f.atOnce:
		err = f.ctl.Flush()
	case !f.pending:
		f.pending = true
		f.timer.Reset(flushDelay)
	}
	return n, err
}

func (f *flusher) flushPending() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped || !f.pending {
		return
	}
	f.pending = false
	f.ctl.Flush()
}

// stop ends the flusher: afterwards it does not touch the ResponseWriter.
func (f *flusher) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopped = true
	if f.timer != nil {
		f.timer.Stop()
	}
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
