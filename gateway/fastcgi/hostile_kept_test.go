package fastcgi_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/admission"
	"gatewayd/gateway/backendtest"
)

// unlimited is a Gate for everyone.
var unlimited = admission.Limits{}

// body reads a whole request and returns its body.
func (k *talk) body() (body string, ok bool) {
	for {
		kind, content, ok := k.record()
		if !ok || kind == 5 && len(content) == 0 {
			return body, ok
		}
		if kind == 5 {
			body += string(content)
		}
	}
}

// memory is a body that can be sent again.
type memory struct{ *strings.Reader }

func (m memory) Close() error  { return nil }
func (m memory) Bytes() []byte { return []byte("body") }

// keptCase is what an application does to a connection on which it has answered a request well, before or while it has
// the next one. All other connections are good.
type keptCase struct {
	name   string
	idle   func(*talk) // before the next request
	next   func(*talk) // when the next request comes
	served []string    // the methods that get an answer; the others fail
	status int         // with this status
	cut    bool        // which may come after the head
	limit  time.Duration
	log    string
}

func TestKeptConnections(t *testing.T) {
	all := []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "POST", "PATCH"}
	repeatable := all[:5]
	for _, c := range []keptCase{
		{name: "closes", idle: func(k *talk) { k.end(closes) }, served: all},
		{name: "resets", idle: func(k *talk) { k.end(resets) }, served: all},
		{name: "shuts its side", idle: func(k *talk) { k.Conn.(interface{ CloseWrite() error }).CloseWrite() }, served: all},
		{name: "says garbage", idle: func(k *talk) { k.Write([]byte("garbage")) }, served: all},
		{name: "says a byte", idle: func(k *talk) { k.Write([]byte{1}) }, served: all},
		{name: "ends the request once more", idle: func(k *talk) { k.Write([]byte(ending(0, 0))) }, served: all},
		{name: "answers what nobody has asked", idle: func(k *talk) { k.Write([]byte(page("evil") + done())) }, served: all},
		{name: "asks something", idle: func(k *talk) { k.Write([]byte(record(9, 0, "\x0e\x00FCGI_MAX_CONNS", 0))) }, served: all},
		{name: "says more on standard error", idle: func(k *talk) { k.Write([]byte(stderr("late\n"))) }, served: all},

		{name: "closes at the next request", next: func(k *talk) { k.end(closes) }, served: repeatable, status: 502, log: "fastcgi: "},
		{name: "resets at the next request", next: func(k *talk) { k.end(resets) }, served: repeatable, status: 502, log: "fastcgi: "},
		{name: "closes inside the next request", next: func(k *talk) { io.CopyN(io.Discard, k, 30); k.end(closes) }, served: repeatable, status: 502, log: "fastcgi: "},
		{name: "closes after the next request", next: func(k *talk) { k.request(); k.end(closes) }, served: repeatable, status: 502, log: "fastcgi: "},
		{name: "shuts its side after the next request", next: func(k *talk) { k.request(); k.end(shuts) }, served: repeatable, status: 502, log: "fastcgi: "},
		{name: "closes after the first byte of the answer", next: func(k *talk) { k.request(); k.Write([]byte{1}); k.end(closes) }, status: 502},
		{name: "closes after standard error", next: func(k *talk) { k.request(); k.Write([]byte(stderr("oops\n"))); k.end(closes) }, status: 502, log: "oops"},
		{name: "closes inside the answer", next: func(k *talk) { k.request(); k.Write([]byte(page("ha"))); k.end(closes) }, status: 502, cut: true, log: "closed"},
		{name: "answers with garbage", next: func(k *talk) { k.request(); k.Write([]byte("garbage!")) }, status: 502, log: "garbage!"},
		{name: "is overloaded", next: func(k *talk) { k.request(); k.Write([]byte(ending(0, 2))) }, served: all},
		{name: "is silent", next: func(k *talk) { k.request(); k.stare() }, status: 504, limit: 100 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := backendtest.Measure()
			for _, network := range []string{"unix", "tcp"} {
				for _, method := range all {
					c.play(t, network, method)
				}
			}
			backendtest.NoMore(t, before)
		})
	}
}

func (c *keptCase) play(t *testing.T, network, method string) {
	t.Helper()
	ready := make(chan struct{})
	v := newVillain(t, network, func(k *talk) {
		k.villain.good.Store(true)
		k.request()
		k.Write([]byte(page("first") + done()))
		if c.idle != nil {
			c.idle(k)
		}
		close(ready)
		if c.next != nil {
			k.record() // BEGIN_REQUEST
			c.next(k)
		}
	})
	defer v.close()
	s := newStage(t, 1, v.address())
	defer s.close()
	if a := s.ask("POST", nil, patience); a.body != "first" || a.err != nil {
		t.Fatalf("the first request: %q, %s", a.body, a.log())
	}
	<-ready
	time.Sleep(15 * time.Millisecond) // what cannot be repeated goes only on a connection that has been quiet for a moment
	c.check(s, network, method)
	if next := s.ask("POST", nil, patience); next.body != "good" || next.err != nil {
		t.Errorf("%s %s: the next request: %q, %s", network, method, next.body, next.log())
	}
	if _, _, reused := v.counts(); reused > 0 {
		t.Errorf("%s %s: a request came over the spoiled connection", network, method)
	}
}

// check makes the request that meets the spoiled connection.
func (c *keptCase) check(s *stage, network, method string) {
	s.Helper()
	var body io.Reader
	if method == "PUT" || method == "POST" {
		body = memory{strings.NewReader("body")}
	}
	limit := c.limit
	if limit == 0 {
		limit = patience
	}
	a := s.ask(method, body, limit)
	served := a.status == http.StatusOK && (method == http.MethodHead || a.body == "good") && a.err == nil
	failed := a.err != nil && a.err.Status == c.status && strings.Contains(a.log(), c.log) && (a.status == 0 || c.cut)
	if want := slices.Contains(c.served, method); want && !served || !want && !failed {
		s.Errorf("%s %s: %d %q, %s", network, method, a.status, a.body, a.log())
	}
}

// TestNotKept: a connection that is not to be kept is closed by this side where the application does not.
func TestNotKept(t *testing.T) {
	before := backendtest.Measure()
	closed := make(chan bool, 1)
	v := newVillain(t, "unix", func(k *talk) {
		k.request()
		k.Write([]byte(page("x") + done()))
		closed <- !k.request()
	})
	s := newStage(t, 0, v.address())
	if a := s.ask("GET", nil, patience); a.body != "x" || a.err != nil {
		t.Errorf("%q, %s", a.body, a.log())
	}
	if !<-closed {
		t.Error("a request came over it")
	}
	s.close()
	v.close()
	backendtest.NoMore(t, before)
}
