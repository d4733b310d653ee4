package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway/responder"
)

// hostileCase is what a FastCGI application does with a request, and what must come of it for a client of the whole
// program.
type hostileCase struct {
	name string
	says string // once it has read the request
	ends bool   // it closes the connection then
	does func(net.Conn)
	post int // bytes of a body to send

	status  int
	body    string        // of the answer; "" is a page of the server's own
	broken  bool          // the client must see that it is not all
	wait    time.Duration // until a timeout ends it
	log     string        // what the log must say of the request
	retired bool          // a worker of ours that does so is replaced
}

const (
	hostileName  = "hostile.fcgi" // the test binary as a worker
	hostileIdle  = 300 * time.Millisecond
	hostileWhole = time.Second
	hostileSlack = time.Second // on a busy machine

	hostileConfig = `
admin: off
log: { format: json }
idle_timeout: 300ms
timeout: 1s
max_running: 1
routes:
  "/connect/*": { fastcgi: { connect: "unix:./app.sock", keepalive: 1, stop_timeout: 100ms } }
  "/worker/*":  { fastcgi: { run: ./hostile.fcgi, workers: 1, stop_timeout: 100ms } }
`
)

func fcgiRecord(kind byte, id uint16, content string) string {
	h := binary.BigEndian.AppendUint16([]byte{1, kind}, id)
	h = binary.BigEndian.AppendUint16(h, uint16(len(content)))
	return string(append(h, 0, 0)) + content
}

func fcgiOut(text string) string { return fcgiRecord(6, 1, text) }

func fcgiEnd(status byte) string {
	return fcgiOut("") + fcgiRecord(3, 1, string([]byte{0, 0, 0, 0, status, 0, 0, 0}))
}

func hostileCases() []hostileCase {
	const head = "Content-Type: text/plain\n\n"
	whole := fcgiOut(head+"all") + fcgiEnd(0)
	silent := func(says string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, says)
			io.Copy(io.Discard, c)
		}
	}
	dripping := func(says, drop string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, says)
			for _, err := io.WriteString(c, drop); err == nil; _, err = io.WriteString(c, drop) {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	return []hostileCase{
		{name: "speaks HTTP", says: "HTTP/1.1 200 OK\r\n\r\nhello", status: 502, log: "speaks HTTP, not FastCGI", retired: true},
		{name: "wrong version", says: "\x02" + whole[1:], status: 502, log: "version 2, not 1: 02 06 00 01", retired: true},
		{name: "another request's record", says: fcgiRecord(6, 2, "secret") + whole, status: 502, log: "request id 2", retired: true},
		{name: "another request's record in the body", says: fcgiOut(head+"part") + fcgiRecord(6, 2, "secret") + fcgiEnd(0), status: 200, body: "part", broken: true, log: "request id 2", retired: true},
		{name: "unknown type", says: fcgiRecord(77, 1, ""), status: 502, log: "type 77", retired: true},
		{name: "no head", says: fcgiOut("hello\n") + fcgiEnd(0), status: 502, log: `\"hello\"`},
		{name: "nothing but END", says: fcgiEnd(0)[8:], status: 502, log: "without any output"},
		{name: "overloaded", says: fcgiEnd(2), status: 503, log: "OVERLOADED"},
		{name: "wrong role", says: fcgiEnd(3), status: 502, log: "UNKNOWN_ROLE"},
		{name: "a crash with last words", says: fcgiRecord(7, 1, "out of \x1b[2J memory\n"), ends: true, status: 502, log: `out of \\x1b[2J memory`},
		{name: "closes at once", ends: true, status: 502, log: "closed the connection"},
		{name: "closes inside a record", says: fcgiOut(head + "part")[:12], ends: true, status: 502, log: "closed the connection"},
		{name: "closes in the middle", says: fcgiOut(head + "part"), ends: true, status: 200, body: "part", broken: true, log: "closed the connection"},
		{name: "closes before END", says: fcgiOut(head+"part") + fcgiOut(""), ends: true, status: 200, body: "part", broken: true, log: "closed the connection"},
		{name: "more than it ended", says: whole + fcgiOut("secret") + whole, status: 200, body: "all"},
		{name: "a head without end", does: dripping("", strings.Repeat(fcgiOut("X-Head: "+strings.Repeat("h", 500)+"\n"), 20)), status: 502, log: "longer than 65536 bytes"},
		{name: "is silent", does: silent(""), status: 504, wait: hostileIdle, log: "idle_timeout", retired: true},
		{name: "is silent, and the body is large", does: silent(""), post: 1 << 20, status: 504, wait: hostileIdle, log: "idle_timeout", retired: true},
		{name: "is silent in the middle", does: silent(fcgiOut(head + "part")), status: 200, body: "part", broken: true, wait: hostileIdle, log: "idle_timeout", retired: true},
		{name: "drips a head", does: dripping("", fcgiOut("X")), status: 504, wait: hostileWhole, log: "timeout", retired: true},
		{name: "complains without end", does: dripping("", strings.Repeat(fcgiRecord(7, 1, "noise\n"), 100)), status: 504, wait: hostileWhole, log: "timeout", retired: true},
		{name: "answers before it has read", says: fcgiOut("Status: 413\n\ntoo large") + fcgiEnd(0), post: 1 << 20, status: 413, body: "too large"},
	}
}

// hostileMain does not return if the test binary was started as a worker of ours. It takes no notice of SIGTERM.
func hostileMain() {
	if filepath.Base(os.Args[0]) != hostileName {
		return
	}
	signal.Ignore(syscall.SIGTERM)
	l, err := responder.Listener()
	if err != nil {
		panic(err)
	}
	hostileServe(l)
	os.Exit(0)
}

// hostileServe serves one connection after the other.
func hostileServe(l net.Listener) {
	cases := hostileCases()
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		for hostileAnswer(c, cases) {
		}
		c.Close()
	}
}

// hostileAnswer does what the query says; false when the connection is over.
func hostileAnswer(c net.Conn, cases []hostileCase) bool {
	query, ok := hostileRequest(c)
	if !ok {
		return false
	}
	number, err := strconv.Atoi(query)
	if err != nil {
		_, err := io.WriteString(c, fcgiOut(fmt.Sprintf("Content-Type: text/plain\n\ngood %d", os.Getpid()))+fcgiEnd(0))
		return err == nil
	}
	if does := cases[number].does; does != nil {
		does(c)
		return false
	}
	io.WriteString(c, cases[number].says)
	return !cases[number].ends
}

// hostileRequest reads a request up to the end of its parameters, and its body if it asks for nothing evil.
func hostileRequest(c net.Conn) (query string, ok bool) {
	var params []byte
	for {
		var h [8]byte
		if _, err := io.ReadFull(c, h[:]); err != nil {
			return "", false
		}
		content := make([]byte, int(h[4])<<8+int(h[5]))
		io.ReadFull(c, content)
		io.CopyN(io.Discard, c, int64(h[6]))
		switch {
		case h[1] == 9: // is it ready? It is.
			io.WriteString(c, fcgiRecord(10, 0, ""))
		case h[1] == 4 && len(content) > 0:
			params = append(params, content...)
		case h[1] == 5 && len(content) == 0, h[1] == 4 && bytes.Contains(params, []byte("CONTENT_LENGTH1048576")):
			return hostileQuery(params), true
		}
	}
}

func hostileQuery(params []byte) string {
	const name = "QUERY_STRING"
	at := bytes.Index(params, []byte("\x00"+name))
	if at >= 0 { // an empty one
		return ""
	}
	at = bytes.Index(params, []byte(name))
	size := int(params[at-1])
	return string(params[at+len(name):][:size])
}

// TestHostileApplications lets applications of others, and workers of our own, misbehave: each client sees it, the log
// says it, and the next request is served.
func TestHostileApplications(t *testing.T) {
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, hostileName)); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "app.sock"))
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		hostileServe(l)
	}()
	t.Cleanup(func() {
		l.Close()
		<-ended
	})
	s := serveConfig(t, dir, hostileConfig)
	for _, route := range []string{"/connect/", "/worker/"} {
		s.goodPID(t, route) // whatever is opened once is open
		s.descriptorsStay(t, func() {
			for number, c := range hostileCases() {
				t.Run(route+c.name, func(t *testing.T) { c.check(t, s, route, number) })
			}
		})
	}
}

// descriptorsStay wants no more descriptors of the server after something than before it, but for a connection that is kept.
func (s *served) descriptorsStay(t *testing.T, do func()) {
	t.Helper()
	count := func() int {
		all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(all)
	}
	before := count()
	do()
	for deadline := time.Now().Add(patience); count() > before+1; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors, %d before", count(), before)
		}
	}
}

// check makes the request, and one that must be served, over one connection where that can be.
func (c *hostileCase) check(t *testing.T, s *served, route string, number int) {
	before := s.goodPID(t, route)
	asked := asked{"GET", "HTTP/1.1"}
	body := ""
	if c.post > 0 {
		asked.method, body = "POST", strings.Repeat("b", c.post)
	}
	uri := fmt.Sprintf("%s?%d", route, number)
	mark, begun := len(s.stderr.String()), time.Now()
	data, reset := s.converse(t, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", asked.method, uri, len(body), body))
	took := time.Since(begun)
	all, err := wireAnswers(data, reset, asked)
	if err != nil {
		t.Fatalf("%v: %.500q", err, data)
	}
	a := all[0]
	if a.status != c.status || a.whole == c.broken || c.body != "" && a.body != c.body || strings.Contains(data, "secret") {
		t.Errorf("%d %.200q, whole: %v; want %d %q, broken: %v", a.status, a.body, a.whole, c.status, c.body, c.broken)
	}
	if took < c.wait || took > c.wait+hostileSlack {
		t.Errorf("took %v, want %v", took, c.wait)
	}
	s.logSays(t, mark, uri, c.log)
	after := s.goodPID(t, route)
	if route == "/worker/" && c.retired == (before == after) {
		t.Errorf("the worker was replaced: %v", before != after)
	}
	if before != after {
		s.gone(t, before)
	}
}

// goodPID makes a request that must be served, and says by whom.
func (s *served) goodPID(t *testing.T, route string) (pid string) {
	t.Helper()
	r := get(t, s.url+route+"?good", 200)
	pid, ok := strings.CutPrefix(r.body, "good ")
	if !ok {
		t.Fatalf("the good request got %q", r.body)
	}
	return pid
}

// logSays waits for the log's line of a request, and wants the words in what the log says from a mark on; no words: no
// failure.
func (s *served) logSays(t *testing.T, mark int, uri, words string) {
	t.Helper()
	text := ""
	for deadline := time.Now().Add(patience); !strings.Contains(text, `"uri":"`+uri+`"`); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("the log has no line of %s", uri)
		}
		text = s.stderr.String()[mark:]
	}
	if !strings.Contains(text, words) || words == "" && strings.Contains(text, "request failed") {
		t.Errorf("the log does not say %q: %s", words, text)
	}
}

// gone waits for the end of a process.
func (s *served) gone(t *testing.T, pid string) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat("/proc/" + pid); err != nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("worker %s is still there", pid)
		}
	}
}
