package http1server

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/http1"
)

var testLimits = http1.Limits{Head: 16 << 10, Target: 1 << 10, Fields: 50}

// oneConn is a server with a single client.
type oneConn struct {
	net.Conn
	server *Server
}

// connect serves a handler over a pipe until the test ends.
func connect(t testing.TB, opt Options) *oneConn {
	t.Helper()
	if opt.Limits == (http1.Limits{}) {
		opt.Limits = testLimits
	}
	server, client := net.Pipe()
	c := &oneConn{client, New(opt)}
	if !c.server.Serve(server) {
		t.Fatal("not served")
	}
	t.Cleanup(func() {
		client.Close()
		if err := c.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// connectTCP is connect over a socket.
func connectTCP(t testing.TB, opt Options) *oneConn {
	t.Helper()
	if opt.Limits == (http1.Limits{}) {
		opt.Limits = testLimits
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	client.SetDeadline(time.Now().Add(20 * time.Second))
	c := &oneConn{client, New(opt)}
	c.server.Serve(server)
	t.Cleanup(func() {
		client.Close()
		if err := c.server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// exchange sends text in one piece, or in pieces of so many bytes, and returns all that comes back.
func (c *oneConn) exchange(t testing.TB, text string, piece int) string {
	t.Helper()
	go func() {
		for len(text) > 0 {
			n := min(len(text), max(1, piece))
			if _, err := io.WriteString(c, text[:n]); err != nil {
				return
			}
			text = text[n:]
		}
	}()
	answer, err := io.ReadAll(c)
	if err != nil {
		t.Error(err)
	}
	return string(answer)
}

var dateLine = regexp.MustCompile(`Date: [A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\r\n`)

// dateless takes the Date lines away, each of which must be right.
func dateless(answer string) string { return dateLine.ReplaceAllString(answer, "") }

// describe answers with what a handler sees of a request.
func describe(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "text/plain")
	fmt.Fprintf(w, "%s %s %s %d.%d host %q url %#v length %d %q close %v body %q %v\n", r.Method, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host, *r.URL, r.ContentLength, r.TransferEncoding, r.Close, body, err)
	for _, name := range sortedNames(r.Header) {
		fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
	}
}

func sortedNames(h http.Header) (names []string) {
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func lines(text ...string) string { return strings.Join(text, "\r\n") }
