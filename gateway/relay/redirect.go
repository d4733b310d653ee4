package relay

import (
	"fmt"
	"net/http"
	"net/url"

	"gatewayd/gateway"
)

// localRedirect lets the sites, with every check, answer for location, which a program has named.
func (h *Handler) localRedirect(w http.ResponseWriter, r *http.Request, req *gateway.Request, location string) {
	req.Redirects++
	if req.Redirects > MaxRedirects {
		gateway.Fail(w, r, &gateway.Error{
			Status: http.StatusInternalServerError,
			Op:     "follow local redirects from " + r.RequestURI,
			Err:    fmt.Errorf("more than %d, the last one to %s", MaxRedirects, location),
			Hint:   "the program's Location header leads back to itself; with a Status: 302 line it goes to the client instead",
			Public: "The address leads back to itself.",
		})
		return
	}
	target, err := url.ParseRequestURI(location)
	if err != nil {
		gateway.Fail(w, r, &gateway.Error{Status: http.StatusBadGateway, Op: "follow a local redirect", Err: err, Hint: "the program's Location header is not a valid path"})
		return
	}
	req.Table.ServeHTTP(w, redirected(r, target, location))
}

// redirected is the GET that RFC 3875 section 6.2.2 asks for: the client's request for another path, without its body.
func redirected(r *http.Request, target *url.URL, location string) *http.Request {
	next := r.WithContext(r.Context())
	next.Header = r.Header.Clone()
	for _, name := range []string{"Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Expect"} {
		next.Header.Del(name)
	}
	if r.Method != http.MethodHead {
		next.Method = http.MethodGet
	}
	next.URL, next.RequestURI = target, location
	next.Body, next.ContentLength, next.TransferEncoding = http.NoBody, 0, nil
	return next
}
