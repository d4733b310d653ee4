package server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/http1"
	"gatewayd/gateway/http1server"
)

// headError is why the connection has refused what came before it was a request.
func headError(err error, conf *config.HTTP) *gateway.Error {
	var refusal *http1.Refusal
	if errors.As(err, &refusal) {
		return requestError(refusal)
	}
	e := &gateway.Error{Status: http.StatusRequestTimeout, Op: "read the request head", Err: err}
	if errors.Is(err, http1server.ErrSlowHead) {
		e.Err = fmt.Errorf("it was not whole within http.header_timeout: %s", conf.HeaderTimeout)
	}
	return e
}

// requestError is a refusal for the two readers of a gateway.Error.
func requestError(r *http1.Refusal) *gateway.Error {
	e := &gateway.Error{Status: r.Status, Op: "read the request", Err: r}
	if r.Limit != "" {
		e.Hint = "raise `http." + r.Limit + "` if such requests are welcome"
		return e
	}
	e.Public = strings.ToUpper(r.Reason[:1]) + r.Reason[1:] + "."
	return e
}

// framedBody tells what is wrong with the framing of a body.
type framedBody struct{ io.ReadCloser }

// Read implements io.Reader.
func (b *framedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if refusal := (*http1.Refusal)(nil); errors.As(err, &refusal) {
		err = requestError(refusal)
	}
	return n, err
}

// giveUpConn has the connection of r closed once its answer has been sent.
func giveUpConn(r *http.Request) {
	if c := http1server.FromContext(r.Context()); c != nil {
		c.GiveUp()
	}
}
