// Package admin is the operator's door to a running server: a handler for a unix socket, and the client of the command
// line that talks to it.
package admin

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// Server is what the operator can ask of a running server.
type Server interface {
	// Reload applies the configuration as it is now and returns a summary in one line. On error nothing has changed;
	// Refused tells whether it is the configuration's fault.
	Reload() (summary string, err error)
	// DryRun says what Reload would do, without doing it.
	DryRun() (plan string, err error)
	// Restart replaces the workers of the routes that are named, or of all, and reports a line for each pool; without
	// names it lists what can be restarted.
	Restart(names []string, all bool) (report string, err error)
	// Upgrade has a new process of the program take over, and reports which; on error this one goes on.
	Upgrade() (report string, err error)
	// Status describes what runs; it is encoded as JSON.
	Status() any
}

// Handler answers GET /healthz, GET /status, POST /reload (200 with the summary, 422 with the problems), which with
// ?dry_run=1 only says what it would do, POST /restart?route=NAME&route=... or ?all=1, and POST /upgrade (200 with the report, 422). Who may connect is the socket's business.
func Handler(s Server) http.Handler {
	r := chi.NewRouter()
	r.Get("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	r.Get("/status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		encoder.Encode(s.Status())
	})
	r.Post("/reload", func(w http.ResponseWriter, r *http.Request) {
		do := s.Reload
		if r.URL.Query().Get("dry_run") == "1" {
			do = s.DryRun
		}
		text, err := do()
		tell(w, text, err)
	})
	r.Post("/restart", func(w http.ResponseWriter, r *http.Request) {
		text, err := s.Restart(r.URL.Query()["route"], r.URL.Query().Get("all") == "1")
		tell(w, text, err)
	})
	r.Post("/upgrade", func(w http.ResponseWriter, _ *http.Request) {
		text, err := s.Upgrade()
		tell(w, text, err)
	})
	return r
}

// tell answers with what has been done, or why it has not.
func tell(w http.ResponseWriter, text string, err error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		text = err.Error()
	}
	io.WriteString(w, strings.TrimSuffix(text, "\n")+"\n")
}

// ErrNotRunning says that no server answers on the socket.
var ErrNotRunning = errors.New("no gatewayd answers there")
