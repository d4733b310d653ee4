package loadclient

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net"
	"slices"
	"syscall"
	"time"
)

// client is one client; it has one connection at most.
type client struct {
	load   *Load
	conn   net.Conn // nil: none is open
	wait   *waited  // reads conn
	in     *bufio.Reader
	head   []byte
	buf    []byte
	opened int // connections so far
}

func newClient(l *Load) *client {
	return &client{load: l, in: bufio.NewReader(nil), buf: make([]byte, 32<<10)}
}

// waited is a connection that remembers the longest wait for bytes.
type waited struct {
	net.Conn
	longest time.Duration
}

func (w *waited) Read(p []byte) (int, error) {
	begun := time.Now()
	n, err := w.Conn.Read(p)
	w.longest = max(w.longest, time.Since(begun))
	return n, err
}

// do asks r and judges the answer.
func (c *client) do(r *Request) Result {
	begun := time.Now()
	result := Result{Request: r}
	err := c.connect(begun.Add(c.load.Deadline), &result)
	if err == nil {
		err = c.exchange(r, &result)
		result.Pause = c.wait.longest
	}
	result.Took = time.Since(begun)
	result.Failure, result.Err = failureOf(err, Malformed), err
	if err != nil || c.load.Fresh {
		c.close()
	}
	return result
}

// connect makes the connection ready for a request that must be done by deadline. The end of the load does not stop it: the
// request has begun.
func (c *client) connect(deadline time.Time, result *Result) error {
	if c.conn != nil {
		open, err := c.quiet()
		if err != nil {
			return err
		}
		result.Kept = open
		if !open { // the server may do so between two requests
			c.close()
			result.Dropped = true
		}
	}
	if c.conn == nil {
		conn, err := (&net.Dialer{Deadline: deadline}).Dial(c.load.Network, c.load.Address)
		if err != nil {
			return &failed{Connect, err}
		}
		c.conn, c.wait = conn, &waited{Conn: conn}
		c.in.Reset(c.wait)
		c.opened++
	}
	c.wait.longest = 0
	return c.conn.SetDeadline(deadline)
}

// quiet looks at a connection between two requests: open is false if the server has closed it; bytes that nobody has
// asked for are an error.
func (c *client) quiet() (open bool, err error) {
	if c.in.Buffered() > 0 {
		b, _ := c.in.Peek(c.in.Buffered())
		return false, malformed("%d bytes behind the answer: %.60q", len(b), b)
	}
	raw, err := c.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return false, err
	}
	var one [1]byte
	n, perr := 0, error(nil)
	if err := raw.Control(func(fd uintptr) {
		n, _, perr = syscall.Recvfrom(int(fd), one[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}); err != nil {
		return false, err
	}
	if n > 0 {
		return false, malformed("bytes behind the answer: %q ...", one[:n])
	}
	return errors.Is(perr, syscall.EAGAIN), nil
}

// exchange sends r, reads the answer and judges it. The connection is closed unless it can take another request.
func (c *client) exchange(r *Request, result *Result) error {
	c.head = r.appendHead(c.head[:0], c.load.Host, c.load.Fresh)
	if _, err := c.conn.Write(c.head); err != nil && failureOf(err, None) != Reset {
		return err // after a reset there may be an answer all the same
	}
	upload := startUpload(c.conn, r)
	a, err := readAnswer(c.in, r.method(), upload.interim)
	if err == nil {
		result.Status, result.Header = a.status, a.header
		err = c.readBody(a, r, result)
	}
	sent := upload.finish(c.conn)
	if err == nil && r.Leave == 0 {
		_, err = c.quiet()
	}
	if err != nil || a.last || !sent || r.Leave > 0 {
		c.close()
	}
	return err
}

// readBody reads the body of the answer and compares it with what is wanted.
func (c *client) readBody(a *answer, r *Request, result *Result) error {
	check := newCheck(&r.Want)
	body := a.body(c.in)
	for {
		n, err := body.Read(c.buf)
		check.add(c.buf[:n])
		result.Bytes += int64(n)
		if r.Leave > 0 && result.Bytes >= r.Leave && r.Want.takes(a.status) {
			return nil
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if !r.Want.takes(a.status) {
		return &failed{Status, fmt.Errorf("%d", a.status)}
	}
	if r.Leave > 0 {
		return &failed{Length, fmt.Errorf("the stream ended after %d bytes", result.Bytes)}
	}
	return check.verdict(result)
}

func (c *client) close() {
	if c.conn != nil {
		c.conn.Close()
		c.conn = nil
	}
}

// check compares a body with what is wanted, piece by piece.
type check struct {
	want *Want
	sum  hash.Hash // nil if nothing is to be summed
	rest [][]byte  // what of each body that is wanted has not come; nil if it is another one
}

func newCheck(w *Want) *check {
	c := &check{want: w}
	for _, body := range w.bodies() {
		c.rest = append(c.rest, body[:len(body):len(body)])
	}
	if w.Sum != nil {
		c.sum = sha256.New()
	}
	return c
}

func (c *check) add(p []byte) {
	if c.sum != nil {
		c.sum.Write(p)
	}
	for i, rest := range c.rest {
		if rest == nil || !bytes.HasPrefix(rest, p) {
			c.rest[i] = nil
			continue
		}
		c.rest[i] = rest[len(p):]
	}
}

// body is which of the bodies has come; -1 if none has.
func (c *check) body() int {
	return slices.IndexFunc(c.rest, func(rest []byte) bool { return rest != nil && len(rest) == 0 })
}

func (c *check) verdict(result *Result) error {
	got := result.Bytes
	result.Body = max(c.body(), 0)
	switch want := c.want.length(); {
	case want >= 0 && got != want:
		return &failed{Length, fmt.Errorf("%d bytes, not %d", got, want)}
	case len(c.rest) > 0 && c.body() < 0:
		return &failed{Content, fmt.Errorf("%d other bytes", got)}
	case c.sum != nil && [32]byte(c.sum.Sum(nil)) != *c.want.Sum:
		return &failed{Content, fmt.Errorf("%d bytes with another SHA-256", got)}
	}
	return nil
}
