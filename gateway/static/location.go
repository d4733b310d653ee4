package static

import (
	"net/http"
	"net/url"
	"strings"
)

// SlashLocation is path with a slash behind it and the query of u, as a reference. path is a decoded canonical path: it
// begins with one slash, and backslashes and line ends in it are encoded, so it cannot name another host.
func SlashLocation(path string, u *url.URL) string {
	to := url.URL{Path: path + "/", RawQuery: u.RawQuery, ForceQuery: u.ForceQuery}
	return escapeQuery(to.String())
}

// escapeQuery percent-encodes what no URI holds. The path is encoded already; a query is as the client sent it.
func escapeQuery(s string) string {
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

func redirect(w http.ResponseWriter, location string) {
	w.Header().Set("Location", location)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMovedPermanently)
}
