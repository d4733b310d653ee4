package static

import (
	"net/http"
	"strings"
	"time"
)

// parseDate reads an HTTP date in any of its three forms (RFC 9110 section 5.6.7).
func parseDate(s string, now time.Time) (time.Time, bool) {
	t, err := http.ParseTime(s)
	if err != nil {
		return time.Time{}, false
	}
	if !strings.Contains(s, "-") {
		return t, true
	}
	// The form of RFC 850 has a year of two digits, which is at most 50 years ahead, and a zone, which must be GMT.
	if !strings.HasSuffix(s, " GMT") {
		return time.Time{}, false
	}
	if later := t.AddDate(100, 0, 0); !later.After(now.AddDate(50, 0, 0)) {
		return later, true
	}
	if t.After(now.AddDate(50, 0, 0)) {
		return t.AddDate(-100, 0, 0), true
	}
	return t, true
}
