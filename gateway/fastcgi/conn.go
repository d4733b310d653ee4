package fastcgi

import (
	"io"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/nonblock"
)

// conn is a connection to an application.
type conn struct {
	net.Conn
	raw syscall.RawConn

	since time.Time // when the last request on it was over

	// What writeNow and Read share with their callbacks, which are made once for all requests of the connection.
	write, read func(fd uintptr) (done bool)
	data, room  []byte
	sent, got   int
	err         error
	readErr     error
}

func newConn(c net.Conn) (*conn, error) {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		return nil, err
	}
	made := &conn{Conn: c, raw: raw}
	made.write, made.read = made.tryWrite, made.tryRead
	return made, nil
}

// writeNow writes as much of p as can be written without waiting.
func (c *conn) writeNow(p []byte) (n int, err error) {
	c.data, c.sent, c.err = p, 0, nil
	if err := c.raw.Write(c.write); err != nil {
		return 0, err
	}
	c.data = nil
	return c.sent, c.err
}

func (c *conn) tryWrite(fd uintptr) (done bool) {
	if c.sent, c.err = nonblock.Write(fd, c.data); c.err == unix.EAGAIN {
		c.err = nil
	}
	return true
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (n int, err error) {
	c.room = p
	err = c.raw.Read(c.read)
	c.room = nil
	if err != nil {
		return 0, err
	}
	if c.got == 0 && c.readErr == nil && len(p) > 0 {
		return 0, io.EOF
	}
	return c.got, c.readErr
}

func (c *conn) tryRead(fd uintptr) (done bool) {
	c.got, c.readErr = nonblock.Read(fd, c.room)
	return c.readErr != unix.EAGAIN
}

// Usable implements upstream.Conn: between requests an application has nothing to say, so that whatever can be read is
// the end of the connection, or bytes that must not get into another answer.
func (c *conn) Usable() (usable bool) {
	c.raw.Control(func(fd uintptr) {
		poll := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}}
		n, err := unix.Poll(poll[:], 0)
		usable = n == 0 && err == nil
	})
	return usable
}

// bufferSize is that of libfcgi's reader. What is left in it when a request ends is forgotten; what is left in the socket
// is taken for the beginning of the next request.
const bufferSize = 8 << 10

// unread says whether the application may have left something in the socket of a request of so many bytes. For a unix
// socket the kernel knows; beyond a TCP connection it cannot.
func (c *conn) unread(sent int64) (unread bool) {
	if sent <= bufferSize {
		return false
	}
	unread = true
	if c.LocalAddr().Network() == "unix" {
		c.raw.Control(func(fd uintptr) {
			n, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
			unread = err != nil || n > 0
		})
	}
	return unread
}
