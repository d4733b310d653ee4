package cgispec

import "strings"

// accident is a way in which answers come out wrong that the first bytes of a bad line give away.
type accident struct {
	prefix string
	hint   string
}

const (
	hintHeaderFirst = "print a header such as \"Content-Type: text/html\" and an empty line before anything else"
	hintFinal       = "print a final header, with a status between 200 and 599 or none, after the interim one"
	hintEmptyLine   = "print an empty line between the header and the page"
)

// accidents are looked for in this order, without regard to case.
func accidents() []accident {
	return []accident{
		{"\xef\xbb\xbf", "the answer begins with a byte order mark: save the program (and what it includes) as UTF-8 without BOM"},
		{"\xff\xfe", "the answer begins with a UTF-16 byte order mark: save the program as UTF-8 without BOM"},
		{"\xfe\xff", "the answer begins with a UTF-16 byte order mark: save the program as UTF-8 without BOM"},
		{"#!", "the program printed a script instead of running it: check the interpreter"},
		{"<?php", "the program printed PHP source: run it with php-cgi, not php or cat"},
		{"traceback (most recent call last)", "a Python exception was printed before the header: run the program by hand to see all of it"},
		{"php fatal error", "PHP failed before it printed a header: read the message in the line"},
		{"php parse error", "PHP failed before it printed a header: read the message in the line"},
		{"php warning", "PHP printed a message before the header: turn display_errors off"},
		{"php notice", "PHP printed a message before the header: turn display_errors off"},
		{"php deprecated", "PHP printed a message before the header: turn display_errors off"},
		{"-e ", "sh's echo knows no -e and prints it: use printf"},
		{"-n ", "sh's echo knows no -n and prints it: use printf"},
		{"\x7felf", "the program printed a binary file: it seems to print a program instead of running it"},
		{"\x1f\x8b", "the program printed compressed data without a header: " + hintHeaderFirst},
		{"\x89png", "the program printed an image without a header: print \"Content-Type: image/png\" and an empty line before it"},
		{"\xff\xd8\xff", "the program printed an image without a header: print \"Content-Type: image/jpeg\" and an empty line before it"},
		{"gif8", "the program printed an image without a header: print \"Content-Type: image/gif\" and an empty line before it"},
		{"%pdf", "the program printed a PDF without a header: print \"Content-Type: application/pdf\" and an empty line before it"},
	}
}

// Hint says in one sentence what is likely to be wrong with the program and what to do; "" when there is no telling.
func (e *ResponseError) Hint() string {
	switch e.Kind {
	case NoOutput:
		return "the program has to print a header and an empty line at least; what it wrote to stderr may say why it did not"
	case CutShort:
		return "the header has to end in an empty line; print one after the last header line"
	case OnlyInterim:
		return hintFinal
	case TooBig:
		return "raise max_header if the program needs so much; otherwise an empty line after the header is missing"
	case TooManyFields:
		return "an empty line between header and body seems to be missing"
	case BadStatus:
		return "print one status between 200 and 599, for example \"Status: 404 Not Found\""
	case BadField:
		return "print each of Content-Length, Content-Type and Location at most once; without Content-Length the gateway finds the length itself"
	case NotHeader:
		return e.lineHint()
	}
	return ""
}

func (e *ResponseError) lineHint() string {
	const typeName = "content-type"
	for _, a := range accidents() {
		if n := len(a.prefix); n <= len(e.Sample) && equalFold(e.Sample[:n], a.prefix) {
			return a.hint
		}
	}
	switch {
	case e.interim != 0:
		return hintFinal
	case e.backslash:
		return "the line before ends in a backslash and an n, which this shell's echo does not turn into a line end: use printf"
	case len(e.Sample) == 0:
		return "an empty line came before the header, often from a blank line at the top of a script or an included file"
	case strings.Contains(e.Reason, "no colon") && len(e.Sample) >= len(typeName) && equalFold(e.Sample[:len(typeName)], typeName):
		return "the Content-Type line needs a colon after the name: \"Content-Type: text/html\""
	case strings.Contains(e.Reason, "a blank before the colon"):
		return "write the colon directly after the name of the field: \"Content-Type: text/html\""
	case strings.Contains(e.Reason, "folded"):
		return "print each header field on one line, and no blanks in the empty line after the header"
	case strings.Contains(e.Reason, "carriage return"):
		return "lines end in LF or CRLF; a CR alone or two in a row come from printing \\r\\n in text mode"
	case e.Line > 1:
		return hintEmptyLine
	}
	return hintHeaderFirst
}
