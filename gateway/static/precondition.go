package static

import (
	"net/http"
	"strings"
	"time"
)

// verdict is what the preconditions of a request say.
type verdict int

const (
	proceed verdict = iota
	preconditionFailed
	notModified
)

// check evaluates the preconditions in the order of RFC 9110 section 13.2.2 for GET and HEAD: If-Match, else
// If-Unmodified-Since; then If-None-Match, else If-Modified-Since. What cannot be parsed is as if it were not there.
func check(r *http.Request, etag string, modified time.Time) verdict {
	modified = modified.Truncate(time.Second) // HTTP dates have whole seconds
	h := r.Header
	if values := h["If-Match"]; len(values) > 0 {
		if !matches(values, etag, true) {
			return preconditionFailed
		}
	} else if since, ok := date(h, "If-Unmodified-Since"); ok && modified.After(since) {
		return preconditionFailed
	}
	if values := h["If-None-Match"]; len(values) > 0 {
		if matches(values, etag, false) {
			return notModified
		}
		return proceed
	}
	if since, ok := date(h, "If-Modified-Since"); ok && !modified.After(since) {
		return notModified
	}
	return proceed
}

func date(h http.Header, name string) (time.Time, bool) {
	values := h[name]
	if len(values) != 1 {
		return time.Time{}, false
	}
	t, err := http.ParseTime(values[0])
	return t, err == nil
}

// matches says whether one of the entity tags in a list of fields is etag, which is strong. strong asks for the strong
// comparison of RFC 9110 section 8.8.3.2, in which a weak tag equals nothing. A list that breaks off in the middle
// counts up to there.
func matches(fields []string, etag string, strong bool) bool {
	for _, field := range fields {
		rest := strings.TrimLeft(field, " \t,")
		if strings.TrimRight(rest, " \t") == "*" {
			return true
		}
		for rest != "" {
			tag, weak, after, ok := cutTag(rest)
			if !ok {
				break
			}
			if tag == etag && !(strong && weak) {
				return true
			}
			rest = strings.TrimLeft(after, " \t")
			if rest != "" && rest[0] != ',' {
				break
			}
			rest = strings.TrimLeft(rest, " \t,")
		}
	}
	return false
}

// cutTag takes one entity tag, with its quotes and without its W/, off the front of s.
func cutTag(s string) (tag string, weak bool, rest string, ok bool) {
	s, weak = strings.CutPrefix(s, "W/")
	if s == "" || s[0] != '"' {
		return "", false, "", false
	}
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return s[:i+1], weak, s[i+1:], true
		case c <= 0x20 || c == 0x7f:
			return "", false, "", false
		}
	}
	return "", false, "", false
}

// rangeHolds is If-Range (RFC 9110 section 13.1.5): the tag or the date for which the client has a part already. Only a
// strong tag, or exactly the date that we gave, lets the Range count.
func rangeHolds(r *http.Request, etag string, modified time.Time) bool {
	values := r.Header["If-Range"]
	if len(values) == 0 {
		return true
	}
	if len(values) > 1 {
		return false
	}
	value := strings.Trim(values[0], " \t")
	if strings.HasPrefix(value, `"`) || strings.HasPrefix(value, "W/") {
		return value == etag
	}
	t, err := http.ParseTime(value)
	return err == nil && t.Equal(modified.Truncate(time.Second))
}
