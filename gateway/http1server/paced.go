package http1server

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/nonblock"
)

// paceBytes is what a client must take in each span of http.send_timeout while bytes wait for it.
const paceBytes = 1 << 10

// pacedConn breaks off a client that takes too little. The kernel's send buffer may hold megabytes, so what counts is
// what left it, not what was written into it. Most of what is written there is room for: it is tried without a deadline,
// which would cost as much as a small write.
type pacedConn struct {
	net.Conn
	raw  syscall.RawConn // nil if there is no descriptor to ask; then, or without a span, nobody keeps the pace
	span time.Duration

	once    func(fd uintptr) bool // sendOnce, made once
	pieces  [][]byte              // what it sends
	sent    int                   // and how much it has
	sendErr error
}

func paced(conn net.Conn, span time.Duration) *pacedConn {
	c := &pacedConn{Conn: conn, span: span}
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			c.raw, c.once = raw, c.sendOnce
		}
	}
	return c
}

// Write implements net.Conn.
func (c *pacedConn) Write(p []byte) (int, error) {
	pieces := [1][]byte{p}
	return c.send(pieces[:])
}

// send writes the pieces one after the other, in one system call if there is room for them. It returns how much it has
// written, and an error if that is not all.
func (c *pacedConn) send(pieces [][]byte) (n int, err error) {
	if c.raw != nil {
		c.pieces, c.sent, c.sendErr = pieces, 0, nil
		if err = c.raw.Write(c.once); err == nil {
			n, err = c.sent, c.sendErr
		}
		if c.pieces = nil; err != nil {
			return n, err
		}
	}
	skip := n
	for _, p := range pieces {
		if skip >= len(p) {
			skip -= len(p)
			continue
		}
		wrote, err := c.write(p[skip:])
		n, skip = n+wrote, 0
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// sendOnce writes what there is room for now.
func (c *pacedConn) sendOnce(fd uintptr) bool {
	for {
		if len(c.pieces) == 1 {
			c.sent, c.sendErr = nonblock.Write(fd, c.pieces[0])
		} else {
			c.sent, c.sendErr = unix.Writev(int(fd), c.pieces)
		}
		if c.sendErr == unix.EINTR {
			continue
		}
		c.sent = max(c.sent, 0)
		if c.sendErr == unix.EAGAIN {
			c.sendErr = nil
		}
		return true
	}
}

// write waits for room.
func (c *pacedConn) write(p []byte) (int, error) {
	n, err := c.keepPace(func(done int64) (int64, error) {
		n, err := c.Conn.Write(p[done:])
		return int64(n), err
	})
	return int(n), err
}

// ReadFrom keeps sendfile in reach: a file, or a part of one, goes to the connection's own ReadFrom; anything else takes
// the way of Write.
func (c *pacedConn) ReadFrom(src io.Reader) (int64, error) {
	to, ok := c.Conn.(io.ReaderFrom)
	file := regularFile(src)
	if !ok || file == nil {
		return io.Copy(struct{ io.Writer }{c}, src)
	}
	start, err := file.Seek(0, io.SeekCurrent)
	if err != nil {
		return io.Copy(struct{ io.Writer }{c}, src)
	}
	return c.keepPace(func(done int64) (int64, error) {
		if at, err := file.Seek(0, io.SeekCurrent); done > 0 && (err != nil || at != start+done) {
			// Not sendfile but a copy through a buffer: what was read and not sent is lost.
			return 0, errors.New("the file's position is not where the last write stopped")
		}
		return to.ReadFrom(src)
	})
}

// regularFile is the file behind src, nil if there is none.
func regularFile(src io.Reader) *os.File {
	if part, ok := src.(*io.LimitedReader); ok {
		src = part.R
	}
	file, _ := src.(*os.File)
	return file
}

// keepPace calls send, which goes on where it stopped, until it is done or a span has gone by in which the client took
// less than paceBytes. The first tenth of the first span only finds out where the client stands: asking the kernel
// costs a system call, and most writes never wait.
func (c *pacedConn) keepPace(send func(done int64) (int64, error)) (done int64, err error) {
	if c.raw == nil || c.span <= 0 {
		return send(0)
	}
	defer c.Conn.SetWriteDeadline(time.Time{})
	wait, known, taken := c.span/10, false, int64(0)
	for {
		c.Conn.SetWriteDeadline(time.Now().Add(wait))
		n, err := send(done)
		done += n
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return done, err
		}
		now := done - c.unsent() // less than zero at first: what was queued before this write counts too
		if known && now-taken < paceBytes {
			return done, err
		}
		wait = c.span
		if !known {
			wait -= c.span / 10
		}
		known, taken = true, now
	}
}

// unsent is how many bytes wait in the kernel for the client to take them.
func (c *pacedConn) unsent() int64 {
	queued := 0
	c.raw.Control(func(fd uintptr) {
		queued, _ = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
	})
	return int64(queued)
}
