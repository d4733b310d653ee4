package gateway

import (
	"net/http"
	"net/url"
	"strings"
)

// SlashLocation is path with a slash behind it and the query of u, as a reference. path is a decoded canonical path: it
// begins with one slash, and backslashes and line ends in it are encoded, so it cannot name another host.
func SlashLocation(path string, u *url.URL) string {
	to := url.URL{Path: path + "/", RawQuery: u.RawQuery, ForceQuery: u.ForceQuery}
	return EscapeReference(to.String())
}

// EscapeReference percent-encodes the bytes that no URI holds, and nothing else: a query is as the client sent it.
func EscapeReference(s string) string {
	plain := func(c byte) bool { return c > ' ' && c < 0x7f }
	i := 0
	for i < len(s) && plain(s[i]) {
		i++
	}
	if i == len(s) {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}

// RedirectToSlash answers 301 with SlashLocation.
func RedirectToSlash(w http.ResponseWriter, r *http.Request, path string) {
	w.Header().Set("Location", SlashLocation(path, r.URL))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMovedPermanently)
}
