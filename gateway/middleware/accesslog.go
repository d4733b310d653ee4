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

// AccessLog writes one line for every request once it is answered, and for a failed one another to the server's log
// that says why. access may be nil: then there are no access lines.
func AccessLog(access io.Writer, log zerolog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := gateway.FromContext(r.Context())
		response := &Response{ResponseWriter: w}
		defer func() {
			// A panic goes on to net/http; the lines are written all the same.
			logFailure(log, req)
			if access != nil {
				writeAccess(access, req, r, response)
			}
		}()
		next.ServeHTTP(response, r)
	})
}

var lines = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

func writeAccess(out io.Writer, req *gateway.Request, r *http.Request, response *Response) {
	line := lines.Get().(*[]byte)
	defer lines.Put(line)
	*line = appendAccess((*line)[:0], req, r, response, time.Now())
	out.Write(*line)
}

// appendAccess is the text form: what a person looks for first comes first, then name=value.
func appendAccess(b []byte, req *gateway.Request, r *http.Request, response *Response, now time.Time) []byte {
	b = now.UTC().AppendFormat(b, "2006-01-02T15:04:05.000Z")
	b = append(b, ' ')
	if req.Client.IsValid() {
		b = req.Client.AppendTo(b)
	} else {
		b = append(b, "unix"...)
	}
	b = append(b, ' ', '"')
	b = appendEscaped(b, r.Method)
	b = append(b, ' ')
	b = appendEscaped(b, r.RequestURI)
	b = append(b, ' ')
	b = appendEscaped(b, r.Proto)
	b = append(b, '"', ' ')
	b = strconv.AppendInt(b, int64(logStatus(req, response)), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, response.bytes, 10)
	b = append(b, ' ')
	b = appendMillis(b, now.Sub(req.Timing.Begun))
	b = append(b, "ms host=\""...)
	b = appendEscaped(b, r.Host)
	b = append(b, '"')
	b = appendField(b, "route", req.Route)
	b = appendField(b, "script", req.Script.Filename)
	if !req.Timing.FirstByte.IsZero() {
		b = append(b, " first_byte="...)
		b = appendMillis(b, req.Timing.FirstByte.Sub(req.Timing.Begun))
		b = append(b, "ms"...)
	}
	if req.Err != nil && response.status != 0 && response.status < 400 {
		b = append(b, " broken=true"...)
	}
	b = appendField(b, "referer", r.Header.Get("Referer"))
	b = appendField(b, "agent", r.Header.Get("User-Agent"))
	b = append(b, " id="...)
	b = append(b, req.ID...)
	return append(b, '\n')
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

func appendField(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, '=', '"')
	b = appendEscaped(b, value)
	return append(b, '"')
}

func appendMillis(b []byte, d time.Duration) []byte {
	return strconv.AppendFloat(b, float64(d)/float64(time.Millisecond), 'f', 1, 64)
}

// logFailure writes the one line that says why a request failed. What a client can cause at will is for debugging.
func logFailure(log zerolog.Logger, req *gateway.Request) {
	e := gateway.AsError(req.Err)
	if e == nil {
		return
	}
	level := zerolog.DebugLevel
	switch {
	case e.Status >= 500 && req.Refused == nil: // 501 and 505 can be the client's fault too
		level = zerolog.ErrorLevel
	case e.Hint != "":
		level = zerolog.WarnLevel
	}
	if log.GetLevel() > level {
		return // WithLevel does not look
	}
	event := log.WithLevel(level).Str("id", req.ID).Str("route", req.Route).Int("status", e.Status)
	if req.Script.Filename != "" {
		event.Str("script", req.Script.Filename)
	}
	event.Str("error", e.Error())
	if e.Hint != "" {
		event.Str("hint", e.Hint)
	}
	event.Msg("request failed")
}
