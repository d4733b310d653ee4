package server

import (
	"context"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync/atomic"

	"github.com/rs/zerolog"

	"gatewayd/gateway/config"
	"gatewayd/gateway/middleware"
)

// frontend is an http.Server with the bounds of one `http` section. Listeners feed it; it is replaced when the section
// changes.
type frontend struct {
	conf  config.HTTP
	http  *http.Server
	queue *queue
	next  *atomic.Pointer[frontend] // takes what arrives after this one was replaced
	serve context.Context           // ends when the last request has been answered
	end   context.CancelFunc
}

func newFrontend(c config.HTTP, handler http.Handler, current *atomic.Pointer[frontend], log func() *zerolog.Logger) *frontend {
	f := &frontend{conf: c, queue: newQueue(), next: current}
	f.serve, f.end = context.WithCancel(context.Background())
	f.http = &http.Server{
		Handler:        handler,
		IdleTimeout:    c.IdleTimeout,
		MaxHeaderBytes: int(c.MaxHeader), // strictConn refuses before net/http does; it also keeps header_timeout
		ConnContext:    withConn,
		// OPTIONS * is answered by middleware, which logs it.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     stdlog.New(&httpErrors{log}, "", 0),
	}
	go f.http.Serve(f.queue)
	return f
}

// feed hands a connection to the server, or to its successor if it is no longer the current one.
func (f *frontend) feed(conn net.Conn) {
	for !f.queue.put(strict(f.serve, paced(conn, f.conf.SendTimeout), f.conf)) {
		next := f.next.Load()
		if next == f {
			conn.Close()
			return
		}
		f = next
	}
}

// shutdown takes no new requests and returns when the last one is answered; when ctx ends first it breaks them off.
func (f *frontend) shutdown(ctx context.Context) error {
	defer f.end()
	f.queue.Close()
	err := f.http.Shutdown(ctx)
	if err != nil {
		f.http.Close()
	}
	return err
}

// httpErrors takes what net/http has to say about single connections: nothing that an operator must act on. The
// frontend may outlive the log that is the current one when it begins.
type httpErrors struct{ log func() *zerolog.Logger }

func (e *httpErrors) Write(line []byte) (int, error) {
	middleware.Exact(e.log().Debug(), "error", strings.TrimSpace(string(line))).Msg("connection")
	return len(line), nil
}
