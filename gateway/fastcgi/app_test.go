package fastcgi

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/upstream"
)

// This is a FastCGI application for tests, written by the specification without a line of the client's.

// wire is a record as it is on the wire.
type wire struct {
	kind    byte
	id      uint16
	content []byte
}

func readWire(r io.Reader) (wire, error) {
	var h [8]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return wire{}, err
	}
	if h[0] != 1 {
		return wire{}, fmt.Errorf("version %d", h[0])
	}
	w := wire{kind: h[1], id: uint16(h[2])<<8 | uint16(h[3]), content: make([]byte, int(h[4])<<8|int(h[5]))}
	if _, err := io.ReadFull(r, w.content); err != nil {
		return wire{}, err
	}
	_, err := io.CopyN(io.Discard, r, int64(h[6]))
	return w, err
}

// rec is a record's bytes, with padding that nobody may look at.
func rec(kind byte, id uint16, content string, padding int) string {
	if len(content) > 0xffff {
		panic("too long for a record")
	}
	h := []byte{1, kind, byte(id >> 8), byte(id), byte(len(content) >> 8), byte(len(content)), byte(padding), 0xee}
	for range padding {
		content += "\xdd"
	}
	return string(h) + content
}

func out(content string) string    { return rec(6, 1, content, 0) }
func errOut(content string) string { return rec(7, 1, content, 0) }

// endRequest is END_REQUEST.
func endRequest(appStatus uint32, protocolStatus byte) string {
	b := binary.BigEndian.AppendUint32(nil, appStatus)
	return rec(3, 1, string(append(b, protocolStatus, 0, 0, 0)), 0)
}

// end is the orderly end of an answer.
func end() string { return out("") + endRequest(0, 0) }

// decodePairs is the list of variables that a PARAMS stream holds, "NAME=value" each.
func decodePairs(b []byte) (all []string, err error) {
	length := func() int {
		if len(b) > 0 && b[0]>>7 == 0 {
			n := int(b[0])
			b = b[1:]
			return n
		}
		if len(b) < 4 {
			err = errors.New("a length is cut")
			b = nil
			return 0
		}
		n := int(b[0]&0x7f)<<24 | int(b[1])<<16 | int(b[2])<<8 | int(b[3])
		b = b[4:]
		return n
	}
	for len(b) > 0 {
		name := length()
		value := length()
		if err != nil || name+value > len(b) {
			return nil, errors.Join(err, errors.New("a pair is cut"))
		}
		all = append(all, string(b[:name])+"="+string(b[name:name+value]))
		b = b[name+value:]
	}
	return all, nil
}

// testApp listens and answers requests with backendtest.Program.
type testApp struct {
	listener net.Listener
	serial   bool // one connection after the other
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[*appConn]struct{}
	over  bool
	made  int // connections
}

func listen(t testing.TB, network string) (net.Listener, upstream.Address) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	return l, upstream.Address{Network: network, Address: l.Addr().String()}
}

func startApp(l net.Listener, serial bool) *testApp {
	a := &testApp{listener: l, serial: serial, conns: map[*appConn]struct{}{}}
	a.running.Go(a.accept)
	return a
}

func (a *testApp) accept() {
	for {
		c, err := a.listener.Accept()
		if err != nil {
			return
		}
		ac := &appConn{Conn: c, app: a}
		a.mu.Lock()
		a.conns[ac] = struct{}{}
		a.made++
		if a.over {
			c.Close()
		}
		a.mu.Unlock()
		if a.serial {
			ac.serve()
		} else {
			a.running.Go(ac.serve)
		}
	}
}

func (a *testApp) connections() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.made
}

func (a *testApp) close() {
	a.listener.Close()
	a.mu.Lock()
	a.over = true
	for c := range a.conns {
		c.Close()
		c.giveUp()
	}
	a.mu.Unlock()
	a.running.Wait()
}

// appConn is a connection of the application's.
type appConn struct {
	net.Conn
	app *testApp
	out sync.Mutex // held while a record is written

	mu  sync.Mutex
	now *appRequest
}

type appRequest struct {
	conn   *appConn
	keep   bool
	params []byte
	stdin  *io.PipeWriter
	body   *io.PipeReader
	gone   chan struct{}
	leave  func()
	done   chan struct{}
}

func (c *appConn) giveUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil {
		c.now.leave()
	}
}

func (c *appConn) serve() {
	r := bufio.NewReader(c)
	for {
		w, err := readWire(r)
		if err != nil || !c.take(w) {
			break
		}
	}
	c.giveUp()
	c.Close()
	c.mu.Lock()
	now := c.now
	c.mu.Unlock()
	if now != nil && now.done != nil {
		<-now.done
	}
	c.app.mu.Lock()
	delete(c.app.conns, c)
	c.app.mu.Unlock()
}

// take is false when the connection is over.
func (c *appConn) take(w wire) bool {
	c.mu.Lock()
	now := c.now
	c.mu.Unlock()
	switch w.kind {
	case 9:
		c.write(rec(10, 0, "\x0f\x01FCGI_MPXS_CONNS0", 0))
	case 1:
		if now != nil {
			<-now.done // it has been ended, or the client is wrong
		}
		body, stdin := io.Pipe()
		gone := make(chan struct{})
		x := &appRequest{conn: c, keep: w.content[2]&1 != 0, stdin: stdin, body: body, gone: gone}
		x.leave = sync.OnceFunc(func() {
			close(gone)
			stdin.CloseWithError(errors.New("aborted"))
		})
		c.mu.Lock()
		c.now = x
		c.mu.Unlock()
	case 2:
		c.giveUp()
	case 4:
		if len(w.content) > 0 {
			now.params = append(now.params, w.content...)
			return true
		}
		now.done = make(chan struct{})
		go now.run()
	case 5:
		if len(w.content) == 0 {
			now.stdin.Close()
		} else {
			now.stdin.Write(w.content) // fails if the program has had enough
		}
	default:
		return false
	}
	return true
}

func (c *appConn) write(text string) error {
	c.out.Lock()
	defer c.out.Unlock()
	_, err := io.WriteString(c.Conn, text)
	return err
}

func (x *appRequest) run() {
	defer close(x.done)
	vars, err := decodePairs(x.params)
	if err != nil {
		panic(err)
	}
	code := backendtest.Program(&backendtest.Exchange{
		Vars: vars, Stdin: x.body, Stdout: appStream{x, 6}, Stderr: appStream{x, 7}, Gone: x.gone,
		Die: func() {
			x.conn.Close()
			runtime.Goexit()
		},
	})
	x.body.Close()
	x.conn.write(end()[:8] + endRequest(uint32(code), 0))
	if !x.keep { // to close it with something unread would take the answer away from a client that is slower
		x.conn.Conn.(interface{ CloseWrite() error }).CloseWrite()
	}
}

// appStream is STDOUT or STDERR.
type appStream struct {
	x    *appRequest
	kind byte
}

func (s appStream) Write(p []byte) (n int, err error) {
	for len(p) > 0 {
		select {
		case <-s.x.gone:
			return n, io.ErrClosedPipe
		default:
		}
		piece := p[:min(len(p), 65528)]
		if err := s.x.conn.write(rec(s.kind, 1, string(piece), len(piece)%8)); err != nil {
			return n, err
		}
		n += len(piece)
		p = p[len(piece):]
	}
	return n, nil
}
