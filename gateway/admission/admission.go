// Package admission lets a bounded number of requests work at once. The others wait, in order and within bounds, or are
// told to come back. Every backend that runs programs or occupies workers has a Gate; there is no other queue.
package admission

import (
	"container/list"
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"gatewayd/gateway"
)

// retryAfter is when a refused client may try again: about as long as it takes a full queue to move.
const retryAfter = time.Second

// Limits are the bounds of a Gate. The zero value lets everyone in.
type Limits struct {
	Running int           // requests at work at once; 0 is no bound
	Queue   int           // requests that wait; 0: nobody waits
	Wait    time.Duration // how long one may wait; 0 is for ever
}

// Gate counts who is at work and keeps who waits. Safe for concurrent use.
type Gate struct {
	mu      sync.Mutex
	limits  Limits
	running int
	queue   list.List // of *waiter, the one that came first in front
	refused uint64
}

// waiter is a request in the queue. in is closed when a place has been given to it.
type waiter struct{ in chan struct{} }

// Stats is what a Gate does now, and how many it has refused since it was made.
type Stats struct {
	Running, Waiting int
	Refused          uint64
}

// New returns a Gate.
func New(limits Limits) *Gate { return &Gate{limits: limits} }

// SetLimits changes the bounds. Who is at work or waits already goes on; places that are new go to those who wait.
func (g *Gate) SetLimits(limits Limits) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.limits = limits
	g.admit()
}

// Enter waits for a place, which the caller gives back by Leave, once, when the request occupies nothing any more; that
// may be long after it has been answered. It notes the times of waiting in req. The error is a gateway.Error with
// status 503 when the queue is full or the wait too long, or the cause with which the request's context has ended: then
// there is no place to give back.
func (g *Gate) Enter(req *gateway.Request) error {
	req.Timing.Queued = time.Now()
	w, wait, err := g.enter()
	if err != nil {
		return err
	}
	if w != nil {
		if err := g.await(req.Context(), w, wait); err != nil {
			return err
		}
	}
	req.Timing.Admitted = req.Timing.Queued
	if w != nil {
		req.Timing.Admitted = time.Now()
	}
	return nil
}

// enter takes a place or joins the queue. Nobody overtakes those who wait.
func (g *Gate) enter() (w *list.Element, wait time.Duration, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case g.free() && g.queue.Len() == 0:
		g.running++
		return nil, 0, nil
	case g.queue.Len() >= g.limits.Queue:
		g.refused++
		return nil, 0, g.full()
	}
	return g.queue.PushBack(&waiter{make(chan struct{})}), g.limits.Wait, nil
}

func (g *Gate) free() bool { return g.limits.Running == 0 || g.running < g.limits.Running }

// await waits for the queue to move. Whoever gives up in the moment in which a place is given to him passes it on.
func (g *Gate) await(ctx context.Context, e *list.Element, wait time.Duration) error {
	var late <-chan time.Time
	if wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		late = timer.C
	}
	var err error
	select {
	case <-e.Value.(*waiter).in:
		return nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-late:
		err = tooLate(wait)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-e.Value.(*waiter).in:
		g.running--
		g.admit()
	default:
		g.queue.Remove(e)
	}
	if ctx.Err() == nil {
		g.refused++
	}
	return err
}

// Leave gives a place back.
func (g *Gate) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.running--
	g.admit()
}

// admit gives free places to those who have waited longest.
func (g *Gate) admit() {
	for g.queue.Len() > 0 && g.free() {
		g.running++
		close(g.queue.Remove(g.queue.Front()).(*waiter).in)
	}
}

// Stats tells what goes on.
func (g *Gate) Stats() Stats {
	g.mu.Lock()
	defer g.mu.Unlock()
	return Stats{Running: g.running, Waiting: g.queue.Len(), Refused: g.refused}
}

func (g *Gate) full() error {
	why := fmt.Errorf("%d requests are at work (max_running) and %d wait (queue.max)", g.running, g.queue.Len())
	if g.limits.Queue == 0 {
		why = fmt.Errorf("%d requests are at work (max_running) and nobody may wait (queue: off)", g.running)
	}
	return refusal(why)
}

func tooLate(wait time.Duration) error {
	return refusal(fmt.Errorf("no place became free within queue.wait: %s", wait))
}

func refusal(why error) error {
	return &gateway.Error{
		Status:     http.StatusServiceUnavailable,
		Op:         "wait for a place",
		Err:        why,
		Hint:       "raise max_running if the machine can take more, or queue if clients may wait longer",
		RetryAfter: retryAfter,
		Overload:   true,
	}
}
