package loadclient

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// maxHead bounds the head of an answer.
const maxHead = 64 << 10

// answer is the head of an answer, and how its body is framed.
type answer struct {
	status  int
	header  http.Header
	length  int64 // of the body; -1: see chunked
	chunked bool  // else, without a length, the body ends with the connection
	last    bool  // the connection is not for another request
}

// readAnswer reads the next final head; interim gets the status of each 1xx before it.
func readAnswer(r *bufio.Reader, method string, interim func(status int)) (*answer, error) {
	for left := maxHead; ; {
		a, err := readHead(r, &left)
		if err != nil {
			return nil, err
		}
		if a.status >= 200 {
			return a, a.frame(method)
		}
		if a.status == http.StatusSwitchingProtocols {
			return nil, malformed("101 without an Upgrade")
		}
		interim(a.status)
	}
}

func readHead(r *bufio.Reader, left *int) (*answer, error) {
	line, err := readLine(r, left)
	if err != nil {
		return nil, closedEarly(err)
	}
	a := &answer{header: http.Header{}}
	if a.status, a.last, err = parseStatusLine(line); err != nil {
		return nil, err
	}
	for {
		line, err := readLine(r, left)
		if err != nil {
			return nil, closedEarly(err)
		}
		if line == "" {
			return a, nil
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || !isToken(name) {
			return nil, malformed("field %.60q", line)
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		a.header[name] = append(a.header[name], strings.Trim(value, " \t"))
	}
}

func parseStatusLine(line string) (status int, last bool, err error) {
	version, rest, _ := strings.Cut(line, " ")
	code, _, _ := strings.Cut(rest, " ")
	if version != "HTTP/1.1" && version != "HTTP/1.0" {
		return 0, false, malformed("status line %.60q", line)
	}
	status, err = strconv.Atoi(code)
	if err != nil || len(code) != 3 || status < 100 || status > 599 {
		return 0, false, malformed("status line %.60q", line)
	}
	return status, version == "HTTP/1.0", nil
}

// frame finds where the body ends (RFC 9112 section 6.3).
func (a *answer) frame(method string) error {
	old := a.last // HTTP/1.0 knows no codings
	a.last = old || strings.EqualFold(a.header.Get("Connection"), "close")
	lengths, codings := a.header["Content-Length"], a.header["Transfer-Encoding"]
	a.length = -1
	switch {
	case len(lengths) > 1 || len(codings) > 1 || len(lengths) > 0 && len(codings) > 0:
		return malformed("Content-Length %q beside Transfer-Encoding %q", lengths, codings)
	case len(codings) > 0 && (old || !strings.EqualFold(codings[0], "chunked")):
		return malformed("Transfer-Encoding %q", codings[0])
	case len(lengths) > 0:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return malformed("Content-Length %q", lengths[0])
		}
		a.length = int64(n)
	}
	a.chunked = len(codings) > 0
	if method == http.MethodHead || a.status == http.StatusNoContent || a.status == http.StatusNotModified {
		a.length, a.chunked = 0, false
	}
	a.last = a.last || a.length < 0 && !a.chunked
	return nil
}

// readLine reads a line that ends with CR LF, without it. left is how many bytes there may still be.
func readLine(r *bufio.Reader, left *int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if *left -= len(part); *left < 0 {
			return "", malformed("more than %d bytes of head", maxHead)
		}
		line = append(line, part...)
		if err == nil {
			break
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return "", early(err)
		}
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok || strings.ContainsFunc(text, isControl) {
		return "", malformed("line %.60q", line)
	}
	return text, nil
}

func isControl(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func malformed(format string, args ...any) error {
	return &failed{Malformed, fmt.Errorf(format, args...)}
}

// closedEarly is for an answer whose head has not come whole: there is no more of it than of one that was reset.
func closedEarly(err error) error {
	return &failed{failureOf(err, Reset), err}
}
