package middleware

import (
	"iter"
	"net/netip"
	"strings"
)

// maxHops is how many hops of a request's way are looked at.
const maxHops = 64

// backwards are the hops that proxies have written into the lines of X-Forwarded-For or Forwarded, the nearest first,
// without the blanks around them. It reads from the right, so that nothing a client has put to the left of a proxy's
// word, an open quote for example, changes how that is read. comma finds the last comma between two hops, -1 if there
// is none.
func backwards(lines []string, comma func(string) int) iter.Seq[string] {
	return func(yield func(string) bool) {
		seen := 0
		for i := len(lines) - 1; i >= 0; i-- {
			rest := lines[i]
			for at := len(rest); at >= 0; rest = rest[:max(at, 0)] {
				at = comma(rest)
				if seen++; seen > maxHops || !yield(trimBlanks(rest[at+1:])) {
					return
				}
			}
		}
	}
}

// last is the last entry of a list in one header field or more: what the nearest proxy has added.
func last(lines []string) string {
	for hop := range backwards(lines, lastComma) {
		return hop
	}
	return ""
}

func lastComma(s string) int { return strings.LastIndexByte(s, ',') }

// lastUnquotedComma passes over quoted strings (RFC 9110 section 5.6.4).
func lastUnquotedComma(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		switch s[i] {
		case ',':
			return i
		case '"':
			if i = openingQuote(s[:i]); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// openingQuote finds the last quote of s that no backslash escapes, -1 if there is none.
func openingQuote(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] != '"' {
			continue
		}
		before := strings.TrimRight(s[:i], `\`)
		if (i-len(before))%2 == 0 {
			return i
		}
		i = len(before)
	}
	return -1
}

// parseHop reads the address of one hop: IPv4 or IPv6, bare, or as RFC 7239 section 6 writes it with a port behind it
// and IPv6 in brackets. An address with a zone means something only to whoever wrote it: it is none, as are "unknown"
// and names that hide one ("_hidden").
func parseHop(s string) (netip.Addr, bool) {
	host, port := s, ""
	if inside, ok := strings.CutPrefix(s, "["); ok {
		end := strings.IndexByte(inside, ']')
		if end < 0 || !strings.Contains(inside[:end], ":") {
			return netip.Addr{}, false
		}
		host, port = inside[:end], inside[end+1:]
	} else if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') {
		host, port = s[:i], s[i:]
	}
	if !isHopPort(port) {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(host)
	return a.Unmap(), err == nil && a.Zone() == ""
}

// isHopPort takes what may follow an address: nothing, ":" and up to five digits, ":" and a name that hides the port.
func isHopPort(s string) bool {
	const maxDigits, maxName = 5, 64
	if s == "" {
		return true
	}
	digits, name := 0, 0
	for _, c := range []byte(s[1:]) {
		switch {
		case '0' <= c && c <= '9':
			digits++
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '.', c == '_', c == '-':
			name++
		default:
			return false
		}
	}
	if s[0] != ':' || digits+name == 0 {
		return false
	}
	return name == 0 && digits <= maxDigits || s[1] == '_' && digits+name <= maxName
}

// forwarded is one element of a Forwarded field (RFC 7239 section 4); what it does not say is "".
type forwarded struct{ client, proto, host string }

// parseForwarded reads one element. One that is not well formed, or says something twice, says nothing.
func parseForwarded(element string) (f forwarded, ok bool) {
	for rest := element; rest != ""; {
		var name, value string
		if name, value, rest, ok = cutPair(rest); !ok || !f.set(name, value) {
			return forwarded{}, false
		}
	}
	return f, ok
}

// set is false for what has been said before.
func (f *forwarded) set(name, value string) bool {
	var to *string
	switch {
	case strings.EqualFold(name, "for"):
		to = &f.client
	case strings.EqualFold(name, "proto"):
		to = &f.proto
	case strings.EqualFold(name, "host"):
		to = &f.host
	default:
		return true // by, and whatever extensions say
	}
	if *to != "" {
		return false
	}
	*to = value
	return true
}

// cutPair takes the first "name=value" off an element, and the ";" behind it. The value is a token or a quoted string.
func cutPair(s string) (name, value, rest string, ok bool) {
	name, s, ok = strings.Cut(s, "=")
	if name = trimBlanks(name); !ok || name == "" || strings.ContainsAny(name, "\" \t;") {
		return "", "", "", false
	}
	if strings.HasPrefix(s, `"`) {
		value, rest, ok = cutQuoted(s[1:])
	} else {
		end := strings.IndexByte(s, ';')
		if end < 0 {
			end = len(s)
		}
		value, rest = trimBlanks(s[:end]), s[end:]
		ok = !strings.ContainsAny(value, "\" \t=,")
	}
	rest = trimBlanks(rest)
	if rest != "" && rest[0] != ';' || value == "" {
		return "", "", "", false
	}
	return name, value, trimBlanks(strings.TrimPrefix(rest, ";")), ok
}

// cutQuoted takes a quoted string, whose opening quote is gone already, off s.
func cutQuoted(s string) (value, rest string, ok bool) {
	if end := strings.IndexAny(s, `"\`); end >= 0 && s[end] == '"' {
		return s[:end], s[end+1:], true // as nearly all are
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:], true
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return "", "", false
}

func trimBlanks(s string) string { return strings.Trim(s, " \t") }
