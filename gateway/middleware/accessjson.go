package middleware

import (
	"encoding/base64"
	"strconv"
	"time"
)

// appendJSON is the form for programs: one object, its keys in this order, each of one type for ever. Spans are in
// milliseconds, sizes in bytes. What is not known is not there.
func appendJSON(b []byte, e entry) []byte {
	b = append(b, `{"time":"`...)
	b = e.end.UTC().AppendFormat(b, TimeFormat)
	b = append(b, '"')
	if e.Client.IsValid() {
		b = append(b, `,"client":"`...)
		b = appendClient(b, &e)
		b = append(b, '"')
	}
	b = appendJSONText(b, "user", e.RemoteUser)
	b = appendJSONText(b, "method", e.asked.Method)
	b = appendJSONText(b, "uri", e.asked.RequestURI)
	b = appendJSONText(b, "proto", e.asked.Proto)
	b = appendJSONText(b, "host", e.asked.Host)
	b = appendJSONInt(b, "status", int64(e.status))
	b = appendJSONInt(b, "bytes", e.bytes)
	b = appendJSONSpan(b, "ms", e.Timing.Begun, e.end)
	from, to := e.waited()
	b = appendJSONSpan(b, "queue_ms", from, to)
	from, to = e.starting()
	b = appendJSONSpan(b, "start_ms", from, to)
	from, to = e.first()
	b = appendJSONSpan(b, "first_byte_ms", from, to)
	b = appendJSONText(b, "site", e.Site)
	b = appendJSONText(b, "route", e.Route)
	b = appendJSONText(b, "script", e.Script.Filename)
	b = appendJSONExit(b, &e)
	if e.broken {
		b = append(b, `,"broken":true`...)
	}
	b = appendJSONText(b, "referer", e.referer)
	b = appendJSONText(b, "agent", e.agent)
	b = appendJSONText(b, "id", e.ID)
	b = appendJSONInt(b, "generation", int64(e.Generation))
	return append(b, '}', '\n')
}

func appendJSONExit(b []byte, e *entry) []byte {
	if e.Exit == nil {
		return b
	}
	if e.Exit.Signal != "" {
		b = appendJSONText(b, "signal", e.Exit.Signal)
	} else {
		b = appendJSONInt(b, "exit", int64(e.Exit.Code))
	}
	b = appendJSONMillis(b, "cpu_ms", e.Exit.CPU)
	if e.Exit.MaxRSS == 0 {
		return b
	}
	return appendJSONInt(b, "max_rss", e.Exit.MaxRSS)
}

// appendJSONText appends a string and, if it is not UTF-8, its exact bytes (see base64Suffix).
func appendJSONText(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, '"', ':')
	b, exact := appendJSONString(b, value)
	if exact {
		return b
	}
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, base64Suffix+`":"`...)
	b = base64.StdEncoding.AppendEncode(b, []byte(value))
	return append(b, '"')
}

func appendJSONInt(b []byte, key string, value int64) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, '"', ':')
	return strconv.AppendInt(b, value, 10)
}

func appendJSONSpan(b []byte, key string, from, to time.Time) []byte {
	if from.IsZero() || to.IsZero() {
		return b
	}
	return appendJSONMillis(b, key, to.Sub(from))
}

func appendJSONMillis(b []byte, key string, d time.Duration) []byte {
	b = append(b, ',', '"')
	b = append(b, key...)
	b = append(b, '"', ':')
	return appendMillis(b, d, 3)
}

func appendLostJSON(b []byte, n uint64, at time.Time) []byte {
	b = append(b, `{"time":"`...)
	b = at.UTC().AppendFormat(b, TimeFormat)
	b = append(b, `","lost":`...)
	b = strconv.AppendUint(b, n, 10)
	return append(b, '}', '\n')
}
