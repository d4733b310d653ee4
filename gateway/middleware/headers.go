package middleware

import (
	"net/http"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// Headers changes the header of every answer of a route, error pages included, just before it is sent.
func Headers(c *config.Options, next http.Handler) http.Handler {
	// A route that changes nothing takes back what another has set before a local redirect led here.
	var change func(http.Header)
	if len(c.Headers.Set) > 0 || len(c.Headers.Remove) > 0 {
		change = headerChange(c.Headers)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if response, ok := w.(*Response); ok {
			onHead := change
			if c.ServerTiming {
				onHead = withTiming(&gateway.FromContext(r.Context()).Timing, change)
			}
			response.OnHead(onHead)
		}
		next.ServeHTTP(w, r)
	})
}

// withTiming lets the operator's change have the last word.
func withTiming(t *gateway.Timing, change func(http.Header)) func(http.Header) {
	return func(h http.Header) {
		addServerTiming(h, t)
		if change != nil {
			change(h)
		}
	}
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
