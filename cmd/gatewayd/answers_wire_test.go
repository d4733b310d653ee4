package main

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// asked is the request that an answer belongs to: without it nobody can tell where the answer ends.
type asked struct{ method, proto string }

// wireAnswer is one answer as it came over the wire, from its status line to its last byte.
type wireAnswer struct {
	asked
	proto, reason string
	status        int
	fields        []wireField  // in their order
	interim       []wireAnswer // the 1xx heads before it
	framing       framing
	body          string
	whole         bool // false: the connection ended before the answer did
}

type wireField struct{ name, value string }

// framing is what ends an answer.
type framing string

const (
	noContent framing = "no content"
	byLength  framing = "Content-Length"
	byChunks  framing = "chunked"
	byClose   framing = "the end of the connection"
)

// get gives the values of a field, whatever the case of its name.
func (r *wireAnswer) get(name string) (values []string) {
	for _, f := range r.fields {
		if strings.EqualFold(f.name, name) {
			values = append(values, f.value)
		}
	}
	return values
}

func (r *wireAnswer) has(name string) bool { return len(r.get(name)) > 0 }

// persists reports whether another answer may follow on the connection.
func (r *wireAnswer) persists() bool {
	said := strings.ToLower(strings.Join(r.get("Connection"), ","))
	switch {
	case !r.whole || r.framing == byClose || said == "close":
		return false
	case r.asked.proto == "HTTP/1.0":
		return said == "keep-alive"
	}
	return true
}

// wireAnswers takes apart what came over one connection on which the requests were sent, by the letter of RFC 9110 and
// RFC 9112: what some client may read differently from another is an error, and so is a byte that belongs to no answer.
// reset is how the connection ended. There may be fewer answers than requests if the last one ends the connection.
func wireAnswers(data string, reset bool, requests ...asked) (all []wireAnswer, err error) {
	for i, a := range requests {
		r := wireAnswer{asked: a}
		if data, err = r.read(data, reset); err != nil {
			return all, fmt.Errorf("answer %d: %w", i+1, err)
		}
		all = append(all, r)
		if !r.persists() {
			break
		}
	}
	if data != "" {
		return all, fmt.Errorf("%d bytes after the last answer: %.80q", len(data), data)
	}
	return all, nil
}

// read takes the answer from the beginning of data and returns what is left.
func (r *wireAnswer) read(data string, reset bool) (rest string, err error) {
	for {
		head, rest, ok := strings.Cut(data, "\r\n\r\n")
		if !ok {
			return "", nil // broken off inside the head
		}
		if err := r.readHead(head); err != nil {
			return "", fmt.Errorf("%w in the head %q", err, head)
		}
		if r.status >= 200 {
			rest, err := r.readBody(rest, reset)
			return rest, errors.Join(err, r.rules())
		}
		if err := r.interimRules(); err != nil {
			return "", err
		}
		r.interim = append(r.interim, *r)
		r.fields, data = nil, rest
	}
}

var (
	wireStatus = regexp.MustCompile(`^(HTTP/1\.[01]) ([1-5][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)$`)
	wireLine   = regexp.MustCompile("^([!#$%&'*+\\-.^_`|~0-9A-Za-z]+): ((?:[\\x21-\\x7e\\x80-\\xff](?:[\\t\\x20-\\x7e\\x80-\\xff]*[\\x21-\\x7e\\x80-\\xff])?)?)$")
	wireSize   = regexp.MustCompile(`^(?:0|[1-9][0-9]{0,18})$`)
	wireChunk  = regexp.MustCompile(`^[1-9a-f][0-9a-f]{0,7}$`)
)

// characters makes each byte a character, so that regular expressions match bytes.
func characters(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

func (r *wireAnswer) readHead(head string) error {
	lines := strings.Split(head, "\r\n")
	m := wireStatus.FindStringSubmatch(characters(lines[0]))
	if m == nil {
		return fmt.Errorf("a bad status line")
	}
	if m[1] != "HTTP/1.1" && r.asked.proto != "HTTP/1.0" {
		return fmt.Errorf("%s to a client of %s", m[1], r.asked.proto)
	}
	r.proto, r.reason = m[1], m[3]
	r.status, _ = strconv.Atoi(m[2])
	for _, line := range lines[1:] {
		if !wireLine.MatchString(characters(line)) {
			return fmt.Errorf("a bad field %q", line)
		}
		name, value, _ := strings.Cut(line, ": ")
		r.fields = append(r.fields, wireField{name, value})
	}
	return r.once()
}

// once finds fields that came twice, of those that may not.
func (r *wireAnswer) once() error {
	for _, name := range []string{"Date", "Server", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection", "Location", "Retry-After", "X-Request-Id", "X-Content-Type-Options"} {
		if values := r.get(name); len(values) > 1 {
			return fmt.Errorf("%s came %d times", name, len(values))
		}
	}
	return nil
}

// readBody finds the end of the content (RFC 9112 section 6.3).
func (r *wireAnswer) readBody(data string, reset bool) (rest string, err error) {
	length, coding := r.get("Content-Length"), r.get("Transfer-Encoding")
	switch {
	case len(length) > 0 && len(coding) > 0:
		return "", fmt.Errorf("both Content-Length and Transfer-Encoding")
	case len(length) > 0 && !wireSize.MatchString(length[0]):
		return "", fmt.Errorf("Content-Length %q", length[0])
	case len(coding) > 0 && (coding[0] != "chunked" || r.asked.proto == "HTTP/1.0"):
		return "", fmt.Errorf("Transfer-Encoding %q to %s", coding[0], r.asked.proto)
	case r.method == "HEAD" || r.status == 204 || r.status == 304:
		r.framing, r.whole = noContent, true
		return data, nil
	case len(length) > 0:
		r.framing = byLength
		n, err := strconv.ParseUint(length[0], 10, 64)
		if r.whole = err == nil && n <= uint64(len(data)); !r.whole {
			r.body = data
			return "", nil
		}
		r.body = data[:n]
		return data[n:], nil
	case len(coding) > 0:
		r.framing = byChunks
		return r.readChunks(data)
	}
	r.framing, r.body, r.whole = byClose, data, !reset
	return "", nil
}

func (r *wireAnswer) readChunks(data string) (rest string, err error) {
	for {
		size, after, ok := strings.Cut(data, "\r\n")
		switch {
		case !ok:
			return "", nil // broken off
		case size == "0" && len(after) < 2:
			return "", nil
		case size == "0" && after[:2] != "\r\n":
			return "", fmt.Errorf("a trailer: %.80q", after)
		case size == "0":
			r.whole = true
			return after[2:], nil
		case !wireChunk.MatchString(size):
			return "", fmt.Errorf("a bad chunk %.80q", size)
		}
		n, _ := strconv.ParseInt(size, 16, 64)
		if int64(len(after)) < n+2 {
			r.body += after[:min(n, int64(len(after)))]
			return "", nil
		}
		if after[n:n+2] != "\r\n" {
			return "", fmt.Errorf("a chunk of %d bytes that does not end there: %.80q", n, after[n:])
		}
		r.body, data = r.body+after[:n], after[n+2:]
	}
}

// rules checks what holds for every final answer.
func (r *wireAnswer) rules() error {
	if err := r.ownRules(); err != nil {
		return err
	}
	switch {
	case !r.has("Date"):
		return fmt.Errorf("%d without a Date", r.status)
	case r.status == 204 && (r.has("Content-Length") || r.has("Transfer-Encoding")):
		return fmt.Errorf("204 with a length")
	case r.status == 205 && r.body != "":
		return fmt.Errorf("205 with content")
	case len(r.interim) > 0 && r.asked.proto == "HTTP/1.0":
		return fmt.Errorf("an interim answer to HTTP/1.0")
	}
	return nil
}

// ownRules: who answers, when, and whether the connection goes on is said by the server alone.
func (r *wireAnswer) ownRules() error {
	for _, date := range r.get("Date") {
		if at, err := time.Parse(http.TimeFormat, date); err != nil || time.Since(at).Abs() > time.Minute {
			return fmt.Errorf("Date: %s", date)
		}
	}
	if said := r.get("Server"); len(said) > 0 && said[0] != "gatewayd" {
		return fmt.Errorf("Server: %s", said[0])
	}
	for _, name := range []string{"Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade"} {
		if r.has(name) {
			return fmt.Errorf("%s: %s", name, r.get(name)[0])
		}
	}
	if said := r.get("Connection"); len(said) > 0 && said[0] != "close" && said[0] != "keep-alive" {
		return fmt.Errorf("Connection: %s", said[0])
	}
	return nil
}

func (r *wireAnswer) interimRules() error {
	switch {
	case r.status != 103 && r.status != 100:
		return fmt.Errorf("an interim answer with status %d", r.status)
	case r.has("Content-Length") || r.has("Transfer-Encoding"):
		return fmt.Errorf("an interim answer with a length")
	}
	return r.ownRules()
}

// meaning checks what an answer's status promises. A program may break these promises; the server may not.
func (r *wireAnswer) meaning() error {
	multipart := strings.HasPrefix(strings.Join(r.get("Content-Type"), ""), "multipart/byteranges")
	switch needs := r.has; {
	case r.status == 206 && needs("Content-Range") == multipart:
		return fmt.Errorf("206 has to have Content-Range or parts, and not both")
	case r.status == 401 && !needs("WWW-Authenticate"):
		return fmt.Errorf("401 without WWW-Authenticate")
	case r.status == 405 && !needs("Allow"):
		return fmt.Errorf("405 without Allow")
	case r.status == 416 && !needs("Content-Range"):
		return fmt.Errorf("416 without Content-Range")
	case slices.Contains([]int{301, 302, 303, 307, 308}, r.status) && !needs("Location"):
		return fmt.Errorf("%d without Location", r.status)
	case slices.Contains([]int{206, 304, 416}, r.status) && r.method != "GET" && r.method != "HEAD":
		return fmt.Errorf("%d to %s", r.status, r.method)
	}
	return nil
}

// The reader is what the tests of answers rely on: it must see each of these faults.
func TestAnswerReader(t *testing.T) {
	now := "Date: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n"
	good := "HTTP/1.1 200 OK\r\n" + now + "Content-Length: 2\r\n\r\nhi"
	get, old, head := asked{"GET", "HTTP/1.1"}, asked{"GET", "HTTP/1.0"}, asked{"HEAD", "HTTP/1.1"}
	for name, test := range map[string]struct {
		data  string
		reset bool
		asked []asked
		want  string // the bodies, "broken" after one that is not whole; or part of the error
	}{
		"one":                    {good, false, []asked{get}, "hi"},
		"two":                    {good + good, false, []asked{get, get}, "hi, hi"},
		"chunks":                 {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\na\r\n0123456789\r\n0\r\n\r\n" + good, false, []asked{get, get}, "hi0123456789, hi"},
		"until the end":          {"HTTP/1.0 200 OK\r\n" + now + "\r\nhi", false, []asked{old, old}, "hi"},
		"until a reset":          {"HTTP/1.0 200 OK\r\n" + now + "\r\nhi", true, []asked{old}, "hi broken"},
		"HEAD":                   {"HTTP/1.1 200 OK\r\n" + now + "Content-Length: 9\r\n\r\n" + good, false, []asked{head, get}, ", hi"},
		"204":                    {"HTTP/1.1 204 No Content\r\n" + now + "\r\n" + good, false, []asked{get, get}, ", hi"},
		"hints":                  {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + good, false, []asked{get}, "hi"},
		"nothing":                {"", true, []asked{get}, " broken"},
		"half a head":            {"HTTP/1.1 200 OK\r\nDate:", false, []asked{get}, " broken"},
		"short":                  {"HTTP/1.1 200 OK\r\n" + now + "Content-Length: 3\r\n\r\nhi", false, []asked{get}, "hi broken"},
		"no last chunk":          {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n", false, []asked{get}, "hi broken"},
		"half a chunk":           {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n5\r\nhi", false, []asked{get}, "hi broken"},
		"half a last chunk":      {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r", false, []asked{get}, "hi broken"},
		"closes":                 {strings.Replace(good, "\r\n", "\r\nConnection: close\r\n", 1), false, []asked{get, get}, "hi"},
		"! more than asked":      {good + good, false, []asked{get}, "after the last answer"},
		"! more after close":     {strings.Replace(good, "\r\n", "\r\nConnection: close\r\n", 1) + good, false, []asked{get, get}, "after the last answer"},
		"! a body for HEAD":      {good, false, []asked{head}, "after the last answer"},
		"! a body for 204":       {"HTTP/1.1 204 No Content\r\n" + now + "\r\nhi", false, []asked{get}, "after the last answer"},
		"! a length for 204":     {"HTTP/1.1 204 No Content\r\n" + now + "Content-Length: 0\r\n\r\n", false, []asked{get}, "204 with a length"},
		"! a body for 205":       {strings.Replace(good, "200", "205", 1), false, []asked{get}, "205 with content"},
		"! status":               {strings.Replace(good, "200", "1000", 1), false, []asked{get}, "status line"},
		"! status 600":           {strings.Replace(good, "200", "600", 1), false, []asked{get}, "status line"},
		"! version":              {strings.Replace(good, "1.1", "1.0", 1), false, []asked{get}, "HTTP/1.0 to"},
		"! LF":                   {strings.Replace(good, "OK\r", "OK", 1), false, []asked{get}, "status line"},
		"! CR":                   {strings.Replace(good, "OK\r\n", "OK\r\nX: a\rb\r\n", 1), false, []asked{get}, "bad field"},
		"! NUL":                  {strings.Replace(good, "OK\r\n", "OK\r\nX: a\x00b\r\n", 1), false, []asked{get}, "bad field"},
		"! name":                 {strings.Replace(good, "OK\r\n", "OK\r\nX Y: b\r\n", 1), false, []asked{get}, "bad field"},
		"! folded":               {strings.Replace(good, "OK\r\n", "OK\r\nX: b\r\n c\r\n", 1), false, []asked{get}, "bad field"},
		"! blanks after a value": {strings.Replace(good, "OK\r\n", "OK\r\nX: b \r\n", 1), false, []asked{get}, "bad field"},
		"! two lengths":          {strings.Replace(good, "OK\r\n", "OK\r\nContent-Length: 2\r\n", 1), false, []asked{get}, "2 times"},
		"! both":                 {strings.Replace(good, "OK\r\n", "OK\r\nTransfer-Encoding: chunked\r\n", 1), false, []asked{get}, "both"},
		"! signed length":        {strings.Replace(good, ": 2", ": +2", 1), false, []asked{get}, "Content-Length"},
		"! other coding":         {strings.Replace(good, "Content-Length: 2", "Transfer-Encoding: gzip", 1), false, []asked{get}, "Transfer-Encoding"},
		"! chunks to HTTP/1.0":   {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, []asked{old}, "to HTTP/1.0"},
		"! chunk extension":      {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n2;x\r\nhi\r\n0\r\n\r\n", false, []asked{get}, "bad chunk"},
		"! chunk too long":       {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n1\r\nhi\r\n0\r\n\r\n", false, []asked{get}, "does not end there"},
		"! trailer":              {"HTTP/1.1 200 OK\r\n" + now + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", false, []asked{get}, "trailer"},
		"! no Date":              {strings.Replace(good, now, "", 1), false, []asked{get}, "without a Date"},
		"! another's Date":       {strings.Replace(good, now, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n", 1), false, []asked{get}, "Date: Thu"},
		"! another's Server":     {strings.Replace(good, "OK\r\n", "OK\r\nServer: other\r\n", 1), false, []asked{get}, "Server: other"},
		"! Keep-Alive":           {strings.Replace(good, "OK\r\n", "OK\r\nKeep-Alive: 5\r\n", 1), false, []asked{get}, "Keep-Alive"},
		"! Connection":           {strings.Replace(good, "OK\r\n", "OK\r\nConnection: X-Hop\r\n", 1), false, []asked{get}, "Connection: X-Hop"},
		"! 101":                  {"HTTP/1.1 101 Switching Protocols\r\n\r\n" + good, false, []asked{get}, "status 101"},
		"! hints to HTTP/1.0":    {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + good, false, []asked{old}, "to HTTP/1.0"},
		"! hints of another":     {"HTTP/1.1 103 Early Hints\r\nServer: other\r\n\r\n" + good, false, []asked{get}, "Server: other"},
		"! hints with a length":  {"HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n" + good, false, []asked{get}, "with a length"},
		"not answered":           {good, false, []asked{get, get}, "hi,  broken"},
		"! no status line":       {"junk\r\n\r\n" + good, false, []asked{get}, "status line"},
	} {
		all, err := wireAnswers(test.data, test.reset, test.asked...)
		var got []string
		for _, r := range all {
			text := r.body
			if !r.whole {
				text += " broken"
			}
			got = append(got, text)
		}
		said := strings.Join(got, ", ")
		if err != nil {
			said = err.Error()
		}
		if bad := strings.HasPrefix(name, "! "); bad != (err != nil) || said != test.want && !(bad && strings.Contains(said, test.want)) {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
	}
}
