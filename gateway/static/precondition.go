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
// If-Unmodified-Since; then If-None-Match, else If-Modified-Since. A field that is not well formed says nothing, but a
// date does not speak in its place: the client knew better than a date.
func check(r *http.Request, v validators, now time.Time) verdict {
	h := r.Header
	if fields := h["If-Match"]; len(fields) > 0 {
		if matched, ok := matches(fields, v.etag, true); ok && !matched {
			return preconditionFailed
		}
	} else if since, ok := date(h, "If-Unmodified-Since", now); ok && !v.modified.IsZero() && v.modified.After(since) {
		return preconditionFailed
	}
	if fields := h["If-None-Match"]; len(fields) > 0 {
		if matched, ok := matches(fields, v.etag, false); ok && matched {
			return notModified
		}
		return proceed
	}
	if since, ok := date(h, "If-Modified-Since", now); ok && !v.modified.IsZero() && !v.modified.After(since) {
		return notModified
	}
	return proceed
}

func date(h http.Header, name string, now time.Time) (time.Time, bool) {
	if fields := h[name]; len(fields) == 1 {
		return parseDate(fields[0], now)
	}
	return time.Time{}, false
}

// matches says whether a list of entity tags, or "*", has etag, which is strong. strong asks for the strong comparison of
// RFC 9110 section 8.8.3.2, in which a weak tag equals nothing. ok is false if the list is not well formed.
func matches(fields []string, etag string, strong bool) (matched, ok bool) {
	if len(fields) == 1 && fields[0] == "*" {
		return true, true
	}
	for _, field := range fields {
		for rest := skipEmpty(field); rest != ""; rest = skipEmpty(rest) {
			tag, weak, after, isTag := cutTag(rest)
			rest = strings.TrimLeft(after, " \t")
			if !isTag || rest != "" && rest[0] != ',' {
				return false, false
			}
			ok = true
			matched = matched || tag == etag && !(strong && weak)
		}
	}
	return matched, ok
}

// skipEmpty skips the empty elements that a list may have (RFC 9110 section 5.6.1).
func skipEmpty(list string) string { return strings.TrimLeft(list, " \t,") }

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

// rangeHolds is If-Range (RFC 9110 section 13.1.5): the tag or the date of which the client has a part already. Only the
// strong tag, or exactly the date that we gave, lets the Range count.
func rangeHolds(r *http.Request, v validators, now time.Time) bool {
	fields := r.Header["If-Range"]
	switch {
	case len(fields) == 0:
		return true
	case len(fields) > 1:
		return false
	case strings.HasPrefix(fields[0], `"`):
		return fields[0] == v.etag
	}
	t, ok := parseDate(fields[0], now)
	return ok && !v.modified.IsZero() && t.Equal(v.modified)
}
