package responder

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// conn is a connection. Its goroutine reads records; a request's handler has one of its own, so that an abort is seen.
type conn struct {
	server *Server
	net    net.Conn
	ctx    context.Context

	handlers sync.WaitGroup

	writing sync.Mutex // held while records are written; taken before state
	state   sync.Mutex // guards what follows
	active  *active
	lingers bool // answered and not to be kept: what still comes is dropped
}

// active is the request that a connection has. Only the reading goroutine uses it, but for id and keep, which do not
// change.
type active struct {
	id     uint16
	keep   bool
	cancel context.CancelCauseFunc
	ctx    context.Context
	params []byte
	stdin  *stdin // nil until the parameters are complete
	ended  bool   // the body is complete
}

func (s *Server) serveConn(ctx context.Context, nc net.Conn) {
	c := &conn{server: s, net: nc, ctx: ctx}
	stop := context.AfterFunc(ctx, func() { nc.Close() })
	defer stop()
	defer c.handlers.Wait()
	defer nc.Close()
	records := recordReader{r: nc}
	for {
		r, err := records.next()
		if err == nil {
			err = c.take(r)
		}
		if err != nil {
			c.gone(err)
			return
		}
	}
}

// gone tells the request that the connection has ended.
func (c *conn) gone(err error) {
	a, lingers := c.now()
	c.net.Close()
	if a != nil {
		a.abort(ErrGone)
	}
	var broken *net.OpError // the peer's right
	if !lingers && err != io.EOF && !errors.As(err, &broken) {
		c.server.log(err)
	}
}

func (c *conn) now() (a *active, lingers bool) {
	c.state.Lock()
	defer c.state.Unlock()
	return c.active, c.lingers
}

func (a *active) abort(cause error) {
	a.cancel(cause)
	if a.stdin != nil {
		a.stdin.end(cause)
	}
}

// take acts on one record. An error ends the connection.
func (c *conn) take(r record) error {
	a, lingers := c.now()
	switch {
	case lingers:
		return nil
	case r.id == 0:
		return c.manage(r)
	case r.kind == typeBeginRequest:
		return c.begin(r)
	case r.kind != typeAbortRequest && r.kind != typeParams && r.kind != typeStdin:
		return fmt.Errorf("responder: not for an application: %v", r)
	case a == nil || a.id != r.id:
		return nil // of a request that has ended: the peer could not know
	case r.kind == typeAbortRequest:
		return c.aborted(a)
	case r.kind == typeParams:
		return c.takeParams(a, r)
	}
	return c.takeStdin(a, r)
}

// manage answers a management record.
func (c *conn) manage(r record) error {
	if r.kind != typeGetValues {
		return c.send(appendRecord(nil, typeUnknownType, 0, []byte{r.kind, 0, 0, 0, 0, 0, 0, 0}))
	}
	asked, err := decodeParams(r.content)
	if err != nil {
		return err
	}
	connections := strconv.Itoa(max(c.server.Connections, 1))
	known := map[string]string{"FCGI_MAX_CONNS": connections, "FCGI_MAX_REQS": connections, "FCGI_MPXS_CONNS": "0"}
	var values []byte
	for _, p := range asked {
		if value, ok := known[p.Name]; ok {
			values = appendParam(values, Param{p.Name, value})
			delete(known, p.Name)
		}
	}
	return c.send(appendRecord(nil, typeGetValuesResult, 0, values))
}

func (c *conn) begin(r record) error {
	if len(r.content) != 8 {
		return fmt.Errorf("responder: FCGI_BEGIN_REQUEST: %v", r)
	}
	role, keep := binary.BigEndian.Uint16(r.content), r.content[2]&flagKeepConn != 0
	switch current, _ := c.now(); {
	case current != nil && current.id == r.id:
		return fmt.Errorf("responder: request %d begins twice", r.id)
	case current != nil:
		return c.send(appendEnd(nil, r.id, 0, statusCantMpxConn))
	case role != roleResponder:
		return c.end(appendEnd(nil, r.id, 0, statusUnknownRole), keep)
	}
	a := &active{id: r.id, keep: keep}
	a.ctx, a.cancel = context.WithCancelCause(c.ctx)
	c.state.Lock()
	defer c.state.Unlock()
	c.active = a
	return nil
}

// aborted tells the handler, which ends the request; where there is none yet the request ends here.
func (c *conn) aborted(a *active) error {
	a.abort(ErrAborted)
	if a.stdin != nil {
		return nil
	}
	return c.end(appendEnd(nil, a.id, 0, statusComplete), a.keep)
}

func (c *conn) takeParams(a *active, r record) error {
	limit := c.server.MaxParams
	if limit == 0 {
		limit = 1 << 20
	}
	switch {
	case a.stdin != nil:
		return fmt.Errorf("responder: after the end of the parameters: %v", r)
	case len(a.params)+len(r.content) > limit:
		return fmt.Errorf("responder: parameters of more than %d bytes", limit)
	case len(r.content) > 0:
		a.params = append(a.params, r.content...)
		return nil
	}
	params, err := decodeParams(a.params)
	if err != nil {
		return err
	}
	a.params, a.stdin = nil, newStdin()
	c.handlers.Go(func() { c.handle(a, a.stdin, params) })
	return nil
}

func (c *conn) takeStdin(a *active, r record) error {
	switch {
	case a.stdin == nil || a.ended:
		return fmt.Errorf("responder: before or after the body: %v", r)
	case len(r.content) > 0:
		a.stdin.put(r.content)
		return nil
	}
	a.ended = true
	a.stdin.end(io.EOF)
	return nil
}

// handle runs the handler and ends the request.
func (c *conn) handle(a *active, body *stdin, params []Param) {
	defer a.cancel(ErrGone)
	stdout := &Output{kind: typeStdout, id: a.id, buffer: c.server.Buffer, ctx: a.ctx, send: c.send}
	stderr := &Output{kind: typeStderr, id: a.id, ctx: a.ctx, send: c.send}
	exit, broken := c.run(&Request{Params: params, Stdin: body, Stdout: stdout, Stderr: stderr, ctx: a.ctx})
	body.leave()
	if broken {
		c.net.Close()
		return
	}
	records := stderr.end(stdout.end(nil, true), false)
	c.end(appendEnd(records, a.id, exit, statusComplete), a.keep)
}

func (c *conn) run(r *Request) (exit uint32, broken bool) {
	defer func() {
		if reason := recover(); reason != nil {
			if reason != ErrBreak {
				panic(reason)
			}
			broken = true
		}
	}()
	return c.server.Handler(r), false
}

// end sends the last records of the request, and after them the end of a connection that is not to be kept. Another
// request may begin as soon as the peer has them; what is written for it comes after.
func (c *conn) end(records []byte, keep bool) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.over(keep)
	if _, err := c.net.Write(records); err != nil || keep {
		return err
	}
	c.net.SetReadDeadline(time.Now().Add(lingerTime))
	if half, ok := c.net.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.net.Close()
}

func (c *conn) over(keep bool) {
	c.state.Lock()
	defer c.state.Unlock()
	c.active, c.lingers = nil, !keep
}

func (c *conn) send(records []byte) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.net.Write(records)
	return err
}
