package fastcgi

import (
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

const plainHead = "Content-Type: text/plain\r\n\r\n"

// answers are what an application may send, byte for byte, and what must come of it.
var answers = []struct {
	name  string
	wire  string
	want  string // what do gives; "502" with words where it must not be an answer
	words []string
	ends  string // how the lease does
	lines string // of standard error
}{
	{"plain", out(plainHead+"body") + end(), "200 body", nil, "served", ""},
	{"head and body in records of their own", out(plainHead) + out("body") + end(), "200 body", nil, "served", ""},
	{"a record inside of the head", out("Content-Ty") + out("pe: text/plain\r") + out("\n\r") + out("\nbo") + out("dy") + end(), "200 body", nil, "served", ""},
	{"padding everywhere", rec(6, 1, plainHead, 7) + rec(6, 1, "body", 255) + rec(6, 1, "", 8) + rec(3, 1, "\x00\x00\x00\x00\x00\x00\x00\x00", 13), "200 body", nil, "served", ""},
	{"no end of STDOUT", out(plainHead+"body") + endRequest(0, 0), "200 body", nil, "served", ""},
	{"an appStatus", out(plainHead+"body") + out("") + endRequest(0xffffffff, 0), "200 body", nil, "served", ""},
	{"no body", out("Status: 404\n\n") + end(), "404 ", nil, "served", ""},
	{"STDERR first", errOut("one\n") + errOut("") + out(plainHead+"body") + end(), "200 body", nil, "served", "one"},
	{"STDERR inside of the head", out("Content-Type: te") + errOut("one\ntw") + out("xt/plain\r\n\r\nbody") + errOut("o\n") + end(), "200 body", nil, "served", "one two"},
	{"STDERR between", out(plainHead+"bo") + errOut("one\r\n") + out("dy") + end(), "200 body", nil, "served", "one"},
	{"STDERR after the end of STDOUT", out(plainHead+"body") + out("") + errOut("one") + errOut("") + endRequest(0, 0), "200 body", nil, "served", "one"},
	{"padded STDERR", rec(7, 1, strings.Repeat("e", 300)+"\n", 255) + out(plainHead+"body") + end(), "200 body", nil, "served", strings.Repeat("e", 300)},
	{"management records", rec(10, 0, "\x0f\x01FCGI_MPXS_CONNS0", 3) + out(plainHead+"bo") + rec(99, 0, "what?", 0) + out("dy") + rec(11, 0, "\x63\x00\x00\x00\x00\x00\x00\x00", 0) + end(), "200 body", nil, "served", ""},
	{"two interim heads", out("Status: 100\n\nStatus: 103\nLink: </a>\n\n"+plainHead+"body") + end(), "200 body", nil, "served", ""},
	{"bytes after the end", out(plainHead+"body") + end() + out("more"), "200 body", nil, "served", ""},

	{"nothing but the end", endRequest(0, 0), "502", []string{"without any output"}, "served", ""},
	{"an empty STDOUT", end(), "502", []string{"without any output"}, "served", ""},
	{"STDERR and an appStatus", errOut("no such table\n") + endRequest(1, 0), "502", []string{"without any output", "status 1", `last words: "no such table"`}, "served", "no such table"},
	{"CANT_MPX_CONN", endRequest(0, 1), "502", []string{"CANT_MPX_CONN"}, "served", ""},
	{"UNKNOWN_ROLE", endRequest(0, 3), "502", []string{"UNKNOWN_ROLE", "HINT it may be an authorizer"}, "served", ""},
	{"a status without a meaning", endRequest(0, 77), "502", []string{"protocol status 77"}, "served", ""},
	{"a bad status after the head", out(plainHead+"body") + endRequest(0, 1), "200 body then 502: ", []string{"CANT_MPX_CONN"}, "served", ""},
	{"no head", out("hello\n") + end(), "502", []string{"no colon", `"hello"`, "HINT print a header"}, "served", ""},
	{"a head without its end", out("Content-Type: text/plain") + end(), "502", []string{"inside the head"}, "served", ""},
	{"two statuses", out("Status: 200\nStatus: 404\n\n") + end(), "502", []string{"second Status"}, "served", ""},

	{"version 2", "\x02" + out(plainHead + "body")[1:] + end(), "502", []string{"version 2, not 1", "02 06 00 01 00 20 00 ee"}, "faulty", ""},
	{"HTTP", "HTTP/1.1 400 Bad Request\r\n\r\n", "502", []string{"version 72, not 1", "48 54 54 50", "HTTP/1.1", "HINT what listens there speaks HTTP"}, "faulty", ""},
	{"another request's bytes", rec(6, 2, plainHead+"secret", 0) + end(), "502", []string{"request id 2", "01 06 00 02"}, "faulty", ""},
	{"another request's bytes in the middle", out(plainHead+"body") + rec(6, 2, "secret", 0) + end(), "200 body then 502: ", []string{"STDOUT for request id 2"}, "faulty", ""},
	{"request id 0", rec(6, 0, plainHead+"body", 0) + end(), "502", []string{"request id 0"}, "faulty", ""},
	{"another request's end", out(plainHead+"body") + rec(3, 7, "\x00\x00\x00\x00\x00\x00\x00\x00", 0), "200 body then 502: ", []string{"END_REQUEST for request id 7"}, "faulty", ""},
	{"type 99", rec(99, 1, "what?", 0) + end(), "502", []string{"type 99", "01 63 00 01 00 05"}, "faulty", ""},
	{"type 0", rec(0, 0, "", 0), "502", []string{"type 0 is nothing that an application sends"}, "faulty", ""},
	{"an echo", rec(1, 1, "\x00\x01\x00\x00\x00\x00\x00\x00", 0), "502", []string{"BEGIN_REQUEST is nothing that an application sends"}, "faulty", ""},
	{"a short END_REQUEST", out(plainHead+"body") + rec(3, 1, "\x00\x00\x00\x00\x00", 0), "200 body then 502: ", []string{"END_REQUEST of 5 bytes"}, "faulty", ""},
	{"a large management record", rec(10, 0, strings.Repeat("v", 8193), 0) + out(plainHead+"body") + end(), "502", []string{"GET_VALUES_RESULT, of 8193 bytes"}, "faulty", ""},
	{"management records without end", strings.Repeat(rec(11, 0, strings.Repeat("v", 8000), 0), 9) + out(plainHead+"body") + end(), "502", []string{"without end"}, "faulty", ""},
	{"STDOUT after its end", out(plainHead+"bo") + out("") + out("dy") + end(), "200 bo then 502: ", []string{"STDOUT goes on after its end", "01 06 00 01 00 02 00 ee"}, "faulty", ""},
}

// Whatever an application sends, and however it is split, the same comes of it.
func TestAnswers(t *testing.T) {
	for _, tt := range answers {
		t.Run(tt.name, func(t *testing.T) {
			splits := [][]string{{tt.wire}}
			if len(tt.wire) < 700 {
				for i := 1; i < len(tt.wire); i++ {
					splits = append(splits, []string{tt.wire[:i], tt.wire[i:]})
				}
				splits = append(splits, strings.Split(tt.wire, ""))
			}
			var split atomic.Pointer[[]string]
			f := newFake(t, Options{}, 1, func(n int, c net.Conn) { answering(*split.Load()...)(n, c) })
			for _, now := range splits {
				split.Store(&now)
				f.outcomes, f.stderr = nil, nil
				got := f.do(f.request("POST", nil))
				if ends := f.ended(); ends != tt.ends {
					t.Fatalf("%d and more bytes: the lease ended %q, want %q", len(now[0]), ends, tt.ends)
				}
				if !strings.HasPrefix(got, tt.want) || len(tt.words) == 0 && got != tt.want {
					t.Fatalf("%d and more bytes: %q, want %q", len(now[0]), got, tt.want)
				}
				f.wants(got, tt.words...)
				if lines := strings.Join(f.stderr, " "); lines != tt.lines {
					t.Fatalf("%d and more bytes: standard error %q, want %q", len(now[0]), lines, tt.lines)
				}
				f.peers[0].Drop() // each on a connection of its own
			}
		})
	}
}

// Where an answer is cut off, that is seen: by a status as long as there is no head, in the body afterwards.
func TestAnswersCutOff(t *testing.T) {
	text := out("Content-Type: text/plain\r\n") + out("\r\nbo") + errOut("one\n") + rec(6, 1, "dy", 7) + out("") + endRequest(0, 0)
	headEnd := len(out("Content-Type: text/plain\r\n")) + 8 + 2
	for i := range text {
		f := newFake(t, Options{}, 0, func(n int, c net.Conn) {
			if _, ok := takeRequest(c); ok {
				sendPieces(c, []string{text[:i]})
			}
		})
		got := f.do(f.request("POST", nil))
		f.wants(got, "closed", "HINT it crashed")
		if head := strings.HasPrefix(got, "200 "); head != (i >= headEnd) {
			t.Errorf("%d bytes: %q", i, got)
		}
		f.wantEnded("broken")
	}
}

// A record's content is given when it is there, not when its padding is.
func TestPaddingIsNotWaitedFor(t *testing.T) {
	wait := make(chan struct{})
	f := newFake(t, Options{}, 1, func(_ int, c net.Conn) {
		for {
			if _, ok := takeRequest(c); !ok {
				return
			}
			answer := rec(6, 1, plainHead+"body", 200)
			sendPieces(c, []string{answer[:len(answer)-200]})
			<-wait
			sendPieces(c, []string{answer[len(answer)-200:] + end()})
		}
	})
	for range 3 {
		resp, err := f.backend.RoundTrip(f.request("GET", nil))
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 10)
		if n, err := resp.Body.Read(buf); string(buf[:n]) != "body" || err != nil {
			t.Fatalf("%q %v", buf[:n], err)
		}
		wait <- struct{}{}
		if got := f.read(resp); got != "200 " {
			t.Error(got)
		}
	}
	f.wantEnded("served served served")
}

// An answer that is small is there with its head, and its connection free, before anything of it is read.
func TestSmallAnswersAreReady(t *testing.T) {
	for _, tt := range []struct {
		name, wire, method string
		length             int64
		ready              bool
	}{
		{"plain", out(plainHead+"body") + end(), "GET", 4, true},
		{"in many records", out(plainHead) + strings.Repeat(errOut("e\n")+rec(6, 1, "body", 5), 900) + end(), "GET", 3600, true},
		{"larger than the head's buffer", out(plainHead+strings.Repeat("b", 30000)) + end(), "GET", 30000, true},
		{"empty", out(plainHead) + end(), "GET", 0, true},
		{"as announced", out("Content-Length: 4\n\nbody") + end(), "GET", 4, true},
		{"not as announced", out("Content-Length: 5\n\nbody") + end(), "GET", 5, false},
		{"HEAD", out(plainHead+"body") + end(), "HEAD", -1, false},
		{"not at its end", out(plainHead+"body") + out(""), "GET", -1, false},
		{"badly ended", out(plainHead+"body") + endRequest(0, 2), "GET", -1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var once sync.Once
			f := newFake(t, Options{}, 1, func(_ int, c net.Conn) {
				takeRequest(c)
				once.Do(func() { sendPieces(c, []string{tt.wire}) })
				readWire(c)
			})
			resp, err := f.backend.RoundTrip(f.request(tt.method, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if ready := resp.Body.(interface{ Ready() bool }).Ready(); ready != tt.ready || resp.ContentLength != tt.length {
				t.Errorf("ready %v, length %d; want %v, %d", ready, resp.ContentLength, tt.ready, tt.length)
			}
			if tt.ready {
				if idle := f.peers[0].Idle(); f.backend.Running() != 0 || idle != 1 {
					t.Errorf("%d requests at work, %d connections kept", f.backend.Running(), idle)
				}
				if got := f.read(resp); int64(len(got)) != tt.length+4 {
					t.Errorf("%d bytes", len(got)-4)
				}
			}
		})
	}
}
