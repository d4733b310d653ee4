package middleware

import (
	"net/http"
	"strconv"
	"time"

	"gatewayd/gateway"
)

// addServerTiming tells a browser's developer tools where the time went, as far as that is known when the head is
// written: waiting for a place, starting or getting hold of the program, and the program until its head was complete.
func addServerTiming(h http.Header, t *gateway.Timing) {
	var line []byte
	for _, part := range []struct {
		name     string
		from, to time.Time
	}{{"queue", t.Queued, t.Admitted}, {"start", t.Admitted, t.Started}, {"app", t.Started, t.FirstByte}} {
		if part.from.IsZero() || part.to.IsZero() {
			continue
		}
		if line != nil {
			line = append(line, ", "...)
		}
		line = append(append(line, part.name...), ";dur="...)
		line = strconv.AppendFloat(line, float64(part.to.Sub(part.from))/float64(time.Millisecond), 'f', 1, 64)
	}
	if line != nil {
		h.Add("Server-Timing", string(line))
	}
}
