package server

import (
	"context"
	"net"
	"net/http"
)

type connKey struct{}

// withConn makes the connection known to its requests.
func withConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, conn)
}

// resetUnframed is deferred by the handler of a request. An answer to HTTP/1.0 that announces no length is over when the
// connection is (RFC 9112 section 6.3): if it is broken off, only a reset tells the client. Every other answer shows by
// itself that something is missing. A unix socket knows no reset.
func resetUnframed(w http.ResponseWriter, r *http.Request) {
	reason := recover()
	if reason == nil {
		return
	}
	if !r.ProtoAtLeast(1, 1) && w.Header().Get("Content-Length") == "" {
		conn, _ := r.Context().Value(connKey{}).(net.Conn)
		if tcp, ok := bottom(conn).(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
	}
	panic(reason)
}
