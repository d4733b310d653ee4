package http1server

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// requestContext ends when the client leaves or the handler returns. Few requests ask when it does, so there is nothing
// in it before one has.
type requestContext struct {
	conn *Conn

	mu     sync.Mutex
	asked  context.Context // nil as long as nobody has
	cancel context.CancelFunc
	ended  bool
}

// Deadline implements context.Context.
func (*requestContext) Deadline() (time.Time, bool) { return time.Time{}, false }

// Done implements context.Context.
func (c *requestContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked == nil {
		c.asked, c.cancel = context.WithCancel(context.Background())
		if c.ended {
			c.cancel()
		}
	}
	return c.asked.Done()
}

// Err implements context.Context.
func (c *requestContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return context.Canceled
	}
	return nil
}

// Value implements context.Context. Package context asks with a key of its own for what Done is made of, and needs no
// goroutine then.
func (c *requestContext) Value(key any) any {
	switch key {
	case connKey{}:
		return c.conn
	case http.LocalAddrContextKey:
		return c.conn.net.LocalAddr()
	}
	c.mu.Lock()
	asked := c.asked
	c.mu.Unlock()
	if asked == nil {
		return nil
	}
	return asked.Value(key)
}

func (c *requestContext) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended = true; c.cancel != nil {
		c.cancel()
	}
}
