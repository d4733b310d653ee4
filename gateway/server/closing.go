package server

import (
	"context"
	"errors"
	"net"

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
