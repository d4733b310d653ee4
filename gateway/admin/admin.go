// Package admin is the operator's door to a running server: a handler for a unix socket, and the client of the command
// line that talks to it.
package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/go-chi/chi/v5"
)

// Server is what the operator can ask of a running server.
type Server interface {
	// Reload applies the configuration as it is now and returns a summary in one line. On error nothing has changed;
	// Refused tells whether it is the configuration's fault.
	Reload() (summary string, err error)
	// Status describes what runs; it is encoded as JSON.
	Status() any
}

// Handler answers GET /healthz, GET /status and POST /reload (200 with the summary, 422 with the problems). Who may
// connect is the socket's business.
func Handler(s Server) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	r.Get("/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.Encode(s.Status())
	})
	r.Post("/reload", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		summary, err := s.Reload()
		if err != nil {
			w.WriteHeader(http.StatusUnprocessableEntity)
			io.WriteString(w, err.Error()+"\n")
			return
		}
		io.WriteString(w, summary+"\n")
	})
	return r
}

// ErrNotRunning says that no server answers on the socket.
var ErrNotRunning = errors.New("no gatewayd answers there")
