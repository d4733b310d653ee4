package middleware

import (
	"net/http"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// ErrorPages makes the operator's pages those of every error of the server's own from here on.
func ErrorPages(c map[string]config.ErrorPage, next http.Handler) http.Handler {
	var pages gateway.ErrorPages
	if len(c) > 0 {
		pages = gateway.ErrorPages{}
	}
	for status, page := range c {
		pages[status] = gateway.ErrorPage{Body: page.Body, ContentType: page.ContentType}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gateway.FromContext(r.Context()).ErrorPages = pages
		next.ServeHTTP(w, r)
	})
}
