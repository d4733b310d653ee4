package fastcgi_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/admission"
	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/fastcgi"
	"gatewayd/gateway/upstream"
)

// hostile is a way in which an application misbehaves while it has a request, and what must come of it. Whatever it is,
// nothing may stay behind and the next request must be served.
type hostile struct {
	name string

	method string // "" is GET
	body   int    // bytes of the request's body
	says   string // what the application sends once it has read the request
	then   then   // what it does after that
	does   func(*talk)
	// limit is the time that the request may take; 0: it must be over at once.
	limit time.Duration

	status int    // 200: the answer is whole, and it is want; else the request fails with this status
	want   string // the body
	// cut says that a failure may come after the head: then the body must end in an error, after a part of want at most.
	cut    bool
	log    []string // what the log must say
	stderr []string // lines that must be logged as the application's
	next   reuse

	outcome    upstream.Outcome // what is said of the peer
	anyOutcome bool             // it may be another
}

// then is what an application does after it has said what it has to say.
type then int

const (
	stays  then = iota // until the connection is closed, or brings another request, which is answered well
	closes             // the connection
	shuts              // its side of the connection
	resets             // by RST where there is one
)

// reuse is whether the next request must come over the same connection, must not, or may.
type reuse int

const (
	anew reuse = iota
	kept
	either
)

const (
	patience = 10 * time.Second // for what must happen at once
	slack    = 1 * time.Second  // how late a timeout may be on a busy machine
	stopTime = 50 * time.Millisecond
)

// record is a record's bytes; nobody may look at the reserved byte or the padding.
func record(kind byte, id uint16, content string, padding int) string {
	if len(content) > 0xffff {
		panic("too long for a record")
	}
	h := []byte{1, kind, byte(id >> 8), byte(id), byte(len(content) >> 8), byte(len(content)), byte(padding), 0xa5}
	return string(h) + content + strings.Repeat("\x01", padding)
}

func stdout(text string) string { return record(6, 1, text, 0) }
func stderr(text string) string { return record(7, 1, text, 0) }

// ending is END_REQUEST with an exit status and a protocol status.
func ending(exit uint32, status byte) string {
	return record(3, 1, string(append(binary.BigEndian.AppendUint32(nil, exit), status, 0, 0, 0)), 0)
}

// page is a head and a body.
func page(body string) string { return stdout(plain + body) }

const plain = "Content-Type: text/plain\r\n\r\n"

func done() string { return stdout("") + ending(0, 0) }

// villain is a FastCGI server that does evil to every connection until it is told to be good.
type villain struct {
	listener net.Listener
	evil     func(*talk)
	good     atomic.Bool
	over     chan struct{} // closed at the end
	all      sync.WaitGroup

	mu     sync.Mutex
	conns  int // accepted so far
	reused int // requests that came over a connection on which evil was done
	said   int // connections on which evil has been done
}

func newVillain(t testing.TB, network string, evil func(*talk)) *villain {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	v := &villain{listener: l, evil: evil, over: make(chan struct{})}
	v.all.Go(v.accept)
	return v
}

func (v *villain) address() upstream.Address {
	a := v.listener.Addr()
	return upstream.Address{Network: a.Network(), Address: a.String()}
}

func (v *villain) accept() {
	for {
		c, err := v.listener.Accept()
		if err != nil {
			return
		}
		v.mu.Lock()
		v.conns++
		v.mu.Unlock()
		v.all.Go(func() { v.serve(&talk{Conn: c, villain: v}) })
	}
}

func (v *villain) serve(k *talk) {
	defer k.Close()
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		select {
		case <-v.over:
			k.Close()
		case <-stop:
		}
	}()
	evil := !v.good.Load()
	if evil {
		v.evil(k)
		v.mu.Lock()
		v.said++
		v.mu.Unlock()
	}
	for !k.closed && k.request() {
		if evil {
			v.mu.Lock()
			v.reused++
			v.mu.Unlock()
		}
		k.send(page("good") + done())
	}
}

func (v *villain) counts() (conns, said, reused int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.conns, v.said, v.reused
}

func (v *villain) close() {
	v.listener.Close()
	close(v.over)
	v.all.Wait()
}

// talk is a connection of the villain's.
type talk struct {
	net.Conn
	villain  *villain
	bytewise bool // what is sent goes out in single bytes
	closed   bool
}

// request reads a whole request; false if there is none.
func (k *talk) request() bool {
	for {
		kind, content, ok := k.record()
		if !ok || kind == 5 && len(content) == 0 {
			return ok
		}
	}
}

// params reads a request to the end of its parameters.
func (k *talk) params() bool {
	for {
		kind, content, ok := k.record()
		if !ok || kind == 4 && len(content) == 0 {
			return ok
		}
	}
}

// record reads one record; an abort is none: who expects one reads it by itself.
func (k *talk) record() (kind byte, content []byte, ok bool) {
	var h [8]byte
	if _, err := io.ReadFull(k, h[:]); err != nil {
		return 0, nil, false
	}
	content = make([]byte, int(h[4])<<8+int(h[5])+int(h[6]))
	_, err := io.ReadFull(k, content)
	return h[1], content[:len(content)-int(h[6])], err == nil
}

// send sends data, whole or in single bytes. It is false when nobody takes it.
func (k *talk) send(data string) bool {
	if !k.bytewise || len(data) > 4<<10 {
		_, err := io.WriteString(k, data)
		return err == nil
	}
	for i := range len(data) {
		if _, err := io.WriteString(k, data[i:i+1]); err != nil {
			return false
		}
	}
	return true
}

// drip sends data again and again, with pauses, until nobody takes it.
func (k *talk) drip(data string, pause time.Duration) {
	for k.send(data) {
		select {
		case <-time.After(pause):
		case <-k.villain.over:
			return
		}
	}
}

// stare does nothing until the end, with whatever may come.
func (k *talk) stare() {
	<-k.villain.over
	k.end(closes)
}

func (k *talk) end(how then) {
	if c, ok := k.Conn.(*net.TCPConn); ok && how == resets {
		c.SetLinger(0)
	}
	switch how {
	case shuts:
		k.Conn.(interface{ CloseWrite() error }).CloseWrite()
		io.Copy(io.Discard, k)
		fallthrough
	case closes, resets:
		k.closed = true
		k.Close()
	}
}

// witness notes how leases of an Upstream end.
type witness struct {
	upstream.Upstream
	mu       sync.Mutex
	lent     int
	outcomes []upstream.Outcome
}

func (w *witness) Lease(ctx context.Context, not *upstream.Peer) (*upstream.Lease, error) {
	inner, err := w.Upstream.Lease(ctx, not)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lent++
	return upstream.NewLease(inner.Peer, func(o upstream.Outcome) {
		inner.Release(o)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.lent--
		w.outcomes = append(w.outcomes, o)
	}), nil
}

func (w *witness) state() (lent int, outcomes []upstream.Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lent, slices.Clone(w.outcomes)
}

// stage is a Backend with a villain, or whatever listens at an address, behind it.
type stage struct {
	testing.TB
	backend *fastcgi.Backend
	gate    *admission.Gate
	witness *witness
	fixed   *upstream.Fixed
}

func newStage(t testing.TB, keep int, addresses ...upstream.Address) *stage {
	s := &stage{TB: t, gate: admission.New(admission.Limits{Running: 1, Queue: 10}), fixed: upstream.NewFixed(addresses, keep)}
	s.witness = &witness{Upstream: s.fixed}
	s.backend = fastcgi.New(fastcgi.Options{Upstream: s.witness, Gate: s.gate, StopTimeout: stopTime, ConnectTimeout: 300 * time.Millisecond})
	return s
}

func (s *stage) close() {
	if err := s.backend.Close(); err != nil {
		s.Error(err)
	}
	s.fixed.Close()
}

// answered is what came of a request.
type answered struct {
	status int    // of the head; 0 if there was none
	body   string // what came of it
	err    *gateway.Error
	took   time.Duration
	stderr []string
}

// ask makes a request and reads the answer to its end.
func (s *stage) ask(method string, body io.Reader, limit time.Duration) answered {
	s.Helper()
	a := s.request(httptest.NewRequest(method, "/app/x", body), limit)
	s.rest()
	return a
}

// request is ask for any request, beside others.
func (s *stage) request(hr *http.Request, limit time.Duration) answered {
	timeout := &gateway.Error{Status: http.StatusGatewayTimeout, Op: "run", Err: errors.New("timeout")}
	ctx, cancel := context.WithTimeoutCause(context.Background(), limit, timeout)
	defer cancel()
	req := &gateway.Request{
		Request: hr.WithContext(ctx), ID: "test", Route: "/app/*", Path: "/app/x", Prefix: "/app",
		Script: cgispec.Script{Name: "/app", PathInfo: "/x", Filename: "/srv/app.fcgi", Root: "/srv"},
	}
	var mu sync.Mutex
	var lines []string
	req.Stderr = func(line string) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, line)
	}
	var a answered
	begun := time.Now()
	resp, err := s.backend.RoundTrip(req)
	if err == nil {
		var text []byte
		text, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		a.status, a.body = resp.StatusCode, string(text)
	}
	a.took, a.err = time.Since(begun), gateway.AsError(err)
	mu.Lock()
	defer mu.Unlock()
	a.stderr = slices.Clone(lines)
	return a
}

// rest waits until nothing is under way any more.
func (s *stage) rest() {
	s.Helper()
	s.eventually("every place is given back", func() bool {
		lent, _ := s.witness.state()
		return lent == 0 && s.backend.Running() == 0 && s.gate.Stats().Running == 0
	})
}

func (s *stage) eventually(what string, ok func() bool) {
	s.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			s.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// log is all that an error tells.
func (a answered) log() string {
	if a.err == nil {
		return ""
	}
	return a.err.Error() + " HINT " + a.err.Hint
}

func TestHostile(t *testing.T) {
	total := 0
	for _, group := range []struct {
		name  string
		cases []hostile
	}{
		{"garbage", garbage()}, {"wrong records", wrongRecords()}, {"lies", lies()}, {"disorder", disorder()}, {"refusals", refusals()},
		{"bad heads", badHeads()}, {"noises", noises()}, {"silences", silences()}, {"endings", endings()}, {"early answers", earlyAnswers()},
	} {
		total += len(group.cases)
		t.Run(group.name, func(t *testing.T) {
			before := backendtest.Measure()
			for _, c := range group.cases {
				t.Run(c.name, c.run)
			}
			backendtest.NoMore(t, before)
		})
	}
	if total < 300 {
		t.Errorf("only %d misbehaviours", total)
	}
}

// run lets the case happen over each kind of socket, and in single bytes.
func (c *hostile) run(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		c.play(t, network, false)
	}
	if c.does == nil && len(c.says) < 4<<10 {
		c.play(t, "unix", true)
	}
}

// play lets the case happen.
func (c *hostile) play(t *testing.T, network string, bytewise bool) {
	t.Helper()
	v := newVillain(t, network, func(k *talk) {
		k.bytewise = bytewise
		c.evil(k)
	})
	s := newStage(t, 1, v.address())
	c.check(s)
	s.eventually("the villain has done what it wanted", func() bool {
		conns, said, _ := v.counts()
		return said == conns || c.does != nil
	})
	v.good.Store(true)
	if c.next == kept {
		time.Sleep(15 * time.Millisecond) // a POST goes only on a connection that has been quiet for a moment
	}
	if next := s.ask(http.MethodPost, nil, patience); next.status != 200 || next.body != "good" || next.err != nil {
		t.Errorf("%s: the next request: %d %q, %s", network, next.status, next.body, next.log())
	}
	if _, _, reused := v.counts(); c.next == anew && reused > 0 || c.next == kept && reused == 0 {
		t.Errorf("%s, in bytes %v: %d requests over the same connection", network, bytewise, reused)
	}
	s.close()
	v.close()
}

// evil is what the villain does.
func (c *hostile) evil(k *talk) {
	if c.does != nil {
		c.does(k)
		return
	}
	if k.request() && k.send(c.says) {
		k.end(c.then)
	}
}

// check makes the request and looks at what came of it.
func (c *hostile) check(s *stage) {
	s.Helper()
	method, limit := c.method, c.limit
	if method == "" {
		method = http.MethodGet
	}
	if limit == 0 {
		limit = patience
	}
	var body io.Reader
	if c.body > 0 {
		body = strings.NewReader(strings.Repeat("b", c.body))
	}
	a := s.ask(method, body, limit)
	if c.limit > 0 && (a.took > c.limit+slack || a.took < c.limit/2) || c.limit == 0 && a.took > patience/2 {
		s.Errorf("took %v", a.took)
	}
	c.checkAnswer(s, a)
	for _, word := range c.log {
		if !strings.Contains(a.log(), word) {
			s.Errorf("the log does not say %q: %s", word, a.log())
		}
	}
	for _, line := range c.stderr {
		if !slices.Contains(a.stderr, line) {
			s.Errorf("%q is not in the lines %.300q", line, a.stderr)
		}
	}
	if _, outcomes := s.witness.state(); outcomes[len(outcomes)-1] != c.outcome && !c.anyOutcome {
		s.Errorf("the peer is said to be %v, want %v: %s", outcomes, c.outcome, a.log())
	}
}

func (c *hostile) checkAnswer(s *stage, a answered) {
	s.Helper()
	if c.status < 500 {
		if a.status != c.status || a.body != c.want || a.err != nil {
			s.Errorf("status %d, %d bytes %.80q, %s; want %d, %d bytes %.80q", a.status, len(a.body), a.body, a.log(), c.status, len(c.want), c.want)
		}
		return
	}
	switch {
	case a.err == nil:
		s.Fatalf("taken for whole: %d %.80q", a.status, a.body)
	case a.err.Status != c.status:
		s.Errorf("fails with %d, want %d: %s", a.err.Status, c.status, a.log())
	case a.status != 0 && !c.cut:
		s.Errorf("a head came out of it: %d %.80q", a.status, a.body)
	case !strings.HasPrefix(c.want, a.body):
		s.Errorf("%.80q is no part of %.80q", a.body, c.want)
	}
	if len(a.log()) > 8<<10 {
		s.Errorf("%d bytes for the log", len(a.log()))
	}
	if i := strings.IndexFunc(a.log(), func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		s.Errorf("a control character for the log: %q", a.log())
	}
}
