package middleware

import (
	"strconv"
	"time"
)

// appendCombined is Apache's "combined" for the programs that read it:
// %h - %u [%t] "%r" %>s %b "%{Referer}i" "%{User-Agent}i". The time is that of the end, in UTC. As in Apache a lone "-"
// is nothing. Unlike there a blank in the user's name is escaped: it would end the field.
func appendCombined(b []byte, e entry) []byte {
	b = appendClient(b, &e)
	b = append(b, " - "...)
	b = appendASCII(b, orDash(e.RemoteUser), false)
	b = appendCombinedTime(b, e.end)
	b = append(b, '"')
	b = appendASCII(b, e.asked.Method, true)
	b = append(b, ' ')
	b = appendASCII(b, e.asked.RequestURI, true)
	b = append(b, ' ')
	b = appendASCII(b, e.asked.Proto, true)
	b = append(b, '"', ' ')
	b = strconv.AppendInt(b, int64(e.status), 10)
	b = append(b, ' ')
	if e.bytes > 0 {
		b = strconv.AppendInt(b, e.bytes, 10)
	} else {
		b = append(b, '-')
	}
	b = append(b, ' ', '"')
	b = appendASCII(b, orDash(e.referer), true)
	b = append(b, `" "`...)
	b = appendASCII(b, orDash(e.agent), true)
	return append(b, '"', '\n')
}

func appendCombinedTime(b []byte, at time.Time) []byte {
	return at.UTC().AppendFormat(b, " [02/Jan/2006:15:04:05 +0000] ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// appendLostCombined has no client and no request, so that no reader takes it for one.
func appendLostCombined(b []byte, n uint64, at time.Time) []byte {
	b = append(b, "- - -"...)
	b = appendCombinedTime(b, at)
	b = append(b, `"-" 0 - "-" "gatewayd: lines lost here: `...)
	b = strconv.AppendUint(b, n, 10)
	return append(b, '"', '\n')
}
