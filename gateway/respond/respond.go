// Package respond answers with a fixed status and text.
package respond

import (
	"maps"
	"net/http"
	"strconv"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// Handler gives the same answer to every request, whatever its method.
type Handler struct {
	status int
	body   []byte
	fields http.Header // shared by all answers, which may replace a value but never change it
}

// New returns the Handler of a route. Without a body of its own an error status gets the plain page, like any error.
func New(c *config.Respond) *Handler {
	h := &Handler{status: c.Status, body: []byte(c.Body)}
	if h.status != http.StatusNoContent && h.status != http.StatusNotModified {
		h.fields = http.Header{
			"Content-Type":   {"text/plain; charset=utf-8"},
			"Content-Length": {strconv.Itoa(len(h.body))},
		}
	}
	return h
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(h.body) == 0 && h.status >= 400 {
		gateway.Fail(w, r, &gateway.Error{Status: h.status, Op: "respond as configured"})
		return
	}
	maps.Copy(w.Header(), h.fields)
	w.WriteHeader(h.status)
	if r.Method != http.MethodHead {
		w.Write(h.body)
	}
}
