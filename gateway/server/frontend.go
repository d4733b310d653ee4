package server

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/http1"
	"gatewayd/gateway/http1server"
	"gatewayd/gateway/middleware"
)

// frontend serves connections within the bounds of one `http` section. Listeners feed it; it is replaced when the
// section changes.
type frontend struct {
	conf config.HTTP
	http *http1server.Server
	next *atomic.Pointer[frontend] // takes what arrives after this one was replaced
}

func newFrontend(c config.HTTP, handler http.Handler, current *atomic.Pointer[frontend], log func() *zerolog.Logger) *frontend {
	return &frontend{conf: c, next: current, http: http1server.New(http1server.Options{
		Handler:       handler,
		Limits:        http1.Limits{Head: int(c.MaxHeader), Target: int(c.MaxURI), Fields: c.MaxHeaders},
		HeaderTimeout: c.HeaderTimeout,
		IdleTimeout:   c.IdleTimeout,
		SendTimeout:   c.SendTimeout,
		Context:       withRecord,
		Discard:       middleware.Discard,
		// The frontend may outlive the log that is the current one when it begins.
		Log: func(err error) { middleware.Exact(log().Error(), "error", err.Error()).Msg("connection") },
	})}
}

// withRecord gives a request its record, before there is a request: adding it later would take a copy of that.
func withRecord(ctx context.Context) context.Context {
	return gateway.NewContext(ctx, &gateway.Request{})
}

// feed hands a connection to the server, or to its successor if it is no longer the current one.
func (f *frontend) feed(conn net.Conn) {
	for !f.http.Serve(conn) {
		next := f.next.Load()
		if next == f {
			conn.Close()
			return
		}
		f = next
	}
}

// shutdown takes no new requests and returns when the last one is answered; when ctx ends first it breaks them off.
func (f *frontend) shutdown(ctx context.Context) error { return f.http.Shutdown(ctx) }
