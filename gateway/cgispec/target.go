package cgispec

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
)

// requestURI is the request target as it was sent; of an absolute-form target (RFC 9112 section 3.2.2) what an
// origin-form one would have been, since that is what programs parse.
func requestURI(r *http.Request) string {
	uri := r.RequestURI
	if uri == "" && r.URL != nil {
		uri = r.URL.RequestURI()
	}
	if strings.HasPrefix(uri, "/") {
		return uri
	}
	_, rest, ok := strings.Cut(uri, "://")
	if !ok {
		return uri
	}
	at := strings.IndexAny(rest, "/?")
	switch {
	case at < 0:
		return "/"
	case rest[at] == '?':
		return "/" + rest[at:]
	}
	return rest[at:]
}

func queryString(r *http.Request, uri string) string {
	if r.URL != nil {
		return r.URL.RawQuery
	}
	_, query, _ := strings.Cut(uri, "?")
	return query
}

// serverName is the host that the client asked for: without port and final dot, in lower case. Where it named none, or
// what cannot be a host, it is the address that it reached.
func serverName(host string, addr netip.AddrPort) string {
	if name, _, ok := splitHost(host); ok {
		return name
	}
	if !addr.IsValid() {
		return "localhost"
	}
	ip := addr.Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[" + ip.String() + "]"
	}
	return ip.String()
}

// serverPort is the port that the request came in on. A unix socket has none, and behind a proxy that told its scheme
// the client came to another: there what the client asked for counts.
func serverPort(f *Facts) string {
	if f.ServerAddr.IsValid() && f.Scheme == "" {
		return strconv.Itoa(int(f.ServerAddr.Port()))
	}
	if _, port, ok := splitHost(f.Request.Host); ok && port != "" {
		return port
	}
	if f.scheme() == "https" {
		return "443"
	}
	return "80"
}

// IsHost says whether s can be a Host field: a name or an address, an IPv6 one in brackets, with or without a port. A
// name is not longer than DNS allows.
func IsHost(s string) bool {
	const maxName = 253
	name, _, ok := splitHost(s)
	return ok && len(name) <= maxName
}

// splitHost takes a Host field apart. The name is in lower case, an IPv6 address in brackets; the port may be empty.
func splitHost(host string) (name, port string, ok bool) {
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 || !isIPv6(host[1:end]) {
			return "", "", false
		}
		name, port = host[:end+1], host[end+1:]
	} else {
		end := strings.IndexByte(host, ':')
		if end < 0 {
			end = len(host)
		}
		name, port = strings.TrimSuffix(host[:end], "."), host[end:]
		if !isHostName(name) {
			return "", "", false
		}
	}
	port, ok = portOf(port)
	return strings.ToLower(name), port, ok
}

// portOf takes what follows the name: nothing, ":" or ":" and a port number.
func portOf(s string) (port string, ok bool) {
	if s == "" || s == ":" {
		return "", true
	}
	n, err := strconv.ParseUint(s[1:], 10, 16)
	return s[1:], s[0] == ':' && err == nil && n > 0 && s[1] != '0'
}

func isIPv6(s string) bool {
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is6() && ip.Zone() == ""
}

// isHostName takes labels of letters, digits, "-" and "_", none of them empty.
func isHostName(s string) bool {
	afterDot := true
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.':
			if afterDot {
				return false
			}
			afterDot = true
		case isAlnum(c), c == '-', c == '_':
			afterDot = false
		default:
			return false
		}
	}
	return !afterDot
}

func isAlnum(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
