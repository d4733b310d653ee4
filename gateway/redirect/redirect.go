// Package redirect sends the client to another address.
package redirect

import (
	"net/http"
	"net/url"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// Handler answers every request with a redirect. Below a "/prefix/*" the rest of the path is appended when the target
// ends in "/"; the query is kept, behind the target's own if it has one.
type Handler struct {
	to     string
	status int
}

// New returns the Handler of a route. To has been checked by config: an absolute URL or a path with one slash in front.
func New(c *config.Redirect) *Handler { return &Handler{to: c.To, status: c.Status} }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := gateway.FromContext(r.Context())
	w.Header().Set("Location", h.Target(req.Rest(), r.URL.RawQuery))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(h.status)
}

// Target is where a request for rest (decoded, "" or starting with "/") and a raw query is sent.
func (h *Handler) Target(rest, query string) string {
	to, fragment, hasFragment := strings.Cut(h.to, "#")
	if rest = strings.TrimPrefix(rest, "/"); rest != "" && strings.HasSuffix(to, "/") {
		// With the slash in front url.URL leaves a colon in the first segment alone.
		to += strings.TrimPrefix((&url.URL{Path: "/" + rest}).EscapedPath(), "/")
	}
	if query != "" {
		separator := "?"
		if strings.Contains(to, "?") {
			separator = "&"
		}
		to += separator + gateway.EscapeReference(query)
	}
	if hasFragment {
		to += "#" + fragment
	}
	return to
}
