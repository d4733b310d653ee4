// Package respond answers with a fixed status and text.
package respond

import (
	"io"
	"net/http"
	"strconv"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// Handler gives the same answer to every request, whatever its method.
type Handler struct {
	status int
	body   string
}

// New returns the Handler of a route. Without a body of its own an error status gets the plain page, like any error.
func New(c *config.Respond) *Handler { return &Handler{status: c.Status, body: c.Body} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.body == "" && h.status >= 400 {
		gateway.Fail(w, r, &gateway.Error{Status: h.status, Op: "respond as configured"})
		return
	}
	if h.status != http.StatusNoContent && h.status != http.StatusNotModified {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Length", strconv.Itoa(len(h.body)))
	}
	w.WriteHeader(h.status)
	if r.Method != http.MethodHead {
		io.WriteString(w, h.body)
	}
}
