package loadclient

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// Load is a crowd of clients. Address and one of Requests and Duration must be set.
type Load struct {
	Network string // "" is tcp
	Address string
	Host    string // for the Host field; "" is Address

	Clients  int           // 0 is 1
	Requests int           // in all; 0: until Duration
	Duration time.Duration // no request begins later; 0: until Requests
	Rate     float64       // requests begun each second, in all; 0: as soon as the one before is answered. See Report.Late
	Fresh    bool          // each request on a connection of its own
	Deadline time.Duration // for each request; 0 is 30 s

	// Next says what to ask; n counts the requests of the crowd from 0. It is called by the clients' goroutines, and
	// must return requests that nobody changes. nil: always the zero Request.
	Next func(n int) *Request
	// Done, if set, gets every result, from the clients' goroutines.
	Done func(Result)
}

// crowd is a Load at work.
type crowd struct {
	Load
	start time.Time
	next  atomic.Int64 // number of the next request
	last  atomic.Int64 // when the last request was done, since start

	mu     sync.Mutex
	report Report
}

// Run sends the requests and returns what became of them. Once ctx has ended no request begins; those that have begun are
// waited for, at most until their Deadline.
func (l Load) Run(ctx context.Context) *Report {
	c := &crowd{Load: l, start: time.Now()}
	c.report.init()
	c.setDefaults()
	var clients sync.WaitGroup
	for range c.Clients {
		clients.Go(func() { c.client(ctx) })
	}
	clients.Wait()
	c.report.Took = time.Since(c.start)
	return &c.report
}

func (c *crowd) setDefaults() {
	if c.Network == "" {
		c.Network = "tcp"
	}
	if c.Host == "" {
		c.Host = c.Address
	}
	if c.Clients == 0 {
		c.Clients = 1
	}
	if c.Deadline == 0 {
		c.Deadline = 30 * time.Second
	}
	if c.Next == nil {
		c.Next = func(int) *Request { return &Request{} }
	}
}

// client sends one request after the other.
func (c *crowd) client(ctx context.Context) {
	var seen Report
	seen.init()
	client := newClient(&c.Load)
	defer client.close()
	for ctx.Err() == nil {
		n := int(c.next.Add(1) - 1)
		if c.Requests > 0 && n >= c.Requests {
			break
		}
		late, ok := c.await(ctx, n)
		if !ok {
			break
		}
		result := client.do(c.Next(n))
		now := int64(time.Since(c.start))
		seen.Stall = max(seen.Stall, time.Duration(now-c.last.Swap(now)))
		seen.Late = max(seen.Late, late)
		seen.add(&result)
		if c.Done != nil {
			c.Done(result)
		}
	}
	seen.Connections = client.opened
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.merge(&seen)
}

// await waits until request n may begin; late is by how much that has been missed. ok is false if it may not begin any more.
func (c *crowd) await(ctx context.Context, n int) (late time.Duration, ok bool) {
	if c.Rate > 0 {
		at := time.Duration(float64(n) / c.Rate * float64(time.Second))
		if c.Duration > 0 && at >= c.Duration {
			return 0, false
		}
		if late = time.Since(c.start) - at; late < 0 {
			late = 0
			select {
			case <-time.After(time.Until(c.start.Add(at))):
			case <-ctx.Done():
				return 0, false
			}
		}
	}
	return late, c.Duration == 0 || time.Since(c.start) < c.Duration
}
