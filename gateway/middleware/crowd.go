package middleware

import (
	"sync"
	"time"
)

const (
	crowdLines = 3           // of a route are logged in each span
	crowdSpan  = time.Second // from the first of them
)

// crowd bounds how many lines alike a route brings: the first few are written, the rest is counted. The zero crowd is
// ready, and safe for concurrent use.
type crowd struct {
	mu    sync.Mutex
	spans map[[2]string]int // requests so far of those routes whose span has begun
}

// admit says whether there is to be a line. When the span is over, left is told of those that had none, if there are
// any.
func (c *crowd) admit(site, route string, left func(site, route string, n int)) bool {
	key := [2]string{site, route}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spans == nil {
		c.spans = map[[2]string]int{}
	}
	c.spans[key]++
	if c.spans[key] == 1 {
		time.AfterFunc(crowdSpan, func() {
			if n := c.end(key) - crowdLines; n > 0 {
				left(site, route, n)
			}
		})
	}
	return c.spans[key] <= crowdLines
}

// end ends a span and returns how many requests came in it.
func (c *crowd) end(key [2]string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = c.spans[key]
	delete(c.spans, key)
	return n
}
