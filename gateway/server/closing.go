package server

import (
	"context"
	"errors"
	"net"
	"net/http"
	"syscall"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/middleware"
)

// Close implements net.Conn. A connection that was given up is closed in such a way that the answer arrives: a reset,
// because of bytes that nobody has read, would overtake it. That takes its time and needs none of what net/http holds.
// Closing it again ends it at once.
func (c *strictConn) Close() error {
	if !c.givenUp.Load() || c.closing.Swap(true) || c.CloseWrite() != nil {
		return c.Conn.Close()
	}
	go c.linger()
	return nil
}

// giveUpConn has the connection of r closed so, once its answer has been sent.
func giveUpConn(r *http.Request) {
	if c := connOf(r); c != nil {
		c.givenUp.Store(true)
	}
}

// left says whether the client has closed its side, be it behind bytes that nobody has read yet.
func (c *strictConn) left() bool {
	raw, ok := bottom(c).(syscall.Conn)
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

// linger reads on until the client has closed too.
func (c *strictConn) linger() {
	defer c.Conn.Close()
	defer context.AfterFunc(c.serve, func() { c.Conn.Close() })()
	middleware.Discard(c.Conn, c.Conn.SetReadDeadline)
}

// CloseWrite is what net/http does before it waits for the client to close.
func (c *strictConn) CloseWrite() error { return closeWrite(c.Conn) }

// NetConn is the connection below, as tls.Conn calls it.
func (c *strictConn) NetConn() net.Conn { return c.Conn }

func closeWrite(conn net.Conn) error {
	if half, ok := conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// bottom is the connection below all wrappers.
func bottom(conn net.Conn) net.Conn {
	for {
		over, ok := conn.(interface{ NetConn() net.Conn })
		if !ok {
			return conn
		}
		conn = over.NetConn()
	}
}
