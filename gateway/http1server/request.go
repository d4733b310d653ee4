package http1server

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"gatewayd/gateway/http1"
)

// fewFields is how many header fields a request may have before they need memory of their own.
const fewFields = 12

// parts is what a request is made of beside itself.
type parts struct {
	url    url.URL
	values [fewFields]string
}

// newRequest makes the request of a head that is whole. text is all that is kept of the head.
func newRequest(ctx context.Context, parts *parts, head *http1.Head, text string, remote string) *http.Request {
	r := http.Request{
		Method:        head.Method(text),
		RequestURI:    head.Target(text),
		Proto:         head.Proto(text),
		ProtoMajor:    1,
		ProtoMinor:    head.Minor(),
		Host:          head.Host(text),
		ContentLength: head.Length(),
		RemoteAddr:    remote,
		Body:          http.NoBody,
	}
	r.URL = parseTarget(&parts.url, r.Method, r.RequestURI)
	if r.URL.Host != "" {
		r.Host = r.URL.Host // RFC 9112 section 3.2.2
	}
	r.Header = readFields(parts.values[:0], head, text)
	if r.ContentLength < 0 {
		r.TransferEncoding = []string{"chunked"}
		delete(r.Header, "Trailer") // as net/http does; trailers are not passed on
	}
	r.Close = wantsClose(&r)
	return r.WithContext(ctx)
}

// readFields makes the header. The values of all fields stand in one slice; a name that comes again gets its own.
func readFields(values []string, head *http1.Head, text string) http.Header {
	h := make(http.Header, head.Len()+1) // a server adds a name
	if head.Len() > cap(values) {
		values = make([]string, 0, head.Len())
	}
	for i := range head.Len() {
		name, value := head.Field(text, i)
		name = http.CanonicalHeaderKey(name)
		switch name {
		case "Host", "Transfer-Encoding":
			continue
		}
		if before := h[name]; before != nil {
			h[name] = append(before, value)
			continue
		}
		values = append(values, value)
		h[name] = values[len(values)-1 : len(values) : len(values)]
	}
	return h
}

// parseTarget reads a request target that http1 has found right.
func parseTarget(u *url.URL, method, target string) *url.URL {
	if path, query, found := strings.Cut(target, "?"); isPlain(path) {
		u.Path, u.RawQuery, u.ForceQuery = path, query, found && query == ""
		return u
	}
	if method == http.MethodConnect {
		u.Host = target
		return u
	}
	parsed, err := url.ParseRequestURI(target)
	if err != nil { // nothing that http1 takes
		u.Opaque = target
		return u
	}
	return parsed
}

// isPlain says whether a path is itself, decoded and encoded again.
func isPlain(path string) bool {
	if path == "" || path[0] != '/' {
		return false
	}
	for i := range len(path) {
		switch c := path[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '/', c == '-', c == '.', c == '_', c == '~':
		default:
			return false
		}
	}
	return true
}

// wantsClose says whether the client will send no other request.
func wantsClose(r *http.Request) bool {
	said := r.Header["Connection"]
	return r.ProtoMinor == 0 && !hasToken(said, "keep-alive") || hasToken(said, "close")
}

// hasToken looks for a word in the lists of a field.
func hasToken(lines []string, word string) bool {
	for _, line := range lines {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(token, " \t"), word) {
				return true
			}
		}
	}
	return false
}

// newRefused makes a request of what is known of one that was refused.
func newRefused(ctx context.Context, known http1.Known, remote string) *http.Request {
	r := http.Request{
		Method: known.Method, RequestURI: known.Target, Proto: known.Proto, ProtoMajor: 1, ProtoMinor: 1, Host: known.Host,
		URL: &url.URL{}, Header: http.Header{}, Body: http.NoBody, RemoteAddr: remote, Close: true,
	}
	if known.Proto == "HTTP/1.0" {
		r.ProtoMinor = 0
	}
	return r.WithContext(ctx)
}
