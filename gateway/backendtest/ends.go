package backendtest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"gatewayd/gateway"
)

// exited checks what the request says of its program's end.
func (k *kit) exited(req *gateway.Request, code int, signal string) {
	k.Helper()
	switch e := req.Exit; {
	case !k.Exits:
	case e == nil:
		k.Errorf("the request does not say how its program ended")
	case e.Code != code || e.Signal != signal || e.CPU < 0 || e.MaxRSS <= 0:
		k.Errorf("the program ended so: %+v; want code %d, signal %q", *e, code, signal)
	}
}

func exitStatus(k *kit) {
	for code, text := range map[int]string{0: "0", 3: "3", 255: "255"} {
		req := k.request(call{behave: "answer", query: query("body", "whole", "field", "Content-Type: text/plain", "exit", text)})
		resp, err := k.Backend.RoundTrip(req)
		if err != nil {
			k.Fatal(err)
		}
		if got := k.read(resp); got.StatusCode != 200 || got.body != "whole" || got.err != nil {
			k.Errorf("%d %q %v", got.StatusCode, got.body, got.err)
		}
		k.exited(req, code, "")
	}
}

func deathBeforeHead(k *kit) {
	for _, text := range []string{"", "Content-Type: text/plain\n"} {
		req := k.request(call{behave: "die", query: query("text", text)})
		k.failsFor(req, http.StatusBadGateway, "about to die")
		k.exited(req, -1, "SIGKILL")
	}
}

func deathInTheMiddle(k *kit) {
	for _, text := range []string{
		"Content-Type: text/plain\n\npart", "Content-Length: 100\n\npart", "Content-Type: text/plain\n\n",
		"Content-Type: text/plain\n\n" + strings.Repeat("part", 2000),
	} {
		req := k.request(call{behave: "die", query: query("text", text)})
		resp, err := k.Backend.RoundTrip(req)
		if err != nil {
			k.Errorf("%.40q: %v, although the head was there", text, err)
			continue
		}
		got := k.read(resp)
		if got.err == nil || !strings.HasSuffix(text, "\n\n"+got.body) {
			k.Errorf("%.40q: %q %v, want an error after what came", text, got.body, got.err)
		}
		if e := gateway.AsError(got.err); e == nil || e.Status != http.StatusBadGateway {
			k.Errorf("%.40q: %v", text, got.err)
		}
		k.exited(req, -1, "SIGKILL")
	}
}

// ending is a way in which a request ends before its answer does.
type ending struct {
	name   string
	cause  error
	status int // of the error that the backend gives
}

func endings() []ending {
	return []ending{
		{"the client leaves", nil, gateway.StatusClientClosed},
		{"a time is over", &gateway.Error{Status: http.StatusGatewayTimeout, Op: "the cause"}, http.StatusGatewayTimeout},
		{"the server stops", &gateway.Error{Status: http.StatusServiceUnavailable, Op: "the cause"}, http.StatusServiceUnavailable},
	}
}

// begin gives c a context that ends in the way e when the function is called.
func (e ending) begin(c call) (call, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	c.ctx = ctx
	return c, func() { cancel(e.cause) }
}

// check wants the error to be the cause itself where there is one.
func (e ending) check(k *kit, what string, err error) {
	k.Helper()
	got := gateway.AsError(err)
	if got == nil || got.Status != e.status || e.cause != nil && got != e.cause {
		k.Errorf("%s, %s: error %v, want status %d", e.name, what, err, e.status)
	}
}

func endsBeforeHead(k *kit) {
	for _, e := range endings() {
		for _, text := range []string{"", "Content-Type: text/plain\n"} {
			c, end := e.begin(call{behave: "silent", query: query("text", text)})
			time.AfterFunc(50*time.Millisecond, end)
			k.soon("an answer for who has left", func() {
				resp, err := k.Backend.RoundTrip(k.request(c))
				if err == nil {
					resp.Body.Close()
				}
				e.check(k, "before the head", err)
			})
		}
	}
}

func endsInTheMiddle(k *kit) {
	for _, e := range endings() {
		for name, c := range map[string]call{
			"a silent program":       {behave: "silent", query: query("text", "Content-Type: text/plain\n\npart")},
			"a writing one":          {behave: "flood"},
			"one that is being sent": {method: "POST", behave: "copy", body: endless{}, length: -1},
		} {
			c, end := e.begin(c)
			resp := k.start(c)
			if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
				k.Error(name, err)
			}
			time.AfterFunc(20*time.Millisecond, end)
			k.soon("the end of the answer", func() {
				_, err := io.Copy(io.Discard, resp.Body)
				e.check(k, name, err)
			})
			k.soon("Close", func() { resp.Body.Close() })
		}
	}
}

// endsAwaitingBody: nobody can interrupt the read of a body but who made it. The backend does not wait for that.
func endsAwaitingBody(k *kit) {
	for _, e := range endings() {
		for _, behave := range []string{"sum", "copy"} { // without a head until the body ends, and with one
			r, w := io.Pipe()
			c, end := e.begin(call{method: "POST", behave: behave, body: r, length: 100})
			go io.WriteString(w, "half of it")
			time.AfterFunc(50*time.Millisecond, end)
			k.soon("the end of the request", func() {
				resp, err := k.Backend.RoundTrip(k.request(c))
				if err == nil {
					_, err = io.Copy(io.Discard, resp.Body)
					resp.Body.Close()
				}
				e.check(k, behave, err)
			})
			w.CloseWithError(io.ErrUnexpectedEOF)
		}
	}
}

func endedAlready(k *kit) {
	for _, e := range endings() {
		c, end := e.begin(call{behave: "silent"})
		end()
		req := k.request(c)
		_, err := k.Backend.RoundTrip(req)
		e.check(k, "already", err)
		if !req.Timing.Started.IsZero() {
			k.Errorf("%s: a program was started for who has left already", e.name)
		}
	}
}

// endsAfterwards: the server ends the context of every request that it has answered.
func endsAfterwards(k *kit) {
	for _, e := range endings() {
		c, end := e.begin(call{behave: "bytes", query: query("n", "1000", "write", "whole")})
		resp := k.start(c)
		if body, err := io.ReadAll(resp.Body); err != nil || len(body) != 1000 {
			k.Errorf("%d bytes, %v", len(body), err)
		}
		end()
		if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			k.Errorf("%s, after the end: %d bytes, %v", e.name, n, err)
		}
		k.soon("Close", func() { resp.Body.Close() })
	}
}

func closesInTheMiddle(k *kit) {
	for _, c := range []call{{behave: "flood"}, {behave: "silent", query: query("text", "A: b\n\npart")}, {method: "POST", behave: "copy", body: endless{}, length: -1}} {
		resp := k.start(c)
		if _, err := resp.Body.Read(make([]byte, 4)); err != nil {
			k.Error(c.behave, err)
		}
		k.closesTwice(c.behave, resp.Body)
		if n, err := resp.Body.Read(make([]byte, 4)); n != 0 || err == nil || err == io.EOF {
			k.Errorf("%s: reading after Close: %d %v", c.behave, n, err)
		}
	}
}

func (k *kit) closesTwice(what string, body io.Closer) {
	k.Helper()
	k.soon("Close", func() {
		for range 2 {
			if err := body.Close(); err != nil {
				k.Errorf("%s: Close: %v", what, err)
			}
		}
	})
}

func closesAnyTime(k *kit) {
	c := call{behave: "bytes", query: query("n", "300000", "write", "split")}
	unread := k.start(c)
	k.closesTwice("unread", unread.Body)
	k.closesTwice("unread, of a silent program", k.start(call{behave: "silent", query: query("text", "A: b\n\n")}).Body)

	whole := k.start(c)
	if n, err := io.Copy(io.Discard, whole.Body); n != 300_000 || err != nil {
		k.Errorf("%d bytes, %v", n, err)
	}
	k.closesTwice("read to the end", whole.Body)

	short := k.start(c) // as for an answer that is longer than it has announced
	io.CopyN(io.Discard, short.Body, 100)
	k.closesTwice("read in part", short.Body)
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }

func closesWhileReading(k *kit) {
	resp := k.start(call{behave: "silent", query: query("text", "A: b\n\n")})
	failed := make(chan error)
	go func() {
		_, err := resp.Body.Read(make([]byte, 4))
		failed <- err
	}()
	time.Sleep(20 * time.Millisecond) // most likely inside Read by now; the outcome must be the same anyway
	var err error
	k.soon("Close while another reads", func() {
		resp.Body.Close()
		err = <-failed
	})
	if err == nil || errors.Is(err, io.EOF) {
		k.Errorf("Read: %v", err)
	}
}
