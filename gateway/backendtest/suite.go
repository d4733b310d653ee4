package backendtest

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
)

// Subject is a Backend under test, with Program behind it.
type Subject struct {
	Backend   gateway.Backend
	Script    cgispec.Script // Filename and Root of the application; the suite sets the rest
	Env       *cgispec.Env   // what the Backend adds to the variables; nil is nothing
	MaxHeader int            // the limit of an answer's head in bytes, many thousands
	AtOnce    int            // how many requests the application can have at once; 0: any number
	// Exits says that the Backend learns how the program of each request ends. Request.Exit must then be set by the time
	// at which reading the answer has ended.
	Exits bool
	Idle  func() bool // whether no request occupies the application any more
	Close func()      // ends the Backend and the application, and waits for that
}

// Factory makes a Subject for one case.
type Factory func(t *testing.T) Subject

// Run runs the suite. Each case gets a Subject of its own and must leave nothing behind.
func Run(t *testing.T, factory Factory) {
	for _, c := range cases() {
		t.Run(c.name, func(t *testing.T) {
			before := Measure()
			k := &kit{T: t, Subject: factory(t)}
			func() {
				defer k.Close()
				c.run(k)
				if !t.Failed() {
					k.eventually("the application is idle", k.Idle)
				}
			}()
			NoMore(t, before)
		})
	}
}

// kit is what a case works with.
type kit struct {
	*testing.T
	Subject
}

// call is a request to be made.
type call struct {
	method   string // "" is GET
	behave   string // the behaviour, with its query: "early?size=3"
	query    url.Values
	header   http.Header
	body     io.Reader
	length   int64 // of body; -1 if unknown
	ctx      context.Context
	touch    func()
	hints    func(http.Header)
	received *record // what came besides the answer; may be nil
}

// record keeps what the program wrote to its standard error.
type record struct {
	mu    sync.Mutex
	lines []string
}

func (r *record) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

// request makes a Request as server would.
func (k *kit) request(c call) *gateway.Request {
	method, ctx := c.method, c.ctx
	if method == "" {
		method = http.MethodGet
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx = context.WithValue(ctx, http.LocalAddrContextKey, net.Addr(&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080}))
	hr := httptest.NewRequestWithContext(ctx, method, "/app/"+c.behave+"?"+c.query.Encode(), nil)
	hr.RemoteAddr = "127.0.0.1:4711"
	hr.ContentLength, hr.Body = 0, http.NoBody
	if c.body != nil {
		hr.Body, hr.ContentLength = io.NopCloser(c.body), c.length
		if body, ok := c.body.(io.ReadCloser); ok {
			hr.Body = body
		}
	}
	for name, values := range c.header {
		hr.Header[name] = values
	}
	req := &gateway.Request{
		Request: hr, ID: "test", Route: "/app/*", Path: "/app/" + c.behave, Prefix: "/app",
		Script: k.Script, Stderr: func(string) {}, Touch: c.touch, EarlyHints: c.hints,
	}
	req.Timing.Begun = time.Now()
	req.Script.Name, req.Script.PathInfo = "/app", "/"+c.behave
	if c.received != nil {
		req.Stderr = c.received.add
	}
	return req
}

// answered is an answer that was read to its end.
type answered struct {
	*http.Response
	body string
	err  error // of reading the body; nil for a whole one
}

// start makes the call; it ends the test unless there is an answer.
func (k *kit) start(c call) *http.Response {
	k.Helper()
	resp, err := k.Backend.RoundTrip(k.request(c))
	if err != nil {
		k.Fatalf("%s: %v", c.behave, err)
	}
	return resp
}

// do is start and reads the answer.
func (k *kit) do(c call) answered {
	k.Helper()
	return k.read(k.start(c))
}

func (k *kit) read(resp *http.Response) answered {
	k.Helper()
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answered{resp, string(body), err}
}

// fails makes the call, which must be refused with the status and with a text for the log that holds every one of
// words.
func (k *kit) fails(c call, status int, words ...string) *gateway.Error {
	k.Helper()
	return k.failsFor(k.request(c), status, words...)
}

func (k *kit) failsFor(req *gateway.Request, status int, words ...string) *gateway.Error {
	k.Helper()
	resp, err := k.Backend.RoundTrip(req)
	if err == nil {
		resp.Body.Close()
		k.Fatalf("%s: status %d, want an error with status %d", req.RequestURI, resp.StatusCode, status)
	}
	e := gateway.AsError(err)
	if e.Status != status {
		k.Errorf("%s: status %d (%v), want %d", req.RequestURI, e.Status, err, status)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			k.Errorf("%s: %q does not say %q", req.RequestURI, err, w)
		}
	}
	return e
}

// patient is how long a case waits for what must happen at once, on a machine with more to do; it is less than the
// patience of a program that waits.
const patient = patience / 3

// eventually waits until ok.
func (k *kit) eventually(what string, ok func() bool) {
	k.Helper()
	for deadline := time.Now().Add(patient); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			k.Fatalf("not within %v: %s", patient, what)
		}
	}
}

// soon fails the test if f takes long, as what must not wait for a program does.
func (k *kit) soon(what string, f func()) {
	k.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(patient):
		k.Fatalf("takes more than %v: %s", patient, what)
	}
}

func query(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	return q
}
