package middleware

import (
	"strconv"
	"time"
)

// appendText is the form for people: what one looks for first comes first, then name=value, quoted where the value is
// not ours.
func appendText(b []byte, e entry) []byte {
	b = e.end.UTC().AppendFormat(b, TimeFormat)
	b = append(b, ' ')
	b = appendClient(b, &e)
	b = append(b, ' ', '"')
	b = appendEscaped(b, e.asked.Method)
	b = append(b, ' ')
	b = appendEscaped(b, e.asked.RequestURI)
	b = append(b, ' ')
	b = appendEscaped(b, e.asked.Proto)
	b = append(b, '"', ' ')
	b = strconv.AppendInt(b, int64(e.status), 10)
	b = append(b, ' ')
	b = strconv.AppendInt(b, e.bytes, 10)
	b = append(b, ' ')
	b = appendMillis(b, e.end.Sub(e.Timing.Begun), 1)
	b = append(b, "ms"...)
	b = appendTextString(b, "host", e.asked.Host)
	b = appendTextString(b, "user", e.RemoteUser)
	b = appendTextString(b, "route", e.Route)
	b = appendTextString(b, "script", e.Script.Filename)
	b = appendTextProgram(b, &e)
	if e.broken {
		b = append(b, " broken=true"...)
	}
	b = appendTextString(b, "referer", e.referer)
	b = appendTextString(b, "agent", e.agent)
	b = append(b, " id="...)
	b = appendEscaped(b, e.ID)
	return append(b, '\n')
}

// appendClient appends the client's address; a peer on a unix socket has none. The zone of an IPv6 address is whatever
// a proxy's header said: it stays out.
func appendClient(b []byte, e *entry) []byte {
	if !e.Client.IsValid() {
		return append(b, "unix"...)
	}
	return e.Client.WithZone("").AppendTo(b)
}

// appendTextProgram appends what is known of the program: how long it was waited for, how it ended, what it used.
func appendTextProgram(b []byte, e *entry) []byte {
	from, to := e.waited()
	b = appendTextSpan(b, "queue", from, to)
	from, to = e.starting()
	b = appendTextSpan(b, "start", from, to)
	from, to = e.first()
	b = appendTextSpan(b, "first_byte", from, to)
	if e.Exit == nil {
		return b
	}
	if e.Exit.Signal != "" {
		b = append(append(b, " signal="...), e.Exit.Signal...)
	} else {
		b = strconv.AppendInt(append(b, " exit="...), int64(e.Exit.Code), 10)
	}
	b = append(appendMillis(append(b, " cpu="...), e.Exit.CPU, 1), "ms"...)
	if e.Exit.MaxRSS == 0 {
		return b
	}
	b = strconv.AppendInt(append(b, " mem="...), e.Exit.MaxRSS>>10, 10)
	return append(b, "KiB"...)
}

func appendTextSpan(b []byte, name string, from, to time.Time) []byte {
	if from.IsZero() || to.IsZero() {
		return b
	}
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, '=')
	b = appendMillis(b, to.Sub(from), 1)
	return append(b, "ms"...)
}

func appendTextString(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = append(b, ' ')
	b = append(b, name...)
	b = append(b, '=', '"')
	b = appendEscaped(b, value)
	return append(b, '"')
}

func appendLostText(b []byte, n uint64, at time.Time) []byte {
	b = at.UTC().AppendFormat(b, TimeFormat)
	b = append(b, " lost="...)
	b = strconv.AppendUint(b, n, 10)
	return append(b, '\n')
}
