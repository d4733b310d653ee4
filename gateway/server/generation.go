package server

import (
	"io"
	"net/http"
	"sync/atomic"

	"gatewayd/gateway/config"
	"gatewayd/gateway/site"
)

// Generation is one configuration, built and running: immutable but for its count of users. A request holds the
// Generation under which it began until it is answered; what the Generation opened is closed when nobody holds it.
type Generation struct {
	Number uint64
	Config *config.Config

	routes  map[*site.Route]*route // what explain asks
	table   *site.Table
	handler http.Handler // the middleware around table
	logs    *logs
	closers []io.Closer
	onClose func()

	users atomic.Int64 // requests, and one for being current
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

// release counts one user less; the last one closes what the Generation opened.
func (g *Generation) release() {
	if g.users.Add(-1) > 0 {
		return
	}
	for _, c := range g.closers {
		c.Close()
	}
	if g.onClose != nil {
		g.onClose()
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
