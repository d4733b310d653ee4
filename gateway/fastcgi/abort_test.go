package fastcgi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/admission"
	"gatewayd/gateway/upstream"
)

// untilAbort takes records until ABORT_REQUEST. It is false when the connection ends before.
func untilAbort(c net.Conn) bool {
	for {
		w, err := readWire(c)
		if err != nil {
			return false
		}
		if w.kind == 2 && w.id == 1 && len(w.content) == 0 {
			return true
		}
	}
}

// begun answers a request in part.
func begun(c net.Conn) {
	takeRequest(c)
	sendPieces(c, []string{out(plainHead + "part")})
}

func TestAbort(t *testing.T) {
	leaves(t)
	left := errors.New("left")
	late := &gateway.Error{Status: http.StatusGatewayTimeout, Op: "late"}
	ending := func(c net.Conn) {
		if untilAbort(c) {
			sendPieces(c, []string{out(strings.Repeat("rest", 1000)) + errOut("aborted\n") + endRequest(1, 0)})
		}
	}
	working := func(c net.Conn) { // until it is closed
		untilAbort(c)
		io.Copy(io.Discard, c)
	}
	closing := func(c net.Conn) { untilAbort(c) }
	flooding := func(c net.Conn) {
		block := []byte(strings.Repeat(out(strings.Repeat("f", 60_000)), 10))
		for {
			if _, err := c.Write(block); err != nil {
				return
			}
		}
	}
	lying := func(c net.Conn) {
		if untilAbort(c) {
			sendPieces(c, []string{rec(6, 2, "secret", 0)})
			io.Copy(io.Discard, c)
		}
	}
	for _, tt := range []struct {
		name  string
		cause error
		then  func(c net.Conn)
		ends  string
	}{
		{"the application ends the request", left, ending, "served"},
		{"it closes the connection", left, closing, "served"},
		{"it goes on", left, working, "abandoned"},
		{"it goes on and on writing", left, flooding, "abandoned"},
		{"it violates the protocol", left, lying, "faulty"},
		{"late, the application ends the request", late, ending, "served"},
		{"late, it goes on", late, working, "faulty"},
		{"late, it goes on and on writing", late, flooding, "faulty"},
	} {
		for _, headless := range []bool{false, true} {
			floods := strings.Contains(tt.name, "on and on")
			if floods && headless {
				continue // such a head is bad before anybody leaves
			}
			t.Run(tt.name, func(t *testing.T) {
				gate := admission.New(admission.Limits{Running: 1})
				inTheMiddle := make(chan struct{}, 2)
				f := newFake(t, Options{Gate: gate, StopTimeout: 200 * time.Millisecond}, 1, func(_ int, c net.Conn) {
					if headless {
						takeRequest(c)
					} else {
						begun(c)
					}
					inTheMiddle <- struct{}{}
					tt.then(c)
				})
				ctx, cancel := context.WithCancelCause(context.Background())
				soon := func() { time.AfterFunc(10*time.Millisecond, func() { cancel(tt.cause) }) }
				got := ""
				if req := within(ctx, f.request("GET", nil)); headless {
					go func() {
						<-inTheMiddle
						soon()
					}()
					got = f.do(req)
				} else {
					resp, err := f.backend.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					soon()
					got = f.read(resp)
				}
				want := map[bool]string{true: "499: ", false: "504: late"}[tt.cause == left]
				if !strings.Contains(got, want) || headless != strings.HasPrefix(got, want) {
					t.Errorf("%.100q, want %q", got, want)
				}
				f.wantEnded(tt.ends)
				f.eventually("the gate is free", func() bool { return gate.Stats().Running == 0 })
				if kept := f.peers[0].Idle(); kept != 0 { // ABORT_REQUEST may have come too late
					t.Errorf("%d connections kept", kept)
				}
			})
		}
	}
}

// As long as the application may be at work, the request has its place.
func TestPlaceIsHeldUntilTheEnd(t *testing.T) {
	leaves(t)
	gate := admission.New(admission.Limits{Running: 1})
	release := make(chan struct{})
	f := newFake(t, Options{Gate: gate, StopTimeout: time.Minute}, 0, func(_ int, c net.Conn) {
		begun(c)
		<-release
		sendPieces(c, []string{end()})
	})
	resp, err := f.backend.RoundTrip(f.request("GET", nil))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if n := gate.Stats().Running; n != 1 || f.backend.Running() != 1 {
		t.Errorf("%d places taken, %d requests at work", n, f.backend.Running())
	}
	f.wants(f.get(), "503: ", "max_running")
	close(release)
	f.wantEnded("served")
	f.eventually("the gate is free", func() bool { return gate.Stats().Running == 0 })
}

// A record that could not be finished is not followed by another.
func TestAbortInsideOfARecord(t *testing.T) {
	leaves(t)
	f := newFake(t, Options{StopTimeout: time.Minute}, 0, func(_ int, c net.Conn) {
		sendPieces(c, []string{out(plainHead + "part")}) // and reads nothing
		awaitRead(c)
		time.Sleep(50 * time.Millisecond) // until the body fills the socket
		if untilAbort(c) {
			t.Error("ABORT_REQUEST inside of a record")
		}
	})
	resp, err := f.backend.RoundTrip(f.request("POST", memory(make([]byte, 4<<20))))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * time.Millisecond)
	resp.Body.Close()
	f.wantEnded("abandoned")
}

func TestPanicGivesEverythingBack(t *testing.T) {
	leaves(t)
	gate := admission.New(admission.Limits{Running: 1})
	f := newFake(t, Options{Gate: gate}, 1, answering(out("Status: 103\n\n"+plainHead)+end()))
	req := f.request("GET", nil)
	req.EarlyHints = func(http.Header) { panic("a hint") }
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		f.backend.RoundTrip(req)
	}()
	f.wantEnded("abandoned")
	if n := gate.Stats().Running; n != 0 {
		t.Errorf("%d places taken", n)
	}
}

// What was lent says how it ended.
func TestEndingIsTold(t *testing.T) {
	f := newFake(t, Options{Script: true}, 0, closing)
	f.backend.opt.Upstream = tellingUpstream{f}
	f.wants(f.do(f.request("POST", nil)),
		"502: fastcgi: read the answer of peer 0 for /srv/app.fcgi: the application closed the connection before it had ended the request; the worker was killed by SIGSEGV HINT it crashed")
}

type tellingUpstream struct{ *fake }

func (u tellingUpstream) Lease(ctx context.Context, not *upstream.Peer) (*upstream.Lease, error) {
	l, err := u.fake.Lease(ctx, not)
	l.Ending = func() (how, hint string) { return "the worker was killed by SIGSEGV", "it crashed" }
	return l, err
}

func TestClose(t *testing.T) {
	leaves(t)
	f := newFake(t, Options{StopTimeout: 100 * time.Millisecond}, 1, func(_ int, c net.Conn) {
		begun(c)
		untilAbort(c)
		io.Copy(io.Discard, c)
	})
	resp, err := f.backend.RoundTrip(f.request("GET", nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := f.backend.Close(); err != nil {
		t.Error(err)
	}
	f.wantEnded("abandoned")
	f.wants(f.read(resp), "200 ", "then 503: ", "shut down")
	f.wants(f.get(), "503: ", "shut down")
	if err := f.backend.Check(f.request("GET", nil)); err == nil {
		t.Error("Check sees nothing")
	}
}

func TestWait(t *testing.T) {
	leaves(t)
	release := make(chan struct{})
	f := newFake(t, Options{StopTimeout: time.Minute}, 1, func(_ int, c net.Conn) {
		begun(c)
		<-release
		sendPieces(c, []string{end()})
		io.Copy(io.Discard, c)
	})
	if err := f.backend.Wait(context.Background()); err != nil {
		t.Errorf("with nothing to wait for: %v", err)
	}
	var bodies []io.ReadCloser
	for range 2 {
		resp, err := f.backend.RoundTrip(f.request("GET", nil))
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, resp.Body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := f.backend.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Wait: %v", err)
	}
	f.wantEnded("abandoned abandoned")
	for _, b := range bodies {
		var all bytes.Buffer
		if _, err := all.ReadFrom(b); err == nil {
			t.Errorf("%q, whole", all.String())
		}
		b.Close()
	}
	close(release)

	resp, err := f.backend.RoundTrip(f.request("GET", nil))
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() { waited <- f.backend.Wait(context.Background()) }()
	if got := f.read(resp); got != "200 part" {
		t.Error(got)
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
}

// An answer that is whole stays so, whatever becomes of the request's body and of the client afterwards.
func TestWholeAnswerStaysWhole(t *testing.T) {
	leaves(t)
	f := newFake(t, Options{}, 1, func(_ int, c net.Conn) {
		readWire(c)
		sendPieces(c, []string{out(plainHead), out(strings.Repeat("b", 5000)) + end()})
		io.Copy(io.Discard, c)
	})
	body, sending := io.Pipe()
	ctx, cancel := context.WithCancel(context.Background())
	resp, err := f.backend.RoundTrip(within(ctx, f.request("POST", body)))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.ReadFull(resp.Body, make([]byte, 5000)); n != 5000 || err != nil {
		t.Fatal(n, err)
	}
	f.wantEnded("served")
	sending.CloseWithError(io.ErrUnexpectedEOF)
	cancel()
	time.Sleep(10 * time.Millisecond) // for both to have their effect, which there must not be
	if got := f.read(resp); got != "200 " {
		t.Error(got)
	}
}
