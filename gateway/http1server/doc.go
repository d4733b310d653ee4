// Package http1server answers the requests that come over HTTP/1.x connections with an http.Handler. It is what
// net/http's server is to its handlers, for plain connections, and is made for many short requests: one goroutine for
// each connection, no other and no timer for a request that ends soon, no buffer for a connection that waits.
//
// What a request is, is for package http1 to say. What it refuses is answered in its turn, by the same handler, which
// finds the reason with Conn.Refusal.
//
// Where it differs from net/http's server:
//
//   - What handlers get is theirs: a request, its header and its body are never used again. Only the ResponseWriter and
//     its header must not be used once the handler has returned.
//   - A client that closes its side has left, be it behind requests that wait. While a request is at work, and its body
//     has been read, its context ends then.
//   - A body that nobody has read to its end ends the connection, in such a way that the answer arrives. A handler that
//     wants to keep it reads the body.
//   - Reading and writing at the same time is always possible; EnableFullDuplex changes nothing.
//   - A read deadline that a handler sets is for the body. Without one left to read it has no effect.
//   - There are no trailers in answers, no protocol upgrades and no Hijack, and no "Cache-Control" in the place of
//     "Pragma".
package http1server
