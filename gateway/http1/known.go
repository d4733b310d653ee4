package http1

import "bytes"

// maxKnown bounds what is kept of a request that was refused.
const maxKnown = 1 << 10

// Known is what can be told, for a log, of a request that was refused. Nothing in it has been checked, and each may be
// empty: a line that is no request line is all Target.
type Known struct {
	Method, Target, Proto, Host string
}

// Known reads what it can of b, which is what Parse was given.
func (h *Head) Known(b []byte) Known {
	line := b[min(h.start, len(b)):]
	if end := bytes.IndexAny(line, "\r\n"); end >= 0 {
		line = line[:end]
	}
	k := Known{Target: cut(line), Host: cut(b[h.host.from:h.host.to])}
	method, rest, ok := bytes.Cut(line, []byte(" "))
	if !ok || !isToken(method) || len(method) > maxMethod {
		return k
	}
	if i := bytes.LastIndexByte(rest, ' '); i >= 0 && bytes.HasPrefix(rest[i+1:], []byte("HTTP/")) {
		k.Proto, rest = cut(rest[i+1:]), rest[:i]
	}
	k.Method, k.Target = string(method), cut(rest)
	return k
}

func cut(b []byte) string { return string(b[:min(len(b), maxKnown)]) }
