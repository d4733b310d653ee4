package http1server

import (
	"context"
	"net/http"
	"time"
)

// exchange is a request and its answer. It is never used again: handlers may keep parts of it.
type exchange struct {
	conn     *Conn
	ctx      requestContext
	parts    parts
	request  *http.Request
	body     *body // nil if there is none
	response response
}

// nextExchange takes from the connection the head that awaitHead has found, or what came instead.
func (c *Conn) nextExchange() *exchange {
	x := &exchange{conn: c}
	x.ctx.conn = c
	var ctx context.Context = &x.ctx
	if derive := c.server.opt.Context; derive != nil {
		ctx = derive(ctx)
	}
	if c.refused != nil {
		x.takeRefused(ctx)
	} else {
		x.takeRequest(ctx)
	}
	x.response.init(x)
	return x
}

func (x *exchange) takeRequest(ctx context.Context) {
	c, head := x.conn, &x.conn.head
	size := head.Size()
	x.request = newRequest(ctx, &x.parts, head, string(c.in.bytes()[:size]), c.remote)
	c.in.use(size)
	if framing := head.Body(); !framing.Done() {
		x.body = &body{exchange: x, framing: framing, awaited: head.AwaitsContinue()}
		x.request.Body = x.body
	}
}

// takeRefused leaves nothing behind: nobody knows where another request would begin.
func (x *exchange) takeRefused(ctx context.Context) {
	c := x.conn
	x.request = newRefused(ctx, c.head.Known(c.in.bytes()), c.remote)
	c.in.release()
	c.GiveUp()
}

// serve has the request answered. It is true if another one may follow.
func (x *exchange) serve() bool {
	c := x.conn
	if x.body == nil {
		c.watch.begin(c.in.last, x.ctx.end)
	} else {
		c.until.set(time.Time{}, true)
	}
	whole := c.server.callHandler(&x.response, x.request)
	over := x.body == nil || x.body.end()
	c.watch.end()
	x.ctx.end()
	defer x.response.release()
	if !whole {
		c.broken = true
		return false
	}
	if !over {
		c.GiveUp()
	}
	return x.response.finish() && over
}
