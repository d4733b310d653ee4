package middleware

import (
	"github.com/rs/zerolog"

	"gatewayd/gateway"
)

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
		Exact(event, "script", req.Script.Filename)
	}
	Exact(event, "error", e.Error())
	if e.Hint != "" {
		Exact(event, "hint", e.Hint)
	}
	event.Msg("request failed")
}
