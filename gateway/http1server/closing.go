package http1server

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// leaveIf ends the connection if it is in such a state and no request has arrived. Only its own goroutine can tell that:
// to close it from outside would reset a request that was received, or read, in this moment.
func (c *Conn) leaveIf(state int32) {
	if c.state.CompareAndSwap(state, leaving) {
		c.wake()
	}
}

// wake has the wait for a head end now if the connection is leaving.
func (c *Conn) wake() {
	if c.isLeaving() {
		c.until.setIf(c.isLeaving, time.Unix(1, 0))
	}
}

func (c *Conn) isLeaving() bool { return c.state.Load() == leaving }

// lastSpan is how long what has arrived on a connection that is leaving may take to become the beginning of a head.
const lastSpan = time.Second

// mayStay says whether there is something to read on a connection whose wait was ended by err because it is leaving.
func (c *Conn) mayStay(err error) bool {
	if !c.isLeaving() || !errors.Is(err, os.ErrDeadlineExceeded) || !c.unread() {
		return false
	}
	c.until.set(time.Now().Add(lastSpan), false)
	return true
}

// unread says whether bytes have arrived that nobody has read.
func (c *Conn) unread() bool {
	n := 0
	c.control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n > 0
}

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
	gone := false
	closed := c.control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLRDHUP}}
		n, err := unix.Poll(poll, 0)
		gone = err == nil && n > 0
	})
	return gone || closed
}

// control calls f with the descriptor, if there is one. It is true if we have closed that.
func (c *Conn) control(f func(fd uintptr)) (closed bool) {
	conn, ok := bottom(c.net).(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return true
	}
	raw.Control(f)
	return false
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
