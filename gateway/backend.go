package gateway

import "net/http"

// A Backend answers requests on behalf of an application.
//
// RoundTrip returns as soon as the response head is known; the response's Body streams the rest (an io.WriterTo where
// bytes can skip a copy). It reads req.Body while it waits for the head, stops reading and writing when the request's
// context ends, and never sees a ResponseWriter. req.ContentLength is the exact length of req.Body, -1 when it is not
// known (then the body is streamed).
//
// The response has StatusCode 200-599, or cgispec.StatusLocalRedirect with the target in Location; the
// header holds no hop-by-hop field, no Content-Length and no Transfer-Encoding; ContentLength is what the program
// announced, -1 if nothing. Body is never nil and is closed by the caller; closing it before io.EOF stops the work. It is
// read by one goroutine at a time, not always the same one, and closed by any, be it while another reads. A Body.Read
// that fails with anything but io.EOF means that the answer is not whole and the client must see that.
//
// A backend that can say why its application refuses a request, with a status of its own, may set req.Err to that for
// the log; the answer stays what it is.
//
// What a Backend needs of the Request it reads before RoundTrip returns; afterwards it uses only Stderr, Active and the
// context that it kept.
//
// An error is an *Error wherever its status is not simply 502.
type Backend interface {
	RoundTrip(*Request) (*http.Response, error)
}
