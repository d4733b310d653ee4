package fastcgi

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// inTurn serves connection n with the nth of servers, and later ones with the last.
func inTurn(servers ...server) server {
	return func(n int, c net.Conn) { servers[min(n, len(servers)-1)](n, c) }
}

// closing takes a request, and closes the connection instead of answering it.
func closing(_ int, c net.Conn) { takeRequest(c) }

// closingKept answers one request, takes another, and closes the connection then: as if it had wanted to close it
// anyway, in the same moment in which the request came.
func closingKept(_ int, c net.Conn) {
	takeRequest(c)
	sendPieces(c, []string{good})
	takeRequest(c)
}

var good = out(plainHead+"body") + end()

// rewindable is a body that can be read again, and counts how often it was.
type rewindable struct {
	*bytes.Reader
	rewound int
}

func (r *rewindable) Rewind() error {
	r.rewound++
	r.Seek(0, io.SeekStart)
	return nil
}

func (r *rewindable) Close() error { return nil }

// echoing answers with the body.
func echoing(_ int, c net.Conn) {
	records, ok := takeRequest(c)
	if !ok {
		return
	}
	answer := out(plainHead)
	for _, w := range records {
		if w.kind == 5 && len(w.content) > 0 {
			answer += out(string(w.content))
		}
	}
	sendPieces(c, []string{answer + end()})
}

func TestRetryOnAnotherConnection(t *testing.T) {
	leaves(t)
	large := bytes.Repeat([]byte("large "), 200_000)
	partly := func(_ int, c net.Conn) {
		takeRequest(c)
		sendPieces(c, []string{out("Content-Type: te")})
	}
	said := func(_ int, c net.Conn) {
		takeRequest(c)
		sendPieces(c, []string{errOut("I have begun\n")})
	}
	overload := answering(endRequest(0, 2))
	again := inTurn(closing, answering(good))
	for _, tt := range []struct {
		name, method string
		body         io.Reader
		serve        server
		want         string
		ends         string
	}{
		{"GET", "GET", nil, again, "200 body", "broken served"},
		{"HEAD", "HEAD", nil, again, "200 body", "broken served"},
		{"OPTIONS", "OPTIONS", nil, again, "200 body", "broken served"},
		{"PUT", "PUT", nil, again, "200 body", "broken served"},
		{"DELETE", "DELETE", nil, again, "200 body", "broken served"},
		{"POST", "POST", nil, again, "502: ", "broken"},
		{"PATCH", "PATCH", nil, again, "502: ", "broken"},
		{"PROPFIND", "PROPFIND", nil, again, "502: ", "broken"},
		{"only once", "GET", nil, inTurn(closing, closing, answering(good)), "502: ", "broken broken"},
		{"something of the head came", "GET", nil, inTurn(partly, answering(good)), "502: ", "broken"},
		{"something came", "GET", nil, inTurn(said, answering(good)), "502: ", "broken"},
		{"a body in memory", "PUT", memory([]byte("small")), inTurn(closing, echoing), "200 small", "broken served"},
		{"a large body in memory", "PUT", memory(large), inTurn(closing, echoing), "200 " + string(large), "broken served"},
		{"a body in a file", "PUT", &rewindable{Reader: bytes.NewReader(large)}, inTurn(closing, echoing), "200 " + string(large), "broken served"},
		{"a stream", "PUT", bytes.NewReader(large), inTurn(closing, echoing), "502: ", "broken"},
		{"overloaded", "POST", memory([]byte("small")), inTurn(overload, echoing), "200 small", "served served"},
		{"overloaded, a stream", "POST", bytes.NewReader(large), inTurn(overload, echoing), "503: ", "served"},
		{"always overloaded", "GET", nil, overload, "503: ", "served served"},
		{"a violation", "GET", nil, inTurn(answering("HTTP/1.1 200 OK\r\n\r\n"), answering(good)), "502: ", "faulty"},
		{"a bad head", "GET", nil, inTurn(answering(out("hello\n")+end()), answering(good)), "502: ", "served"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFake(t, Options{}, 0, tt.serve)
			if got := f.do(f.request(tt.method, tt.body)); !strings.HasPrefix(got, tt.want) {
				t.Errorf("%.200q, want %.200q", got, tt.want)
			}
			f.wantEnded(tt.ends)
		})
	}
}

func TestRetryAfterAKeptConnection(t *testing.T) {
	leaves(t)
	for method, want := range map[string]string{"GET": "200 body", "POST": "502: "} {
		f := newFake(t, Options{}, 1, inTurn(closingKept, answering(good)))
		if got := f.get(); got != "200 body" {
			t.Error(got)
		}
		f.age()
		if got := f.do(f.request(method, nil)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", method, got, want)
		}
		if method == "GET" { // that says nothing against the peer
			f.wantEnded("served served served")
		}
	}
}

// What was not sent at all can be sent again, whatever it is.
func TestRetryOfWhatWasNotSent(t *testing.T) {
	leaves(t)
	over := make(chan struct{})
	f := newFake(t, Options{}, 1, func(n int, c net.Conn) {
		answering(good)(n, c)
		if n == 0 {
			<-over // what cannot be written any more can still be read, so that nobody sees it before writing
		}
	})
	f.get()
	c := f.peers[0].Take().(*conn)
	c.Conn.(*net.UnixConn).CloseWrite()
	if !c.Usable() {
		t.Fatal("this shows before writing")
	}
	c.since = time.Time{}
	f.peers[0].Put(c)
	if got := f.do(f.request("POST", strings.NewReader("a stream"))); got != "200 body" {
		t.Error(got)
	}
	close(over)
	f.wantEnded("served served served")
}

func TestRetryAtAnotherPeer(t *testing.T) {
	leaves(t)
	f := newFake(t, Options{}, 0, closing, answering(good))
	if got := f.get(); got != "200 body" {
		t.Error(got)
	}
	f.wantEnded("broken served")
}

// A kept connection that the application has closed, or on which it has said something, is not used.
func TestKeptConnectionsAreLookedAt(t *testing.T) {
	leaves(t)
	for name, last := range map[string]string{"closed": "", "bytes": out("secret of another request")} {
		done := make(chan struct{}, 2)
		f := newFake(t, Options{}, 1, func(n int, c net.Conn) {
			takeRequest(c)
			sendPieces(c, []string{good})
			if n == 0 {
				awaitRead(c)
				io.WriteString(c, last)
			}
			if last == "" {
				c.Close()
			}
			done <- struct{}{}
			io.Copy(io.Discard, c)
		})
		for range 2 {
			if got := f.do(f.request("POST", nil)); got != "200 body" {
				t.Errorf("%s: %q", name, got)
			}
			<-done
		}
	}
}

// A body that the application has not read keeps its connection from being used again: libfcgi would take the rest of it
// for the next request.
func TestUnreadBodyEndsTheConnection(t *testing.T) {
	leaves(t)
	for name, tt := range map[string]struct {
		body []byte
		read bool
		kept int
	}{
		"read": {bytes.Repeat([]byte("b"), 100_000), true, 1}, "unread": {bytes.Repeat([]byte("b"), 100_000), false, 0}, "small": {[]byte("b"), true, 1},
	} {
		answered := make(chan struct{})
		f := newFake(t, Options{}, 1, func(_ int, c net.Conn) {
			if tt.read {
				takeRequest(c)
			} else {
				io.CopyN(io.Discard, c, 4000)
			}
			sendPieces(c, []string{good})
			<-answered
		})
		if got := f.do(f.request("POST", memory(tt.body))); got != "200 body" {
			t.Errorf("%s: %q", name, got)
		}
		if kept := f.peers[0].Idle(); kept != tt.kept {
			t.Errorf("%s: %d connections kept, want %d", name, kept, tt.kept)
		}
		close(answered)
	}
}

// What cannot be repeated goes on a kept connection only if that has been quiet for a moment.
func TestFreshlyKeptConnections(t *testing.T) {
	leaves(t)
	for method, want := range map[string]string{"GET": "0 0", "POST": "0 1"} {
		connections := make(chan int, 2)
		f := newFake(t, Options{}, 1, func(n int, c net.Conn) {
			for {
				if _, ok := takeRequest(c); !ok {
					return
				}
				connections <- n
				sendPieces(c, []string{good})
			}
		})
		f.get()
		c := f.peers[0].Take().(*conn)
		c.since = time.Now().Add(time.Hour)
		f.peers[0].Put(c)
		if got := f.do(f.request(method, nil)); got != "200 body" {
			t.Error(got)
		}
		if got := fmt.Sprint(<-connections, <-connections); got != want {
			t.Errorf("%s: connections %s, want %s", method, got, want)
		}
	}
}
