package middleware

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// Limit answers what the connection has refused, and requests of a kind that no route takes, and keeps the pace of
// bodies.
func Limit(c config.HTTP, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := refuse(w, r); err != nil {
			gateway.Fail(w, r, err)
			return
		}
		if r.Method == http.MethodOptions && r.RequestURI == "*" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if c.BodyTimeout > 0 && r.Body != nil && r.Body != http.NoBody {
			body := &pacedBody{src: r.Body, ctl: http.NewResponseController(w), span: c.BodyTimeout}
			defer body.stop()
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}

// refuse says why a request gets no further, and what else its answer must say.
func refuse(w http.ResponseWriter, r *http.Request) error {
	if err := gateway.FromContext(r.Context()).Refused; err != nil {
		w.Header().Set("Connection", "close") // nobody knows what would come next
		return err
	}
	if r.Method == http.MethodTrace || r.Method == http.MethodConnect {
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH")
		return gateway.Errorf(http.StatusMethodNotAllowed, "method %s is refused everywhere", r.Method)
	}
	return nil
}

// paceBytes is what each span must bring.
const paceBytes = 1 << 10

// pacedBody is a request body of which each span must bring paceBytes or the end. Its deadline moves only when they
// have come, so dripping does not extend it.
type pacedBody struct {
	src  bodyReader
	ctl  *http.ResponseController
	span time.Duration
	got  int  // since the deadline was set
	set  bool // a deadline stands
	over bool // nothing more will come
}

type bodyReader interface {
	Read([]byte) (int, error)
	Close() error
}

func (b *pacedBody) Read(p []byte) (int, error) {
	if !b.set {
		b.set, b.got = true, 0
		b.ctl.SetReadDeadline(time.Now().Add(b.span))
	}
	n, err := b.src.Read(p)
	b.got += n
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		b.over = true // the deadline stays: the server must not wait for the rest either
		return n, &gateway.Error{
			Status: http.StatusRequestTimeout,
			Op:     "read the request body",
			Err:    fmt.Errorf("less than 1KiB came within http.body_timeout: %s", b.span),
			Public: "The request body came too slowly.",
		}
	case err != nil:
		// The server may go on reading the connection, to notice that the client leaves.
		b.over = true
		b.ctl.SetReadDeadline(time.Time{})
	case b.got >= paceBytes:
		b.set = false
	}
	return n, err
}

func (b *pacedBody) Close() error { return b.src.Close() }

// stop bounds what a server may still read of a body that the handler has left, before it takes the next request.
func (b *pacedBody) stop() {
	if !b.over {
		b.ctl.SetReadDeadline(time.Now().Add(b.span))
	}
}
