package middleware

import (
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
)

// Access is an access log: where its lines go and in which form. It is safe for use by several goroutines if its writer
// is.
type Access struct {
	out  io.Writer
	line func([]byte, entry) []byte
	lost func([]byte, uint64, time.Time) []byte
}

// NewAccess returns an access log in the form of config.Log's word: text, json or combined. Each line is one Write.
func NewAccess(form string, out io.Writer) *Access {
	switch form {
	case "json":
		return &Access{out, appendJSON, appendLostJSON}
	case "combined":
		return &Access{out, appendCombined, appendLostCombined}
	}
	return &Access{out, appendText, appendLostText}
}

// LostLine is a line of the log's own form that says that n lines are missing before it.
func (a *Access) LostLine(n uint64) []byte { return a.lost(nil, n, time.Now()) }

// AccessLog writes one line for every request once it is answered, and for a failed one another to the server's log
// that says why. access may be nil: then there are no access lines.
func AccessLog(access *Access, log zerolog.Logger, next http.Handler) http.Handler {
	failures := &failureLog{log: log}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := gateway.FromContext(r.Context())
		response := responseOf(w)
		defer func() {
			// A panic goes on to the server; the lines are written all the same.
			failures.write(req)
			if access != nil {
				access.write(newEntry(req, r, response, time.Now()))
			}
		}()
		next.ServeHTTP(response, r)
	})
}

// entry is what the access log says of one request. An empty string, a nil and a zero time are what is not known.
type entry struct {
	*gateway.Request
	end     time.Time
	asked   *http.Request // as the client sent it; Request's is the last one that a handler made of it
	referer string
	agent   string
	status  int
	bytes   int64
	broken  bool // the client got less than the status promised
}

func newEntry(req *gateway.Request, r *http.Request, response *Response, end time.Time) entry {
	return entry{
		Request: req, end: end, asked: r,
		referer: r.Header.Get("Referer"), agent: r.Header.Get("User-Agent"),
		status: logStatus(req, response), bytes: response.bytes,
		broken: req.Err != nil && response.status != 0 && response.status < 400,
	}
}

// logStatus is what was sent; what was not sent for want of a client is 499.
func logStatus(req *gateway.Request, response *Response) int {
	if response.status != 0 {
		return response.status
	}
	if e := gateway.AsError(req.Err); e != nil {
		return e.Status
	}
	return http.StatusOK
}

// waited is from when to when the request was in admission's queue.
func (e *entry) waited() (from, to time.Time) { return e.Timing.Queued, e.Timing.Admitted }

// starting is from when to when its program was made ready.
func (e *entry) starting() (from, to time.Time) {
	if from = e.Timing.Admitted; from.IsZero() {
		from = e.Timing.Begun
	}
	return from, e.Timing.Started
}

// first is from when to when the program's answer was waited for.
func (e *entry) first() (from, to time.Time) { return e.Timing.Begun, e.Timing.FirstByte }

// TimeFormat is that of every log: RFC 3339 with milliseconds, of a time in UTC.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// appendMillis appends a duration in milliseconds.
func appendMillis(b []byte, d time.Duration, decimals int) []byte {
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', decimals, 64)
}

var lines = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// maxPooled is the largest buffer that is kept: a rare long line must not make all of them long.
const maxPooled = 16 << 10

func (a *Access) write(e entry) {
	pooled := lines.Get().(*[]byte)
	line := a.line((*pooled)[:0], e)
	a.out.Write(line)
	if cap(line) <= maxPooled {
		*pooled = line
		lines.Put(pooled)
	}
}
