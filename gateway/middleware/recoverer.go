package middleware

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
)

// Recoverer turns a panic into a 500, or into a broken connection when the head has been sent, and logs the stack.
// http.ErrAbortHandler passes: it is how an answer is broken off on purpose.
func Recoverer(log zerolog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			reason := recover()
			if reason == nil {
				return
			}
			if reason == http.ErrAbortHandler { //nolint:errorlint // net/http compares it so
				panic(reason)
			}
			req := gateway.FromContext(r.Context())
			Exact(log.Error().Str("id", req.ID).Str("route", req.Route), "panic", fmt.Sprint(reason)).
				Bytes("stack", debug.Stack()).Msg("a handler panicked: this is a fault in gatewayd, please report it")
			if response, ok := w.(*Response); ok && response.Status() != 0 {
				panic(http.ErrAbortHandler)
			}
			gateway.Fail(w, r, &gateway.Error{Status: http.StatusInternalServerError, Op: "serve the request", Err: fmt.Errorf("panic: %v", reason)})
		}()
		next.ServeHTTP(w, r)
	})
}
