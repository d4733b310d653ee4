package cgispec

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// FaultKind says in what way an answer is not one.
type FaultKind int

// The kinds of ResponseError.
const (
	NoOutput      FaultKind = iota + 1 // the program's output ended before its first byte
	CutShort                           // it ended inside the head
	OnlyInterim                        // it ended after a 1xx head
	NotHeader                          // a line that is not a header line
	TooBig                             // more bytes than MaxHeader before the end of the head
	TooManyFields                      // more header fields than MaxFields
	BadStatus                          // a status that no answer can have, or two
	BadField                           // a Content-Length, Location or Content-Type that cannot be used
	ReadFailed                         // reading failed: Err says how
)

// ResponseError is an answer whose head cannot be used. Its text is for the log: what is wrong, in which line, and the
// bytes in question, escaped and bounded.
type ResponseError struct {
	Kind   FaultKind
	Reason string // what is wrong, without line and sample
	Line   int    // line of the answer, from 1; 0 when the fault lies in no single line
	Sample []byte // the first bytes in question, at most 80; may be empty
	Cut    bool   // there were more than Sample holds
	Err    error  // ReadFailed: the cause; otherwise nil

	interim   int  // status of the interim head before
	backslash bool // the field before ends in a backslash and an n
}

// maxSample bounds what of a bad line is kept for the log.
const maxSample = 80

// Error is the text for the log. It holds no control character.
func (e *ResponseError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d of the answer: ", e.Line)
	}
	b.WriteString(e.Reason)
	if len(e.Sample) > 0 {
		b.WriteString(": " + strconv.QuoteToASCII(string(e.Sample)))
		if e.Cut {
			b.WriteString("...")
		}
	}
	if e.interim != 0 {
		fmt.Fprintf(&b, " (after an interim head with status %d)", e.interim)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap gives the cause of a ReadFailed.
func (e *ResponseError) Unwrap() error { return e.Err }

// fault is an error in the line that was read last.
func (h *head) fault(kind FaultKind, reason string, sample []byte) *ResponseError {
	e := &ResponseError{Kind: kind, Reason: reason, Line: h.lines.line, interim: h.interim}
	if kind == BadField {
		e.Line = 0 // known only once the head is complete
	}
	if n := len(h.fields); n > 0 {
		e.backslash = bytes.HasSuffix(h.text[:h.fields[n-1].end], []byte(`\n`))
	}
	e.Cut = len(sample) > maxSample
	e.Sample = bytes.Clone(sample[:min(len(sample), maxSample)])
	return e
}

func (h *head) tooManyFields() *ResponseError {
	e := h.fault(TooManyFields, fmt.Sprintf("more than %d header fields", h.maxFields), nil)
	e.Line = 0
	return e
}

// ended is the error for a line that could not be read whole.
func (h *head) ended(line []byte, err error) *ResponseError {
	first := h.lines.line == 1 && len(line) == 0
	switch {
	case err == errTooBig:
		return h.fault(TooBig, fmt.Sprintf("the head is longer than %d bytes", h.lines.max), line)
	case err != io.EOF:
		e := h.fault(ReadFailed, "cannot read the answer's head", line)
		e.Line, e.Err = 0, err
		return e
	case first:
		e := h.fault(NoOutput, "the program ended without any output", nil)
		e.Line = 0
		return e
	case len(line) == 0 && h.interim != 0 && h.empty():
		e := h.fault(OnlyInterim, "the program ended after an interim answer, without a final one", nil)
		e.Line = 0
		return e
	}
	if reason := checkBeginning(line); reason != "" {
		return h.fault(NotHeader, reason, line)
	}
	return h.fault(CutShort, "the program's output ended inside the head, before an empty line", line)
}

func (h *head) empty() bool { return len(h.fields) == 0 && !h.statusSeen && !h.statusLine }

// checkBeginning says why a line without its end cannot have become a header line or a status line; "" if it can.
func checkBeginning(line []byte) (reason string) {
	line = bytes.TrimSuffix(line, []byte("\r"))
	onlyToken := true
	for _, c := range line {
		onlyToken = onlyToken && isToken(c)
	}
	if onlyToken || isStatusLine(line) {
		return ""
	}
	_, reason = checkLine(line)
	return reason
}
