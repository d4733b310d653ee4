package middleware

import (
	"net/http"

	"gatewayd/gateway/config"
)

// Headers changes the header of every answer of a route, error pages included, just before it is sent.
func Headers(c config.Headers, next http.Handler) http.Handler {
	// A route that changes nothing takes back what another has set before a local redirect led here.
	var change func(http.Header)
	if len(c.Set) > 0 || len(c.Remove) > 0 {
		change = headerChange(c)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if response, ok := w.(*Response); ok {
			response.OnHead(change)
		}
		next.ServeHTTP(w, r)
	})
}

func headerChange(c config.Headers) func(http.Header) {
	return func(h http.Header) {
		for _, name := range c.Remove {
			h.Del(name)
		}
		for name, value := range c.Set {
			h.Set(name, value)
		}
	}
}
