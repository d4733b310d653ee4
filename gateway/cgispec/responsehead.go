package cgispec

import (
	"net/http"
	"strings"
	"sync"
)

// head is one header block of an answer while it is read, the final one or an interim one before it.
type head struct {
	lines      lineReader
	maxFields  int
	fieldsLeft int
	interim    int // status of the interim head before this one; 0 if there was none

	status     int  // 0: not given
	statusLine bool // given by an HTTP status line
	statusSeen bool // given by a Status field
	text       []byte
	fields     []field

	// What a head of ordinary size needs, so that the whole of it is one allocation.
	textSpace  [1024]byte
	fieldSpace [24]field
}

// heads are those that are not in use: what is read out of one is copied.
var heads = sync.Pool{New: func() any { return new(head) }}

// next gets ready for the block behind an interim one.
func (h *head) next(interim int) {
	h.interim = interim
	h.status, h.statusLine, h.statusSeen = 0, false, false
}

func (h *head) release() {
	h.next(0)
	h.lines, h.text, h.fields = lineReader{}, nil, nil
	heads.Put(h)
}

// field is where in head.text a field's name and value lie: "NameValue".
type field struct{ name, value, end int }

// read reads one block up to and with its empty line.
func (h *head) read() (*http.Response, error) {
	h.text, h.fields = h.textSpace[:0], h.fieldSpace[:0]
	for first := true; ; first = false {
		line, err := h.lines.next()
		switch {
		case err != nil:
			return nil, h.ended(line, err)
		case len(line) == 0 && first:
			return nil, h.fault(NotHeader, "empty, where a header has to come first", nil)
		case len(line) == 0:
			return h.response()
		case first && isStatusLine(line):
			err = h.takeStatusLine(line)
		default:
			err = h.take(line)
		}
		if err != nil {
			return nil, err
		}
	}
}

// take checks one header line and keeps it.
func (h *head) take(line []byte) error {
	nameEnd, reason := checkLine(line)
	if reason != "" {
		return h.fault(NotHeader, reason, line)
	}
	if h.fieldsLeft == 0 {
		return h.tooManyFields()
	}
	h.fieldsLeft--
	name, value := line[:nameEnd], trimBlanks(line[nameEnd+1:])
	if equalFold(name, "status") {
		return h.takeStatus(value)
	}
	start := len(h.text)
	h.text = appendCanonical(h.text, name)
	h.text = append(h.text, value...)
	h.fields = append(h.fields, field{start, start + nameEnd, len(h.text)})
	return nil
}

// header gives the fields as strings; all of them share one allocation, and so do the value slices.
func (h *head) header() http.Header {
	text := string(h.text)
	header := make(http.Header, len(h.fields))
	values := make([]string, len(h.fields))
	for i, f := range h.fields {
		key := text[f.name:f.value]
		values[i] = text[f.value:f.end]
		if earlier, ok := header[key]; ok {
			header[key] = append(earlier, values[i])
			continue
		}
		header[key] = values[i : i+1 : i+1]
	}
	return header
}

// isStatusLine says whether a first line is meant as an HTTP status line: no header field can look so.
func isStatusLine(line []byte) bool { return strings.HasPrefix(string(line), "HTTP/") }

func (h *head) takeStatusLine(line []byte) error {
	if reason := badBytes(line); reason != "" {
		return h.fault(NotHeader, reason, line)
	}
	i := len("HTTP/")
	for i < len(line) && (isDigit(line[i]) || line[i] == '.') {
		i++
	}
	if i == len("HTTP/") || i == len(line) || line[i] != ' ' {
		return h.fault(BadStatus, "the HTTP status line is not of the form HTTP/1.1 200 OK", line)
	}
	h.statusLine = true
	return h.setStatus(trimBlanks(line[i:]), line)
}

func (h *head) takeStatus(value []byte) error {
	if h.statusSeen {
		return h.fault(BadStatus, "a second Status field", value)
	}
	h.statusSeen = true
	was := h.status
	if err := h.setStatus(value, value); err != nil {
		return err
	}
	if h.statusLine && h.status != was {
		return h.fault(BadStatus, "the Status field contradicts the HTTP status line", value)
	}
	return nil
}

// setStatus takes "404" or "404 any words".
func (h *head) setStatus(s, sample []byte) error {
	status := 0
	for i := range min(3, len(s)) {
		if !isDigit(s[i]) {
			return h.fault(BadStatus, "the status is not a number of three digits", sample)
		}
		status = status*10 + int(s[i]-'0')
	}
	switch {
	case len(s) < 3 || len(s) > 3 && s[3] != ' ' && s[3] != '\t':
		return h.fault(BadStatus, "the status is not a number of three digits", sample)
	case status < 100 || status > 599:
		return h.fault(BadStatus, "the status is not between 200 and 599", sample)
	case status == http.StatusSwitchingProtocols:
		return h.fault(BadStatus, "a program cannot switch protocols with status 101", sample)
	}
	h.status = status
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
