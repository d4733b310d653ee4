package cgispec

import (
	"bufio"
	"bytes"
	"errors"
)

// lineReader reads lines within a bound on all of them together.
type lineReader struct {
	br   *bufio.Reader
	max  int64
	used int64
	line int    // number of the line that next returned or failed on, from 1
	long []byte // holds a line that br's buffer could not
}

var errTooBig = errors.New("too big")

// next gives the next line without its end (LF or CRLF), valid until the next call. With an error it is what there was
// of the line, within the bound.
func (r *lineReader) next() ([]byte, error) {
	r.line++
	start := r.used
	line, err := r.br.ReadSlice('\n')
	r.used += int64(len(line))
	if err == bufio.ErrBufferFull {
		r.long = r.long[:0]
		for err == bufio.ErrBufferFull && r.used <= r.max {
			r.long = append(r.long, line...)
			line, err = r.br.ReadSlice('\n')
			r.used += int64(len(line))
		}
		r.long = append(r.long, line...)
		line = r.long
	}
	if r.used > r.max {
		return line[:r.max-start], errTooBig
	}
	if err != nil {
		return line, err
	}
	line = line[:len(line)-1]
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	return line, nil
}

// checkLine finds the end of a header line's field name, or says why there is none.
func checkLine(line []byte) (nameEnd int, reason string) {
	if line[0] == ' ' || line[0] == '\t' {
		return 0, "begins with a blank, and folded header lines are not taken"
	}
	nameEnd = bytes.IndexByte(line, ':')
	switch {
	case nameEnd < 0:
		return 0, "not a header line: it has no colon"
	case nameEnd == 0:
		return 0, "a header line without a name"
	case line[nameEnd-1] == ' ' || line[nameEnd-1] == '\t':
		return 0, "a header line with a blank before the colon"
	}
	for _, c := range line[:nameEnd] {
		if !isToken(c) {
			return 0, "not a header line: what stands before the colon is not a field name"
		}
	}
	return nameEnd, badBytes(line[nameEnd:])
}

// badBytes names the first byte that may not stand in a header line (RFC 9110 section 5.5); obs-text is fine.
func badBytes(b []byte) string {
	for _, c := range b {
		switch {
		case c == 0:
			return "a NUL byte in a header line"
		case c == '\r':
			return "a carriage return inside a header line"
		case c < ' ' && c != '\t', c == 0x7f:
			return "a control character in a header line"
		}
	}
	return ""
}

// isToken is tchar of RFC 9110 section 5.6.2.
func isToken(c byte) bool {
	switch c {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~':
		return true
	}
	return isAlnum(c)
}

func trimBlanks(b []byte) []byte { return bytes.Trim(b, " \t") }

// equalFold compares bytes with a string in lower case; the case of ASCII letters, and no others, means nothing.
func equalFold(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// appendCanonical appends a field name in the form that net/http uses for keys: Like-This.
func appendCanonical(dst, name []byte) []byte {
	upper := true
	for _, c := range name {
		switch {
		case upper && 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		case !upper && 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		upper = c == '-'
		dst = append(dst, c)
	}
	return dst
}
