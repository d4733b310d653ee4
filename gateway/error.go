package gateway

import (
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Error is a failure for two readers: Status and Public are for the client; Op, Err and Hint are for the log.
type Error struct {
	Status     int           // what the client gets: 400, 403, 404, 413, 499, 500, 502, 503, 504 ...
	Op         string        // what was being done, on what: "cgi: start /srv/cgi-bin/report"
	Err        error         // why it failed; may be nil when Op says it all
	Hint       string        // what to do about it, one sentence; may be empty
	Public     string        // one plain sentence for the client, safe to show; empty: the status's own
	RetryAfter time.Duration // sent as Retry-After when > 0
	Overload   bool          // refused because too many came at once: no fault, and one of many alike, which the log counts
	Alike      bool          // the application does not run, or cannot be reached: whatever is asked fails alike, which the log counts, too
}

// StatusClientClosed is nginx's word for a client that left before it was answered. It is logged, never sent.
const StatusClientClosed = 499

// Error says what was being done and why it failed.
func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Op
	case e.Op == "":
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// AsError finds the *Error in err; any other error becomes a 502 of its own. AsError(nil) is nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Status: http.StatusBadGateway, Err: err}
}

// Errorf makes an Error of a status and a formatted cause.
func Errorf(status int, format string, args ...any) *Error {
	return &Error{Status: status, Err: fmt.Errorf(format, args...)}
}
