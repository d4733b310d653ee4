package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/middleware"
	"gatewayd/gateway/site"
)

// Generation is one configuration, built and running: immutable but for its count of users. A request holds the
// Generation under which it began until it is answered, and with it the logs. Routes are not a Generation's: those that
// a change does not touch go over to the next one, with all that they have opened.
type Generation struct {
	Number uint64
	Config *config.Config

	routes    map[*site.Route]*route // what explain asks
	byKey     map[string]*route      // the same
	table     *site.Table
	proxies   *middleware.Proxies
	handler   http.Handler // the middleware around table
	passwords []passwordFile
	logs      *logs
	onClose   func()
	closed    chan struct{} // closed when nobody holds it

	users atomic.Int64 // requests, and one for being current
}

// setLimits makes the limits of this Generation those of its gates, which it may share with the one before.
func (g *Generation) setLimits() {
	for _, r := range g.routes {
		if r.gate != nil {
			r.gate.SetLimits(limitsOf(r.conf))
		}
	}
}

// runsPrograms says whether any route does.
func (g *Generation) runsPrograms() bool {
	for _, r := range g.routes {
		if r.runsPrograms() {
			return true
		}
	}
	return false
}

// hold counts one more user, unless the Generation is already closed.
func (g *Generation) hold() bool {
	for {
		n := g.users.Load()
		if n == 0 {
			return false
		}
		if g.users.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// release counts one user less.
func (g *Generation) release() {
	if g.users.Add(-1) == 0 {
		g.onClose()
		close(g.closed)
	}
}

// fresh are the routes that the Generation before does not have.
func (g *Generation) fresh(previous *Generation) (routes []*route) {
	for key, r := range g.byKey {
		if previous == nil || previous.byKey[key] != r {
			routes = append(routes, r)
		}
	}
	return routes
}

// discard closes a Generation that never was the current one, but for what it shares with the one before.
func (g *Generation) discard(previous *Generation) {
	for _, r := range g.fresh(previous) {
		r.opened.close(nil)
	}
	g.logs.release()
}

// stopTime is how long requests may take to notice that they have been broken off.
const stopTime = 10 * time.Second

// waitClosed waits until nobody holds the Generation; when ctx ends before, its requests have been broken off and get
// stopTime to be gone.
func (g *Generation) waitClosed(ctx context.Context) error {
	select {
	case <-g.closed:
		return nil
	case <-ctx.Done():
	}
	select {
	case <-g.closed:
		return nil
	case <-time.After(stopTime):
		return fmt.Errorf("%d requests had not ended %s after they were broken off", g.users.Load(), stopTime)
	}
}

// backend is what runs the programs of a route.
type backend interface {
	gateway.Backend
	// Check looks for what would stop a request, without starting or asking anything.
	Check(*gateway.Request) error
	// Wait and Close are those of cgi.Backend.
	Wait(context.Context) error
	Close() error
}

// opened is what must be closed when its users are gone.
type opened struct {
	closers  []io.Closer
	backends []backend
}

func (o *opened) add(c io.Closer) { o.closers = append(o.closers, c) }

// close closes everything. Backends are left to leave, which may give their programs time; nil closes them at once.
func (o *opened) close(leave func(backend)) {
	for _, c := range o.closers {
		c.Close()
	}
	for _, b := range o.backends {
		if leave != nil {
			leave(b)
		} else {
			b.Close()
		}
	}
}

// requests is how many requests hold the Generation; current says whether the server does too.
func (g *Generation) requests(current bool) int64 {
	n := g.users.Load()
	if current {
		n--
	}
	return n
}
