package fastcgi

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/upstream"
)

// leaves checks at the end of the test that nothing has been left behind. It comes first in a test, and such a test
// does not run beside others.
func leaves(t *testing.T) {
	before := backendtest.Measure()
	t.Cleanup(func() { backendtest.NoMore(t, before) })
}

// fake is a Backend and servers behind it that do what a test says. It is the upstream.Upstream in between.
type fake struct {
	*testing.T
	backend *Backend
	peers   []*upstream.Peer
	served  sync.WaitGroup

	mu       sync.Mutex
	leased   int
	outcomes []string // of leases, in the order in which they ended
	stderr   []string
}

// server is what is done with the nth connection, counted from 0. It is closed afterwards.
type server func(n int, c net.Conn)

// newFake starts servers, one at each address.
func newFake(t *testing.T, opt Options, keep int, servers ...server) *fake {
	t.Helper()
	f := &fake{T: t}
	for _, serve := range servers {
		l, address := listen(t, "unix")
		f.peers = append(f.peers, upstream.NewPeer(fmt.Sprintf("peer %d", len(f.peers)), address, keep))
		f.served.Go(func() { f.accept(l, serve) })
		t.Cleanup(func() { l.Close() })
	}
	opt.Upstream = f
	f.backend = New(opt)
	t.Cleanup(func() {
		if err := f.backend.Close(); err != nil {
			t.Error(err)
		}
		for _, p := range f.peers {
			p.Close()
		}
	})
	return f
}

func (f *fake) accept(l net.Listener, serve server) {
	for n := 0; ; n++ {
		c, err := l.Accept()
		if err != nil {
			return
		}
		f.served.Go(func() {
			defer c.Close()
			serve(n, c)
		})
	}
}

// Lease lends the first peer that is not the one to be avoided.
func (f *fake) Lease(_ context.Context, not *upstream.Peer) (*upstream.Lease, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	peer := f.peers[0]
	if peer == not && len(f.peers) > 1 {
		peer = f.peers[1]
	}
	f.leased++
	return upstream.NewLease(peer, func(o upstream.Outcome) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.leased--
		f.outcomes = append(f.outcomes, [...]string{"served", "unreachable", "broken", "faulty", "abandoned", "unused"}[o])
	}), nil
}

// age makes the kept connection one that has been kept for long.
func (f *fake) age() {
	f.Helper()
	c, ok := f.peers[0].Take().(*conn)
	if !ok {
		f.Fatal("no connection is kept")
	}
	c.since = time.Time{}
	f.peers[0].Put(c)
}

// ended waits until nothing is lent and tells how it ended.
func (f *fake) ended() string {
	f.Helper()
	f.eventually("every lease is given back", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.leased == 0 && f.backend.Running() == 0
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.outcomes, " ")
}

func (f *fake) wantEnded(want string) {
	f.Helper()
	if got := f.ended(); got != want {
		f.Errorf("leases ended %q, want %q", got, want)
	}
}

func (f *fake) eventually(what string, ok func() bool) {
	f.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.Fatalf("not within 10s: %s", what)
		}
	}
}

func (f *fake) request(method string, body io.Reader) *gateway.Request {
	req := plainRequest(context.Background())
	req.Method = method
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(body), -1
		if rc, ok := body.(io.ReadCloser); ok {
			req.Body = rc
		}
	}
	req.Stderr = func(line string) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.stderr = append(f.stderr, line)
	}
	return req
}

// within makes ctx the request's.
func within(ctx context.Context, req *gateway.Request) *gateway.Request {
	req.Request = req.Request.WithContext(ctx)
	return req
}

// do makes a request and describes what has come of it: "200 body", or "502: text" where an error did, HINT and all.
func (f *fake) do(req *gateway.Request) string {
	resp, err := f.backend.RoundTrip(req)
	if err != nil {
		return described(err)
	}
	return f.read(resp)
}

func (f *fake) read(resp *http.Response) string {
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	text := fmt.Sprintf("%d %s", resp.StatusCode, body)
	if err != nil {
		text += " then " + described(err)
	}
	return text
}

func described(err error) string {
	e := gateway.AsError(err)
	return fmt.Sprintf("%d: %v HINT %s", e.Status, e, e.Hint)
}

func (f *fake) get() string { return f.do(f.request("GET", nil)) }

// wants checks that text has all of the words.
func (f *fake) wants(text string, words ...string) {
	f.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			f.Errorf("%q does not say %q", text, w)
		}
	}
}

// takeRequest reads a request up to the end of its body. It is false when the connection ends before.
func takeRequest(c net.Conn) (records []wire, ok bool) {
	for {
		w, err := readWire(c)
		if err != nil {
			return records, false
		}
		records = append(records, w)
		if w.kind == 5 && len(w.content) == 0 {
			return records, true
		}
	}
}

// answering answers every request on every connection with the text, in the given pieces, each only when the one before
// has been read.
func answering(pieces ...string) server {
	return func(_ int, c net.Conn) {
		for {
			if _, ok := takeRequest(c); !ok {
				return
			}
			sendPieces(c, pieces)
		}
	}
}

func sendPieces(c net.Conn, pieces []string) {
	for _, p := range pieces {
		io.WriteString(c, p)
		if len(pieces) > 1 {
			awaitRead(c)
		}
	}
}

// awaitRead waits until the other end of a unix socket has read everything, or has closed it.
func awaitRead(c net.Conn) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Microsecond) {
		left := 0
		raw.Control(func(fd uintptr) { left, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
		if left == 0 || err != nil {
			return
		}
	}
}
