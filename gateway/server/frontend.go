package server

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/http1"
	"gatewayd/gateway/http1server"
	"gatewayd/gateway/middleware"
)

// frontend serves connections. Listeners feed it; it outlives generations, as connections do.
type frontend struct{ http *http1server.Server }

// newFrontend returns a frontend that is to be told its bounds before it is fed.
func newFrontend(handler http.Handler, log func() *zerolog.Logger) *frontend {
	return &frontend{http1server.New(http1server.Options{
		Handler: handler,
		Context: withRecord,
		Discard: middleware.Discard,
		Log:     func(err error) { middleware.Exact(log().Error(), "error", err.Error()).Msg("connection") },
	})}
}

// setBounds makes an `http` section the one that counts, for the next request of each connection.
func (f *frontend) setBounds(c config.HTTP) {
	f.http.SetBounds(http1server.Bounds{
		Limits:        http1.Limits{Head: int(c.MaxHeader), Target: int(c.MaxURI), Fields: c.MaxHeaders},
		HeaderTimeout: c.HeaderTimeout,
		IdleTimeout:   c.IdleTimeout,
		SendTimeout:   c.SendTimeout,
	})
}

// withRecord gives a request its record, before there is a request: adding it later would take a copy of that.
func withRecord(ctx context.Context) context.Context {
	return gateway.NewContext(ctx, &gateway.Request{})
}

// feed hands a connection to the server.
func (f *frontend) feed(conn net.Conn) {
	if !f.http.Serve(conn) {
		conn.Close()
	}
}

// shutdown takes no new connections, and no new requests after patience; it returns when the last one is answered. When
// ctx ends first it breaks them off.
func (f *frontend) shutdown(ctx context.Context, patience time.Duration) error {
	return f.http.ShutdownAfter(ctx, patience)
}
