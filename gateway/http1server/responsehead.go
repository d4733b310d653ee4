package http1server

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatewayd/gateway/http1"
)

// begin writes down what the handler says in the header; what it changes there later has no effect.
func (w *response) begin() {
	bodyless := !bodyAllowed(w.status)
	w.noBody = bodyless || w.exchange.request.Method == http.MethodHead
	if said := w.header["Content-Length"]; len(said) > 0 && !bodyless {
		if n, err := strconv.ParseUint(said[0], 10, 63); err == nil {
			w.length = int64(n)
		}
	}
	w.connection = w.header["Connection"]
	_, w.dated = w.header["Date"]
	_, w.typed = w.header["Content-Type"]
	w.typed = w.typed || bodyless || w.header.Get("Content-Encoding") != ""
	w.out = appendStatusLine(getBuffer()[:0], w.status, w.old)
	w.out = appendFields(w.out, w.header, w.status)
	w.bodyAt = len(w.out)
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// finishHead adds what depends on the body: p is what comes next of it, done says that all of it is there.
func (w *response) finishHead(p []byte, done bool) {
	w.framed = true
	if done && w.length == unknown && bodyAllowed(w.status) && (!w.noBody || w.written > 0) {
		w.length = w.written
	}
	open := w.length == unknown && !w.noBody // nothing says yet where the body ends
	w.chunked = open && !w.old
	conn := w.exchange.conn
	if open && w.old || hasToken(w.connection, "close") || conn.givenUp.Load() || conn.server.closing.Load() {
		w.closes = true
	}
	var lines [256]byte
	b := w.appendConnection(lines[:0])
	if !w.dated {
		b = append(b, conn.server.dateLine(time.Now())...)
	}
	b = w.appendFraming(w.appendType(b, p))
	w.out = slices.Insert(w.out, w.bodyAt, append(b, "\r\n"...)...)
	w.bodyAt += len(b) + len("\r\n")
}

// appendConnection says whether another request may follow, where that does not go without saying.
func (w *response) appendConnection(b []byte) []byte {
	switch {
	case w.closes && !hasToken(w.connection, "close"):
		if !w.old {
			b = append(b, "Connection: close\r\n"...)
		}
		return b
	case !w.closes && w.old && w.connection == nil:
		return append(b, "Connection: keep-alive\r\n"...)
	}
	for _, value := range w.connection {
		b = appendField(b, "Connection", value)
	}
	return b
}

// appendType guesses the type of a body of which nothing is said.
func (w *response) appendType(b, p []byte) []byte {
	if w.typed {
		return b
	}
	start := w.out[w.bodyAt:]
	const enough = 512
	if len(start) < enough && len(p) > 0 {
		start = slices.Concat(start, p[:min(len(p), enough)])
	}
	if len(start) == 0 {
		return b
	}
	return appendField(b, "Content-Type", http.DetectContentType(start))
}

func (w *response) appendFraming(b []byte) []byte {
	switch {
	case w.chunked:
		return append(b, "Transfer-Encoding: chunked\r\n"...)
	case w.length != unknown:
		b = strconv.AppendInt(append(b, "Content-Length: "...), w.length, 10)
		return append(b, "\r\n"...)
	}
	return b
}

func appendStatusLine(b []byte, status int, old bool) []byte {
	version := "HTTP/1.1 "
	if old {
		version = "HTTP/1.0 "
	}
	b = strconv.AppendInt(append(b, version...), int64(status), 10)
	text := http.StatusText(status)
	if text == "" {
		text = "status code " + strconv.Itoa(status)
	}
	return append(append(append(b, ' '), text...), "\r\n"...)
}

// appendFields appends the fields in the order of their names, but for those that finishHead decides about.
func appendFields(b []byte, h http.Header, status int) []byte {
	var space [16]string
	names := space[:0]
	for name := range h {
		if !decidedLast(name, status) && http1.IsName(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			b = appendField(b, name, value)
		}
	}
	return b
}

func decidedLast(name string, status int) bool {
	switch name {
	case "Content-Length", "Transfer-Encoding", "Trailer":
		return true
	case "Connection":
		return status >= 200
	case "Content-Type":
		return status == http.StatusNotModified
	}
	return strings.HasPrefix(name, http.TrailerPrefix)
}

// appendField appends one line; what would end it early becomes a blank.
func appendField(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	from := len(b)
	b = append(b, strings.TrimSpace(value)...)
	for i, c := range b[from:] {
		if c == '\r' || c == '\n' {
			b[from+i] = ' '
		}
	}
	return append(b, "\r\n"...)
}
