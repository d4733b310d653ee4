package http1server

import (
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// GiveUp has the connection closed once the answer has been sent, in such a way that it arrives: a reset, because of
// bytes that nobody has read, would overtake it.
func (c *Conn) GiveUp() { c.givenUp.Store(true) }

// Reset has the connection end in a reset, if it can: that is how a client learns that an answer is not whole which ends
// when the connection does. A unix socket knows no reset.
func (c *Conn) Reset() {
	if tcp, ok := bottom(c.net).(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

// Break ends the connection now, so that the client learns that its answer is not whole.
func (c *Conn) Break() {
	c.Reset()
	c.net.Close()
}

// Left says whether the client has closed its side, be it behind bytes that nobody has read yet.
func (c *Conn) Left() bool {
	raw, ok := bottom(c.net).(syscall.Conn)
	if !ok {
		return false
	}
	conn, err := raw.SyscallConn()
	if err != nil {
		return true // closed by us
	}
	gone := false
	conn.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(poll, 0)
		gone = err == nil && n > 0
	})
	return gone
}

// end lets go of everything. Waiting for a client that was given up takes its time and needs none of it.
func (c *Conn) end() {
	c.watch.end()
	c.in.release()
	c.server.noMoreRequests(c)
	if c.givenUp.Load() && !c.broken && closeWrite(c.net) == nil {
		go c.linger()
		return
	}
	c.close()
}

func (c *Conn) close() {
	c.net.Close()
	c.server.closed(c)
}

// linger reads on until the client has closed too.
func (c *Conn) linger() {
	defer c.close()
	if discard := c.server.opt.Discard; discard != nil {
		discard(c.net, c.net.SetReadDeadline)
	}
}

func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// bottom is the connection below all wrappers, as tls.Conn calls it.
func bottom(conn net.Conn) net.Conn {
	for {
		over, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = over.NetConn()
	}
}
