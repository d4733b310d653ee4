package cgispec

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
)

// Small limits, so that inputs of ordinary size reach them.
const fuzzMaxHeader, fuzzMaxFields = 300, 6

var (
	slowHead     = regexp.MustCompile(`(?s)^((?:[^\n]+?\r?\n)+)\r?\n`)
	slowField    = regexp.MustCompile("^([!#$%&'*+\\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[\t\\x20-\\x7e\\x80-\\xff]*[^ \t\\x00-\\x1f\\x7f])?)[ \t]*$")
	slowHTTP     = regexp.MustCompile("^HTTP/[0-9.]+ [ \t]*([0-9]{3})(?:[ \t][\t\\x20-\\x7e\\x80-\\xff]*)?$")
	slowStatus   = regexp.MustCompile("^([0-9]{3})(?:[ \t].*)?$")
	slowDigits   = regexp.MustCompile(`^[0-9]+$`)
	slowHop      = regexp.MustCompile(`(?i)^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length|status)$`)
	greatestSize = big.NewInt(1<<63 - 1)
)

// latin1 makes each byte a character, so that regular expressions match bytes.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}

func unlatin1(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

// slowReading is reading by other means: the whole answer at once, through regular expressions. ok is false for what is
// no valid answer.
func slowReading(answer []byte) (got string, ok bool) {
	rest := latin1(answer)
	early := ""
	fields, bytesUsed := 0, 0
	for {
		var lines []string
		for {
			line, after, found := strings.Cut(rest, "\n")
			bytesUsed += len([]rune(line)) + 1
			if !found || bytesUsed > fuzzMaxHeader {
				return early, false
			}
			rest = after
			line = strings.TrimSuffix(line, "\r")
			if line == "" {
				break
			}
			lines = append(lines, line)
		}
		if len(lines) == 0 {
			return early, false
		}
		status, header, length, valid := slowBlock(lines, &fields)
		switch {
		case !valid:
			return early, false
		case status == 103:
			early += fmt.Sprintf("early 103%s\n", headerText(header))
		case status >= 100 && status < 200:
		default:
			return early + fmt.Sprintf("%d %s%s\n%s", status, length, headerText(header), unlatin1(rest)), true
		}
	}
}

func slowBlock(lines []string, fields *int) (status int, header http.Header, length string, ok bool) {
	header, length = http.Header{}, "-1"
	var statuses, lengths, connection []string
	fromLine := ""
	if m := slowHTTP.FindStringSubmatch(lines[0]); m != nil {
		fromLine, lines = m[1], lines[1:]
	}
	for _, line := range lines {
		m := slowField.FindStringSubmatch(line)
		*fields++
		if m == nil || *fields > fuzzMaxFields {
			return
		}
		value := unlatin1(m[2])
		switch strings.ToLower(m[1]) {
		case "status":
			statuses = append(statuses, m[2])
		case "content-length":
			lengths = append(lengths, value)
		case "connection":
			connection = append(connection, strings.Split(value, ",")...)
		}
		if !slowHop.MatchString(m[1]) {
			header.Add(m[1], value)
		}
	}
	for _, value := range lengths {
		n := new(big.Int)
		if !slowDigits.MatchString(value) {
			return
		}
		n.SetString(value, 10)
		if n.Cmp(greatestSize) > 0 || length != "-1" && length != n.String() {
			return
		}
		length = n.String()
	}
	for _, name := range connection {
		header.Del(strings.Trim(name, " \t"))
	}
	for _, name := range []string{"Location", "Content-Type"} {
		for _, value := range header[name] {
			if value != header[name][0] {
				return
			}
			header[name] = header[name][:1]
		}
	}
	if len(statuses) > 1 {
		return
	}
	if len(statuses) == 1 {
		m := slowStatus.FindStringSubmatch(statuses[0])
		if m == nil || fromLine != "" && m[1] != fromLine {
			return
		}
		fromLine = m[1]
	}
	if fromLine != "" {
		fmt.Sscanf(fromLine, "%d", &status)
		return status, header, length, status >= 100 && status < 600 && status != 101
	}
	location, given := header["Location"]
	switch {
	case !given:
		return 200, header, length, true
	case location[0] == "":
		return
	case strings.HasPrefix(location[0], "/") && !strings.HasPrefix(location[0], "//") && !strings.Contains(location[0], "#"):
		return StatusLocalRedirect, header, length, true
	}
	return 302, header, length, true
}

func FuzzReadResponse(f *testing.F) {
	for _, seed := range []string{
		"Content-Type: text/plain\r\n\r\nbody", "Status: 404\n\n", "Status: 404 Not Found\nLocation: /x\n\n", "HTTP/1.1 299 Odd\nStatus: 299\n\nx",
		"Status: 103\nLink: x\n\nStatus: 100\n\nStatus: 200\nA: b\n\nbody", "Location: /x\nLocation: /x\n\n", "Location: //x\n\n", "Location: /x#y\n\n", "Location: x\nConnection: Location\n\n",
		"Content-Length: 5\ncontent-length: 05\n\n12345", "Content-Length: 9223372036854775808\n\n", "X: a\n b\n\n", "X : a\n\n", ": a\n\n", "hello\n", "", "\n", "\r\n\r\n",
		"Set-Cookie: a\nSet-Cookie: b\n\n", "Connection: a, b\nA: 1\nB: 2\n\n", "A: b\nA: b\nA: b\nA: b\nA: b\nA: b\nA: b\n\n", "X: a\rb\n\n", "X: a\x00\n\n", "X:\xff \t \n\r\n\xff",
		"HTTP/1.1  200\n\n", "HTTP/1.1 200OK\n\n", "Status: 200 \x01\n\n", "Content-Type: a\nContent-Type: b\n\n",
	} {
		f.Add([]byte(seed), uint8(len(seed)))
	}
	f.Fuzz(func(t *testing.T, answer []byte, size uint8) {
		opt := ResponseOptions{MaxHeader: fuzzMaxHeader, MaxFields: fuzzMaxFields}
		got, err := reading(bytes.NewReader(answer), 4096, opt)

		for name, r := range map[string]io.Reader{
			"one byte a read": iotest.OneByteReader(bytes.NewReader(answer)),
			"half a read":     iotest.HalfReader(bytes.NewReader(answer)),
			"end with data":   iotest.DataErrReader(bytes.NewReader(answer)),
		} {
			split, splitErr := reading(r, 16+int(size), opt)
			if split != got || fmt.Sprint(splitErr) != fmt.Sprint(err) {
				t.Errorf("%s: %q %v\nwant %q %v", name, split, splitErr, got, err)
			}
		}

		want, ok := slowReading(answer)
		if ok != (err == nil) || got != want {
			t.Errorf("%q\ngot  %q %v\nwant %q, valid: %v", answer, got, err, want, ok)
		}
		if err != nil {
			checkFault(t, answer, err.(*ResponseError))
		}
	})
}

// checkFault looks at what an operator is told: clean, bounded, with something to do about it, and not plainly untrue.
func checkFault(t *testing.T, answer []byte, fault *ResponseError) {
	text, hint := fault.Error(), fault.Hint()
	for _, c := range text + hint {
		if c < ' ' || c > '~' {
			t.Errorf("%U in the error %q, %q", c, text, hint)
		}
	}
	if len(text) > 600 || len(fault.Sample) > maxSample || hint == "" {
		t.Errorf("an error of %d bytes with a sample of %d; hint %q", len(text), len(fault.Sample), hint)
	}
	lines := bytes.Count(answer, []byte("\n"))
	for untrue, is := range map[string]bool{
		"no output":        (fault.Kind == NoOutput) != (len(answer) == 0),
		"too many bytes":   fault.Kind == TooBig && len(answer) <= fuzzMaxHeader,
		"too many fields":  fault.Kind == TooManyFields && lines <= fuzzMaxFields,
		"a failed read":    fault.Kind == ReadFailed,
		"a cut head":       fault.Kind == CutShort && len(answer) > fuzzMaxHeader,
		"the number":       fault.Line > lines+1,
		"what it is about": !bytes.Contains(answer, fault.Sample) && fault.Kind != BadField, // two values in one text
	} {
		if is {
			t.Errorf("%q: the error lies about %s: %q (kind %d)", answer, untrue, text, fault.Kind)
		}
	}
}
