package server

import (
	"net/http"

	"gatewayd/gateway/http1server"
)

// resetUnframed is deferred by the handler of a request. An answer to HTTP/1.0 that announces no length is over when the
// connection is (RFC 9112 section 6.3): if it is broken off, only a reset tells the client. Every other answer shows by
// itself that something is missing.
func resetUnframed(w http.ResponseWriter, r *http.Request) {
	reason := recover()
	if reason == nil {
		return
	}
	if !r.ProtoAtLeast(1, 1) && w.Header().Get("Content-Length") == "" {
		if c := http1server.FromContext(r.Context()); c != nil {
			c.Reset()
		}
	}
	panic(reason)
}
