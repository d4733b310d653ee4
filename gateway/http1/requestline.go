package http1

import (
	"bytes"
	"net/http"
)

// maxMethod is more than the longest registered method has (UPDATEREDIRECTREF, 17).
const maxMethod = 32

// requestLine reads METHOD SP TARGET SP VERSION.
func (h *Head) requestLine(line []byte) *Refusal {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	end := bytes.LastIndexByte(rest, ' ')
	switch {
	case !isToken(method):
		return bad("the request line does not begin with a method")
	case len(method) > maxMethod:
		return refuse(http.StatusNotImplemented, "no method has such a long name")
	case end < 0:
		return bad("the request line has no version")
	}
	if err := h.version(rest[end+1:]); err != nil {
		return err
	}
	if end > h.limits.Target {
		return h.longTarget()
	}
	h.method = h.span(h.line, len(method))
	h.target = h.span(h.line+len(method)+1, end)
	return checkTarget(method, rest[:end])
}

// version takes HTTP/1.0, HTTP/1.1 and, as RFC 9110 section 2.5 wants it, any later minor version.
func (h *Head) version(v []byte) *Refusal {
	if len(v) != len("HTTP/1.1") || string(v[:5]) != "HTTP/" || !digits[v[5]] || v[6] != '.' || !digits[v[7]] {
		return bad("the request line does not end in a version")
	}
	if v[5] != '1' {
		return refuse(http.StatusHTTPVersionNotSupported, "this server speaks HTTP/1.0 and HTTP/1.1 here")
	}
	h.minor = v[7] - '0'
	return nil
}

// checkTarget takes the four forms of RFC 9112 section 3.2, each where it belongs.
func checkTarget(method, target []byte) *Refusal {
	switch {
	case len(target) == 0:
		return bad("the request target is missing")
	case string(method) == http.MethodConnect:
		if !isAuthority(target, true) {
			return bad("the request target of CONNECT is not a host and a port")
		}
		return nil
	case target[0] == '/':
		return checkPath(target)
	case string(target) == "*" && string(method) == http.MethodOptions:
		return nil
	}
	return checkAbsolute(target)
}

// checkPath checks a path with or without a query.
func checkPath(b []byte) *Refusal {
	path, query, _ := bytes.Cut(b, []byte("?"))
	for len(path) > 0 {
		n := pathBytes.prefix(path)
		if n == len(path) {
			break
		}
		if path[n] != '%' {
			return bad("the request target has a character that may not stand there")
		}
		if len(path) < n+3 || !hexDigits[path[n+1]] || !hexDigits[path[n+2]] {
			return bad("the path has a % without two hexadecimal digits")
		}
		path = path[n+3:]
	}
	if !queryBytes.all(query) {
		return bad("the request target has a character that may not stand there")
	}
	return nil
}

// checkAbsolute checks a whole URL. Of userinfo RFC 9110 section 4.2.4 says to treat it as an error.
func checkAbsolute(target []byte) *Refusal {
	scheme, rest, ok := bytes.Cut(target, []byte("://"))
	if !ok || !is(scheme, "http") && !is(scheme, "https") {
		return bad("the request target is neither a path nor an http URL")
	}
	end := bytes.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	if !isAuthority(rest[:end], false) {
		return bad("the request target does not name a host")
	}
	return checkPath(rest[end:])
}
