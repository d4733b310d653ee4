// Package middleware is what happens around every handler, one file each. It is also where the log lines about requests
// are made.
package middleware

import (
	"io"
	"net/http"
)

// Response is the one wrapper around the connection's ResponseWriter. It notes what was answered and keeps the fast
// paths: ReadFrom reaches the connection (sendfile), Unwrap reaches the ResponseController's methods.
type Response struct {
	http.ResponseWriter
	status int
	bytes  int64
	onHead func(http.Header)
	body   *notedBody // of the request; nil if it has none
}

// responseOf is the wrapper that w is already, or a new one.
func responseOf(w http.ResponseWriter) *Response {
	if response, ok := w.(*Response); ok {
		return response
	}
	return &Response{ResponseWriter: w}
}

// OnHead sets what is done to the header just before the final head is written; it replaces what was set before.
func (w *Response) OnHead(f func(http.Header)) { w.onHead = f }

// Status is the status that was sent, 0 if none was.
func (w *Response) Status() int { return w.status }

// Bytes is how much of the body was handed to the connection.
func (w *Response) Bytes() int64 { return w.bytes }

// WriteHeader implements http.ResponseWriter.
func (w *Response) WriteHeader(status int) {
	if status >= 200 && w.status == 0 {
		w.status = status
		if w.onHead != nil {
			w.onHead(w.Header())
		}
		if w.body != nil && w.body.broken.Load() {
			w.Header().Set("Connection", "close") // nobody knows where the next request would begin
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *Response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// ReadFrom implements io.ReaderFrom by the connection's own, which knows sendfile.
func (w *Response) ReadFrom(src io.Reader) (int64, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	to, ok := w.ResponseWriter.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{w}, src)
	}
	n, err := to.ReadFrom(src)
	w.bytes += n
	return n, err
}

// Unwrap is for http.ResponseController.
func (w *Response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
