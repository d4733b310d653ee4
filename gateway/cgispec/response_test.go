package cgispec

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// reading gives s to ReadResponse and says in one string all that came out: status, length, header, body, or the error.
func reading(r io.Reader, size int, opt ResponseOptions) (string, error) {
	var early strings.Builder
	opt.Early = func(status int, h http.Header) { fmt.Fprintf(&early, "early %d%s\n", status, headerText(h)) }
	br := bufio.NewReaderSize(r, size)
	resp, err := ReadResponse(br, opt)
	if err != nil {
		return early.String(), err
	}
	body, err := io.ReadAll(br)
	return early.String() + fmt.Sprintf("%d %d%s\n%s", resp.StatusCode, resp.ContentLength, headerText(resp.Header), body), err
}

// headerText is the fields sorted by name, the values in their order.
func headerText(h http.Header) string {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, " %s=%q", name, h[name])
	}
	return b.String()
}

func TestReadResponse(t *testing.T) {
	tests := []struct{ name, answer, want string }{
		{"plain", "Content-Type: text/plain\r\n\r\nbody\r\n", `200 -1 Content-Type=["text/plain"]` + "\nbody\r\n"},
		{"LF", "Status: 200 OK\n\nbody", "200 -1\nbody"},
		{"mixed line ends", "Status: 201 x\r\nA: b\n\r\nbody", `201 -1 A=["b"]` + "\nbody"},
		{"mixed line ends, the other way", "Status: 201 x\nA: b\r\n\nbody", `201 -1 A=["b"]` + "\nbody"},
		{"odd blanks after Location", "Location: http://h/\r\n\n\n", `302 -1 Location=["http://h/"]` + "\n\n"},
		{"body that begins with a line end", "A: b\n\n\r\nbody", `200 -1 A=["b"]` + "\n\r\nbody"},

		{"Status without reason", "Status: 404\n\n", "404 -1\n"},
		{"own text", "Status: 418 I am a teapot\n\nx", "418 -1\nx"},
		{"unknown code", "Status: 299 Odd\n\n", "299 -1\n"},
		{"last code", "Status: 599\n\n", "599 -1\n"},
		{"case and no blank", "sTaTuS:404\n\n", "404 -1\n"},
		{"blanks", "Status:   404  \n\n", "404 -1\n"},
		{"tab before the reason", "Status: 404\tNo\n\n", "404 -1\n"},
		{"Status after other fields", "A: b\nStatus: 500\nC: d\n\n", `500 -1 A=["b"] C=["d"]` + "\n"},
		{"obs-text in the reason", "Status: 200 \xc3\xa9\n\n", "200 -1\n"},

		{"HTTP status line", "HTTP/1.1 404 Not Found\nA: b\n\nx", `404 -1 A=["b"]` + "\nx"},
		{"HTTP/1.0, no reason", "HTTP/1.0 299\r\n\r\n", "299 -1\n"},
		{"HTTP/2", "HTTP/2 204\n\n", "204 -1\n"},
		{"HTTP status line with a colon", "HTTP/1.1 200 Fine: yes\n\n", "200 -1\n"},
		{"HTTP status line and the same Status", "HTTP/1.1 404 Not Found\nStatus: 404 Nothing\n\n", "404 -1\n"},
		{"HTTP status line and Location", "HTTP/1.1 200 OK\nLocation: /x\n\n", `200 -1 Location=["/x"]` + "\n"},

		{"100 and 102 before the final head", strings.Repeat("HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n", 50) + "HTTP/1.1 200 OK\nA: b\n\nx", `200 -1 A=["b"]` + "\nx"},
		{"103", "Status: 103\nLink: </a>\nLink: </b>\nConnection: close\n\nContent-Type: a/b\n\nx", `early 103 Link=["</a>" "</b>"]` + "\n" + `200 -1 Content-Type=["a/b"]` + "\nx"},
		{"several 103", "HTTP/1.1 103 Early Hints\nLink: </a>\n\nHTTP/1.1 103\nLink: </b>\n\nHTTP/1.1 200 OK\nA: b\n\n", `early 103 Link=["</a>"]` + "\n" + `early 103 Link=["</b>"]` + "\n" + `200 -1 A=["b"]` + "\n"},

		{"no Content-Type, no Status, no Location", "X-Only: 1\n\n<p>", `200 -1 X-Only=["1"]` + "\n<p>"},
		{"absolute Location", "Location: http://h/x#f\n\n", `302 -1 Location=["http://h/x#f"]` + "\n"},
		{"local Location", "Location: /plain.txt?a=b\n\nignored", `0 -1 Location=["/plain.txt?a=b"]` + "\nignored"},
		{"Location names another host", "Location: //h/x\n\n", `302 -1 Location=["//h/x"]` + "\n"},
		{"Location with a fragment", "Location: /x?a=b#f\n\n", `302 -1 Location=["/x?a=b#f"]` + "\n"},
		{"relative Location", "Location: adminer.php?x\n\n", `302 -1 Location=["adminer.php?x"]` + "\n"},
		{"Location with Status", "Status: 307\nLocation: /x\n\n", `307 -1 Location=["/x"]` + "\n"},
		{"Status after Location", "Location: /x\nStatus: 303\n\n", `303 -1 Location=["/x"]` + "\n"},
		{"created", "Status: 201\nLocation: /new\n\nmade", `201 -1 Location=["/new"]` + "\nmade"},
		{"the same Location twice", "Location: /x\nlocation: /x\n\n", `0 -1 Location=["/x"]` + "\n"},
		{"the same Content-Type twice", "Content-Type: a/b\ncontent-type: a/b\n\n", `200 -1 Content-Type=["a/b"]` + "\n"},

		{"length", "Content-Length: 8\n\n12345678901234567890", "200 8\n12345678901234567890"},
		{"length 0", "Content-Length: 0\n\nNOT-THIS", "200 0\nNOT-THIS"},
		{"length twice", "Content-Length: 5\nCONTENT-LENGTH: 5\n\n", "200 5\n"},
		{"length with zeros", "Content-Length: 005\n\n", "200 5\n"},
		{"greatest length", "Content-Length: 9223372036854775807\n\n", "200 9223372036854775807\n"},

		{"cookies", "Set-Cookie: a=1; Path=/\nset-cookie: b=\"2 ,;\"\nX: y\nSET-COOKIE: a=1; Path=/\n\n", `200 -1 Set-Cookie=["a=1; Path=/" "b=\"2 ,;\"" "a=1; Path=/"] X=["y"]` + "\n"},
		{"obs-text", "X: \xc3\xbc\xff\x80\n\n", `200 -1 X=["ü\xff\x80"]` + "\n"},
		{"blanks around a value", "X: \t a \t b \t\nY:\nZ: \n\n", `200 -1 X=["a \t b"] Y=[""] Z=[""]` + "\n"},
		{"all token characters", "x!#$%&'*+-.^_`|~09aZ: 1\n\n", "200 -1 X!#$%&'*+-.^_`|~09az=[\"1\"]\n"},
		{"names that are not written as usual", "x_foo-bar: 1\nETAG: 2\nwww-AUTHENTICATE: 3\n-a-: 4\n\n", `200 -1 -A-=["4"] Etag=["2"] Www-Authenticate=["3"] X_foo-Bar=["1"]` + "\n"},
		{"Date and Server", "Date: then\nServer: mine\nA: b\n\n", `200 -1 A=["b"] Date=["then"] Server=["mine"]` + "\n"},
		{"ranges and validators", "Status: 206\nContent-Range: bytes 0-1/2\nLast-Modified: x\nETag: \"y\"\n\n", `206 -1 Content-Range=["bytes 0-1/2"] Etag=["\"y\""] Last-Modified=["x"]` + "\n"},
		{"hop-by-hop", "Connection: X-Hop, close\nconnection: keep-alive,,y-hop\nX-Hop: 1\nY-Hop: 2\nKeep-Alive: 3\nUpgrade: 4\nTrailer: 5\nTE: 6\nProxy-Connection: 7\nA: b\n\n", `200 -1 A=["b"]` + "\n"},
		{"Transfer-Encoding", "Transfer-Encoding: chunked\nA: b\n\n5\r\nhello\r\n0\r\n\r\n", `200 -1 A=["b"]` + "\n5\r\nhello\r\n0\r\n\r\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := reading(strings.NewReader(test.answer), 4096, ResponseOptions{})
			if err != nil || got != test.want {
				t.Errorf("got %s (%v)\nwant %s", got, err, test.want)
			}
			bytewise, err := reading(iotest.OneByteReader(strings.NewReader(test.answer)), 16, ResponseOptions{})
			if err != nil || bytewise != got {
				t.Errorf("byte by byte %s (%v)\nwant %s", bytewise, err, got)
			}
		})
	}
}

func TestReadResponseFaults(t *testing.T) {
	tests := []struct {
		name, answer string
		kind         FaultKind
		text         string // of the error
		hint         string // part of the hint
	}{
		{"nothing", "", NoOutput, `the program ended without any output`, "stderr"},
		{"no empty line", "Content-Type: x\r\n", CutShort, `line 2 of the answer: the program's output ended inside the head, before an empty line`, "empty line"},
		{"no line end", "Content-Type: x", CutShort, `line 1 of the answer: the program's output ended inside the head, before an empty line: "Content-Type: x"`, "empty line"},
		{"killed in a name", "A: b\nConte", CutShort, `line 2 of the answer: the program's output ended inside the head, before an empty line: "Conte"`, "empty line"},
		{"half a line end", "A: b\r\n\r", CutShort, `line 2 of the answer: the program's output ended inside the head, before an empty line: "\r"`, "empty line"},
		{"empty line first", "\nContent-Type: x\n\n", NotHeader, `line 1 of the answer: empty, where a header has to come first`, "top of a script"},
		{"text", "hello\n", NotHeader, `line 1 of the answer: not a header line: it has no colon: "hello"`, "Content-Type: text/html"},
		{"text without line end", "hello world", NotHeader, `line 1 of the answer: not a header line: it has no colon: "hello world"`, "Content-Type: text/html"},
		{"text after a header", "A: b\nhello\n", NotHeader, `line 2 of the answer: not a header line: it has no colon: "hello"`, "empty line between"},
		{"empty name", ": x\n\n", NotHeader, `line 1 of the answer: a header line without a name: ": x"`, ""},
		{"blank in a name", "X Y: 1\n\n", NotHeader, `line 1 of the answer: not a header line: what stands before the colon is not a field name: "X Y: 1"`, ""},
		{"blank before the colon", "X-Sp : 1\n\n", NotHeader, `line 1 of the answer: a header line with a blank before the colon: "X-Sp : 1"`, ""},
		{"obs-text in a name", "\xc3\xbc: 1\n\n", NotHeader, `line 1 of the answer: not a header line: what stands before the colon is not a field name: "\u00fc: 1"`, ""},
		{"NUL in a name", "X\x00: 1\n\n", NotHeader, `line 1 of the answer: not a header line: what stands before the colon is not a field name: "X\x00: 1"`, ""},
		{"NUL", "X: a\x00b\n\n", NotHeader, `line 1 of the answer: a NUL byte in a header line: "X: a\x00b"`, ""},
		{"CR", "X: a\rb\n\n", NotHeader, `line 1 of the answer: a carriage return inside a header line: "X: a\rb"`, "LF or CRLF"},
		{"two CR", "X: a\r\r\n\n", NotHeader, `line 1 of the answer: a carriage return inside a header line: "X: a\r"`, "LF or CRLF"},
		{"BEL", "X: a\x07b\n\n", NotHeader, `line 1 of the answer: a control character in a header line: "X: a\ab"`, ""},
		{"DEL", "X: a\x7f\n\n", NotHeader, `line 1 of the answer: a control character in a header line: "X: a\x7f"`, ""},
		{"control in an HTTP status line", "HTTP/1.1 200 O\x0bK\n\n", NotHeader, `line 1 of the answer: a control character in a header line: "HTTP/1.1 200 O\vK"`, ""},
		{"folded", "X: a\n b\n\n", NotHeader, `line 2 of the answer: begins with a blank, and folded header lines are not taken: " b"`, "on one line"},
		{"folded with a tab", "X: a\n\tb: c\n\n", NotHeader, `line 2 of the answer: begins with a blank, and folded header lines are not taken: "\tb: c"`, "on one line"},
		{"blanks for an empty line", "X: a\n \nbody", NotHeader, `line 2 of the answer: begins with a blank, and folded header lines are not taken: " "`, "no blanks in the empty line"},
		{"HTTP status line too late", "A: b\nHTTP/1.1 200 OK\n\n", NotHeader, `line 2 of the answer: not a header line: it has no colon: "HTTP/1.1 200 OK"`, ""},
		{"long line", strings.Repeat("x y ", 100) + "\n", NotHeader, `line 1 of the answer: not a header line: it has no colon: "` + strings.Repeat("x y ", 20) + `"...`, ""},

		{"two Status", "Status: 200\nStatus: 404\n\n", BadStatus, `line 2 of the answer: a second Status field: "404"`, "one status"},
		{"the same Status twice", "Status: 200\nStatus: 200\n\n", BadStatus, `line 2 of the answer: a second Status field: "200"`, "one status"},
		{"Status against the status line", "HTTP/1.1 200 OK\nStatus: 404\n\n", BadStatus, `line 2 of the answer: the Status field contradicts the HTTP status line: "404"`, ""},
		{"101", "Status: 101\nUpgrade: x\n\n", BadStatus, `line 1 of the answer: a program cannot switch protocols with status 101: "101"`, ""},
		{"101 as a status line", "HTTP/1.1 101 Switching Protocols\n\n", BadStatus, `line 1 of the answer: a program cannot switch protocols with status 101: "HTTP/1.1 101 Switching Protocols"`, ""},
		{"only interim", "Status: 103\nLink: x\n\n", OnlyInterim, `the program ended after an interim answer, without a final one (after an interim head with status 103)`, "final header"},
		{"interim and a body", "Status: 150\n\nbody text\n", NotHeader, `line 3 of the answer: not a header line: it has no colon: "body text" (after an interim head with status 150)`, "final header"},
		{"bad status line", "HTTP/x 200 OK\n\n", BadStatus, `line 1 of the answer: the HTTP status line is not of the form HTTP/1.1 200 OK: "HTTP/x 200 OK"`, ""},
		{"status line without a blank", "HTTP/1.1_200 OK\n\n", BadStatus, `line 1 of the answer: the HTTP status line is not of the form HTTP/1.1 200 OK: "HTTP/1.1_200 OK"`, ""},
		{"status line without status", "HTTP/1.1\n\n", BadStatus, `line 1 of the answer: the HTTP status line is not of the form HTTP/1.1 200 OK: "HTTP/1.1"`, ""},
		{"status line with a bad status", "HTTP/1.1 1000 OK\n\n", BadStatus, `line 1 of the answer: the status is not a number of three digits: "HTTP/1.1 1000 OK"`, ""},

		{"two lengths", "Content-Length: 5\nContent-Length: 6\n\n", BadField, `two different Content-Length fields: "5 / 6"`, "at most once"},
		{"two Locations", "Location: /a\nLocation: /b\n\n", BadField, `two different Location fields: "/a / /b"`, "at most once"},
		{"two Locations with Status", "Status: 302\nLocation: /a\nLocation: /b\n\n", BadField, `two different Location fields: "/a / /b"`, "at most once"},
		{"empty Location", "Location:\n\n", BadField, `the Location is empty`, ""},
		{"two Content-Types", "Content-Type: a/b\nContent-Type: c/d\n\n", BadField, `two different Content-Type fields: "a/b / c/d"`, "at most once"},
	}
	for _, status := range []string{"30", "abc", "", "-1", "0", "1000", "+200", "2OO", "200OK", "0200", "20 0", "\xb2\xb2\xb2"} {
		tests = append(tests, struct {
			name, answer string
			kind         FaultKind
			text, hint   string
		}{"Status " + status, "Status: " + status + "\n\n", BadStatus, "", "between 200 and 599"})
	}
	for _, status := range []string{"099", "600", "999", "000"} {
		tests = append(tests, struct {
			name, answer string
			kind         FaultKind
			text, hint   string
		}{"Status " + status, "Status: " + status + "\n\n", BadStatus, `line 1 of the answer: the status is not between 200 and 599: "` + status + `"`, ""})
	}
	for _, length := range []string{"-1", "abc", "5x", "+5", "0x5", "5,5", "5 5", "5, 5", "", "18446744073709551617", "9223372036854775808", "1_0", "\xd9\xa5"} {
		tests = append(tests, struct {
			name, answer string
			kind         FaultKind
			text, hint   string
		}{"length " + length, "Content-Length: " + length + "\n\n", BadField, "", "at most once"})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := reading(strings.NewReader(test.answer), 4096, ResponseOptions{})
			var fault *ResponseError
			if !errors.As(err, &fault) {
				t.Fatalf("error %v, want a ResponseError", err)
			}
			if fault.Kind != test.kind || test.text != "" && err.Error() != test.text {
				t.Errorf("kind %d, %s\nwant %d, %s", fault.Kind, err, test.kind, test.text)
			}
			if hint := fault.Hint(); hint == "" || !strings.Contains(hint, test.hint) {
				t.Errorf("hint %q, want one with %q", hint, test.hint)
			}
			_, bytewise := reading(iotest.OneByteReader(strings.NewReader(test.answer)), 16, ResponseOptions{})
			if bytewise == nil || bytewise.Error() != err.Error() {
				t.Errorf("byte by byte: %v\nwant %v", bytewise, err)
			}
		})
	}
}

// Wherever it stands, a byte that is no tchar makes a name none, and a control makes a value none.
func TestEveryByteOfALine(t *testing.T) {
	for c := range 256 {
		b := string([]byte{byte(c)})
		for i, line := range []string{b + "am: x", "n" + b + "m: x", "na" + b + ": x", "name: " + b + "x", "name: x" + b + "x", "name: xx" + b} {
			_, err := reading(strings.NewReader("A: b\n"+line+"\n\n"), 4096, ResponseOptions{})
			want := slowField.MatchString(latin1([]byte(strings.TrimSuffix(line, "\r"))))
			if c == '\n' {
				want = i == 0 || i == 5 // it ends the head, or the line
			}
			if want != (err == nil) {
				t.Errorf("%q: %v, valid: %t", line, err, want)
			}
		}
	}
}

func TestEveryInterimStatusNeedsAFinalOne(t *testing.T) {
	for status := 100; status <= 199; status++ {
		_, err := reading(strings.NewReader(fmt.Sprintf("Status: %d\n\n", status)), 4096, ResponseOptions{})
		want := OnlyInterim
		if status == 101 {
			want = BadStatus
		}
		var fault *ResponseError
		if !errors.As(err, &fault) || fault.Kind != want {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestHints(t *testing.T) {
	tests := []struct{ answer, hint string }{
		{"\xef\xbb\xbfContent-Type: text/html\n\n", "byte order mark"},
		{"\xff\xfeC\x00o\x00", "UTF-16"},
		{"#!/usr/bin/perl\nprint", "printed a script instead of running it"},
		{"<?php echo 1;\n", "php-cgi"},
		{"<!DOCTYPE html>\n<p>", "before anything else"},
		{"<html>\n", "before anything else"},
		{"Content-Type: text/html\n<html>\n", "print an empty line between the header and the page"},
		{"Content-Type: text/html\n{\"a\": 1}\n", "print an empty line between the header and the page"},
		{`Content-Type: text/html\n\n` + "\n<html>\n", "use printf"},
		{"-e Content-Type: text/html\n\n", "echo knows no -e"},
		{"Content-Type text/html\n\n", "needs a colon"},
		{"Content-Type : text/html\n\n", "directly after the name"},
		{"Content-Type: text/html\r\r", "a CR alone"},
		{"Traceback (most recent call last):\n  File", "Python exception"},
		{"PHP Fatal error:  Uncaught Error in x.php:1\n", "PHP failed"},
		{"PHP Warning:  Undefined variable $x in x.php on line 3\n", "display_errors"},
		{"\x7fELF\x02\x01\n", "binary file"},
		{"\x89PNG\r\n\x1a\n", "image/png"},
		{"%PDF-1.7\n", "application/pdf"},
	}
	for _, test := range tests {
		_, err := reading(strings.NewReader(test.answer), 4096, ResponseOptions{})
		var fault *ResponseError
		if !errors.As(err, &fault) || fault.Kind != NotHeader || !strings.Contains(fault.Hint(), test.hint) {
			t.Errorf("%q: %v, %q; want a hint with %q", test.answer, err, fault.Hint(), test.hint)
		}
	}
}

func TestReadResponseLimits(t *testing.T) {
	field := "X-Long: " + strings.Repeat("v", 84) + "\r\n" // 94 bytes
	fits := strings.Repeat(field, 3) + "\r\n"
	for _, size := range []int{16, 100, 4096} {
		opt := ResponseOptions{MaxHeader: int64(len(fits)), MaxFields: 3}
		if _, err := reading(strings.NewReader(fits+"body"), size, opt); err != nil {
			t.Errorf("buffer %d: at the limit: %v", size, err)
		}
		opt.MaxHeader--
		checkKind(t, fits, size, opt, TooBig)
		checkKind(t, field+field+"Y: "+strings.Repeat("v", 1000), size, opt, TooBig)
		checkKind(t, strings.Repeat("no line end ", 100), size, opt, TooBig)
		checkKind(t, strings.Repeat("HTTP/1.1 100 Continue\n\n", 1000), size, opt, TooBig)
		opt = ResponseOptions{MaxFields: 2}
		checkKind(t, fits, size, opt, TooManyFields)
		checkKind(t, "Status: 103\nA: b\n\nC: d\n\n", size, opt, TooManyFields)
	}
	whole := strings.Repeat("A: b\n", DefaultMaxFields) + "\n"
	if _, err := reading(strings.NewReader(whole), 4096, ResponseOptions{}); err != nil {
		t.Errorf("%d fields: %v", DefaultMaxFields, err)
	}
	checkKind(t, "A: b\n"+whole, 4096, ResponseOptions{}, TooManyFields)
	long := "A: " + strings.Repeat("b", DefaultMaxHeader-5) + "\n\n"
	if _, err := reading(strings.NewReader(long), 4096, ResponseOptions{}); err != nil {
		t.Errorf("%d bytes: %v", len(long), err)
	}
	checkKind(t, "A"+long, 4096, ResponseOptions{}, TooBig)
}

// A program that never ends its line is stopped at the limit, whatever the size of the buffer.
func TestReadResponseStopsAtTheLimit(t *testing.T) {
	for _, size := range []int{16, 100, 4096} {
		endless := strings.NewReader(strings.Repeat("A: b\n", 7) + strings.Repeat("x", 1<<20))
		_, err := reading(endless, size, ResponseOptions{MaxHeader: 40})
		want := `line 8 of the answer: the head is longer than 40 bytes: "xxxxx"`
		if err == nil || err.Error() != want {
			t.Errorf("buffer %d: %v\nwant %s", size, err, want)
		}
		if taken := 1<<20 + 35 - endless.Len(); taken > 40+2*size {
			t.Errorf("buffer %d: %d bytes taken", size, taken)
		}
	}
}

func checkKind(t *testing.T, answer string, size int, opt ResponseOptions, want FaultKind) {
	t.Helper()
	_, err := reading(strings.NewReader(answer), size, opt)
	var fault *ResponseError
	if !errors.As(err, &fault) || fault.Kind != want || fault.Hint() == "" {
		t.Errorf("buffer %d: %v, want kind %d with a hint", size, err, want)
	}
}

func TestReadResponseReadError(t *testing.T) {
	broken := errors.New("broken pipe")
	for _, before := range []string{"", "A: b\n", "A: b\nno colon"} {
		r := io.MultiReader(strings.NewReader(before), iotest.ErrReader(broken))
		_, err := reading(r, 16, ResponseOptions{})
		var fault *ResponseError
		if !errors.As(err, &fault) || fault.Kind != ReadFailed || !errors.Is(err, broken) {
			t.Errorf("after %q: %v", before, err)
		}
	}
}

// A head that cannot be one is refused at its first bad line, not when the program ends: it may never end.
func TestReadResponseDoesNotWait(t *testing.T) {
	pr, pw := io.Pipe()
	defer pr.Close()
	go func() {
		io.WriteString(pw, "Content-Type: text/html\n<html>\n") // and stays open
	}()
	if _, err := ReadResponse(bufio.NewReader(pr), ResponseOptions{}); err == nil {
		t.Error("no error")
	}
}

// Early comes as soon as its head is complete, before the final one is there.
func TestEarlyComesEarly(t *testing.T) {
	pr, pw := io.Pipe()
	called := make(chan struct{})
	go func() {
		io.WriteString(pw, "Status: 103\nLink: x\n\n")
		<-called
		io.WriteString(pw, "Status: 204\n\n")
		pw.Close()
	}()
	resp, err := ReadResponse(bufio.NewReader(pr), ResponseOptions{Early: func(int, http.Header) { close(called) }})
	if err != nil || resp.StatusCode != 204 {
		t.Errorf("%v %v", resp, err)
	}
}

func TestResponseText(t *testing.T) {
	for answer, want := range map[string]string{"Status: 404 x": "404 Not Found", "Status: 299": "299", "Location: /x": ""} {
		resp, err := ReadResponse(bufio.NewReader(strings.NewReader(answer+"\n\n")), ResponseOptions{})
		if err != nil || resp.Status != want || resp.Body != nil {
			t.Errorf("%q: %v %v, want %q", answer, resp, err, want)
		}
	}
}

const pageHead = "Status: 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\nX-Powered-By: PHP/8.4.1\r\nExpires: Thu, 19 Nov 1981 08:52:00 GMT\r\n" +
	"Cache-Control: no-store, no-cache, must-revalidate\r\nPragma: no-cache\r\nSet-Cookie: PHPSESSID=0123456789; path=/\r\nSet-Cookie: theme=dark; path=/\r\nContent-Length: 5\r\n\r\n"

func TestReadResponseAllocations(t *testing.T) {
	r := strings.NewReader("")
	br := bufio.NewReader(r)
	const ceiling = 9
	n := testing.AllocsPerRun(100, func() {
		r.Reset(pageHead)
		br.Reset(r)
		if _, err := ReadResponse(br, ResponseOptions{}); err != nil {
			t.Fatal(err)
		}
	})
	if n > ceiling {
		t.Errorf("%v allocations, want at most %d", n, ceiling)
	}
}

func BenchmarkReadResponse(b *testing.B) {
	r := strings.NewReader("")
	br := bufio.NewReader(r)
	b.ReportAllocs()
	b.SetBytes(int64(len(pageHead)))
	for b.Loop() {
		r.Reset(pageHead)
		br.Reset(r)
		if _, err := ReadResponse(br, ResponseOptions{}); err != nil {
			b.Fatal(err)
		}
	}
}
