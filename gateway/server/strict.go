package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync/atomic"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/http1"
)

// strictConn is a client's connection of which net/http sees nothing but what http1 has found right: whole heads, and
// after each the bytes of its body. The next request stays here until net/http asks for it, so that one that is refused
// is answered in its turn. Nothing is held, and nothing copied, while heads come whole and alone, as they do.
type strictConn struct {
	net.Conn
	clock readClock
	conf  config.HTTP
	serve context.Context // ends when the server will not wait for anyone

	// One goroutine reads at a time: net/http sees to that.
	head    http1.Head
	body    http1.Body
	kept    []byte   // received, not handed on yet
	checked int      // so many of its bytes may be
	ended   error    // nothing more is handed on, and why
	refused *refused // what the stand-in stands for

	fault   atomic.Pointer[gateway.Error] // what is wrong with the framing of the body
	givenUp atomic.Bool                   // because of what the client sent
	closing atomic.Bool
}

// keptStep is how much room is made at once for what has to be kept.
const keptStep = 512

// strict wraps a connection that was accepted just now, of a server that goes on until serve ends.
func strict(serve context.Context, conn net.Conn, conf config.HTTP) *strictConn {
	c := &strictConn{Conn: conn, conf: conf, serve: serve, clock: readClock{conn: conn, span: conf.HeaderTimeout}}
	c.head = http1.NewHead(http1.Limits{Head: int(conf.MaxHeader), Target: int(conf.MaxURI), Fields: conf.MaxHeaders})
	c.clock.begin()
	return c
}

// Read implements net.Conn.
func (c *strictConn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for c.checked == 0 {
		if c.ended != nil {
			return 0, c.ended
		}
		if n, err := c.advance(p); n > 0 || err != nil {
			return n, err
		}
	}
	n := copy(p, c.kept[:c.checked])
	c.checked -= n
	if c.kept = c.kept[n:]; len(c.kept) == 0 {
		c.kept = nil
	}
	return n, nil
}

// advance checks what is kept or receives more. What may be handed on is in p, so many bytes, or in kept.
func (c *strictConn) advance(p []byte) (int, error) {
	if len(c.kept) == 0 {
		return c.receive(p)
	}
	if from, to := c.check(c.kept); to > 0 {
		c.kept, c.checked = c.kept[from:], to-from
	}
	if c.checked > 0 || c.ended != nil {
		return 0, nil
	}
	c.kept = slices.Grow(c.kept, keptStep)
	n, err := c.Conn.Read(c.kept[len(c.kept):cap(c.kept)])
	c.kept = c.kept[:len(c.kept)+n]
	return 0, c.noMore(n, err, p)
}

// receive reads into p itself and keeps what may not be handed on yet.
func (c *strictConn) receive(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err := c.noMore(n, err, p); err != nil {
		return 0, err
	}
	from, to := c.check(p[:n])
	if c.ended == nil {
		c.kept = append(c.kept, p[to:n]...)
	}
	return copy(p, p[from:to]), nil
}

// check says which part of b may be handed on: a head once it is whole, and what is there of its body.
func (c *strictConn) check(b []byte) (from, to int) {
	if c.body.Done() {
		size, err := c.head.Parse(b)
		if err != nil {
			c.refuse(b, requestError(err))
			return 0, 0
		}
		if size == 0 {
			if c.head.Begun() {
				c.clock.begin()
			}
			return 0, 0
		}
		c.clock.end()
		from, to, c.body = c.head.Start(), size, c.head.Body()
		c.head.Reset()
	}
	n, err := c.body.Scan(b[to:])
	if err != nil {
		e := requestError(err)
		c.fault.Store(e)
		c.giveUp(e)
	}
	return from, to + n
}

// noMore is what becomes of a read into which nothing came. A head that was begun is answered, unless the read was
// ended by net/http, which will be back, or the client has left while it still waits for another answer: then, with one
// byte to read, net/http only wants to know that.
func (c *strictConn) noMore(n int, err error, p []byte) error {
	late := errors.Is(err, os.ErrDeadlineExceeded)
	switch {
	case n > 0:
		return nil
	case !c.body.Done() || !c.head.Begun() || late && c.clock.stopped():
		return err
	case late:
		c.refuse(c.kept, &gateway.Error{
			Status: http.StatusRequestTimeout,
			Op:     "read the request head",
			Err:    fmt.Errorf("it was not whole within http.header_timeout: %s", c.conf.HeaderTimeout),
		})
		return nil
	case err == io.EOF && len(p) > 1:
		c.refuse(c.kept, requestError(&http1.Refusal{Status: http.StatusBadRequest, Reason: "the connection ended before the request head did"}))
		return nil
	}
	return err
}

// ReadFrom keeps sendfile in reach.
func (c *strictConn) ReadFrom(src io.Reader) (int64, error) {
	if to, ok := c.Conn.(io.ReaderFrom); ok {
		return to.ReadFrom(src)
	}
	return io.Copy(struct{ io.Writer }{c.Conn}, src)
}

// giveUp hands on no more than what has been checked, then err.
func (c *strictConn) giveUp(err error) {
	c.ended = err
	c.givenUp.Store(true)
}
