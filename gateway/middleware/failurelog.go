package middleware

import (
	"github.com/rs/zerolog"

	"gatewayd/gateway"
)

// failureLog writes the one line that says why a request failed.
type failureLog struct {
	log             zerolog.Logger
	refused, failed crowd
}

// write is called when the request has ended. What a client can cause at will is for debugging.
func (f *failureLog) write(req *gateway.Request) {
	log, e := f.log, gateway.AsError(req.Err)
	switch {
	case e == nil:
		return
	case e.Overload:
		if !f.refused.admit(req.Site, req.Route, f.refusedMore) {
			return
		}
	case e.Alike:
		if !f.failed.admit(req.Site, req.Route, f.failedMore) {
			return
		}
	}
	level := zerolog.DebugLevel
	switch {
	case e.Overload:
		level = zerolog.WarnLevel
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

// refusedMore and failedMore say how many of a crowd have had no line of their own.
func (f *failureLog) refusedMore(site, route string, n int) {
	more(f.log.Warn(), site, route, n, "more requests were refused in the same second than are logged one by one")
}

func (f *failureLog) failedMore(site, route string, n int) {
	more(f.log.Error(), site, route, n, "more requests failed alike in the same second than are logged one by one")
}

func more(event *zerolog.Event, site, route string, n int, what string) {
	if site != "" {
		event.Str("site", site)
	}
	event.Str("route", route).Int("requests", n).Msg(what)
}
