package cgispec

import (
	"bufio"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
)

// The limits of a zero ResponseOptions.
const (
	DefaultMaxHeader = 64 << 10
	DefaultMaxFields = 1000
)

// ResponseOptions bounds what ReadResponse takes. The zero value is usable.
type ResponseOptions struct {
	MaxHeader int64 // bytes of everything before the body, line ends and interim heads included; 0: DefaultMaxHeader
	MaxFields int   // header fields of everything before the body; 0: DefaultMaxFields
	// Early is called, before ReadResponse goes on reading, for each 103 (Early Hints) head that comes before the final
	// one. It may keep h. nil drops them.
	Early func(status int, h http.Header)
}

// ReadResponse reads the head of a program's answer (RFC 3875 section 6.2) up to and with its empty line and leaves the
// body in br, to be read there to its end; the Body it returns is nil. However the bytes arrive, the result is the same.
//
// Lines end in LF or CRLF. The status is that of the Status field or of an HTTP status line that comes first (as NPH
// programs print it, section 5; both together must agree), 200-599; without one it is 302 with a Location, and 200
// otherwise. A Location that starts with one "/" and no status make StatusLocalRedirect; "//host/path" names another
// host, and a fragment is for the client alone, so these go to the client like any other. Heads with a 1xx status before the final one are dropped, except 103;
// 101 is an error, for there is nobody to switch protocols.
//
// The header has no Status, no Content-Length and no hop-by-hop field: neither the well-known ones, Transfer-Encoding
// among them, nor those that Connection names. ContentLength is what the program announced, -1 if nothing. Everything
// else is as the program wrote it, byte for byte but for the case of names and blanks around values: Date and Server
// too (whoever sends the answer decides about them), and no Content-Type is made up.
//
// Nothing is repaired and nothing cut: what is not a valid head is a *ResponseError. After an error br is of no use.
func ReadResponse(br *bufio.Reader, opt ResponseOptions) (*http.Response, error) {
	if opt.MaxHeader <= 0 {
		opt.MaxHeader = DefaultMaxHeader
	}
	if opt.MaxFields <= 0 {
		opt.MaxFields = DefaultMaxFields
	}
	h := heads.Get().(*head)
	defer h.release()
	h.lines = lineReader{br: br, max: opt.MaxHeader}
	h.maxFields, h.fieldsLeft = opt.MaxFields, opt.MaxFields
	for {
		resp, err := h.read()
		if err != nil {
			return nil, err
		}
		interim := resp.StatusCode
		if !isInterim(interim) {
			return resp, nil
		}
		h.next(interim)
		if interim == http.StatusEarlyHints && opt.Early != nil {
			opt.Early(interim, resp.Header)
		}
	}
}

func isInterim(status int) bool { return 100 <= status && status <= 199 }

// response makes the answer of a head that has been read to its empty line.
func (h *head) response() (*http.Response, error) {
	header := h.header()
	length, err := h.contentLength(header["Content-Length"])
	if err != nil {
		return nil, err
	}
	removeHopByHop(header)
	status := h.status
	if status == 0 {
		status, err = h.statusOf(header["Location"])
	} else {
		_, err = h.single("Location", header["Location"])
	}
	if err != nil {
		return nil, err
	}
	if _, err = h.single("Content-Type", header["Content-Type"]); err != nil {
		return nil, err
	}
	collapse(header, "Location")
	collapse(header, "Content-Type")
	return &http.Response{
		Status:        statusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		ContentLength: length,
	}, nil
}

func statusText(status int) string {
	switch status {
	case StatusLocalRedirect:
		return ""
	case http.StatusOK:
		return "200 OK"
	}
	if text := http.StatusText(status); text != "" {
		return strconv.Itoa(status) + " " + text
	}
	return strconv.Itoa(status)
}

// statusOf is the status of a head that gives none (RFC 3875 sections 6.2.1 to 6.2.3).
func (h *head) statusOf(locations []string) (int, error) {
	location, err := h.single("Location", locations)
	switch {
	case err != nil:
		return 0, err
	case len(locations) == 0:
		return http.StatusOK, nil
	case location == "":
		return 0, h.fault(BadField, "the Location is empty", nil)
	case location[0] == '/' && !strings.HasPrefix(location, "//") && !strings.Contains(location, "#"):
		return StatusLocalRedirect, nil
	}
	return http.StatusFound, nil
}

// single is the one value of a field that may not have two: whoever reads the answer would choose between them.
func (h *head) single(name string, values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	for _, other := range values[1:] {
		if other != values[0] {
			return "", h.fault(BadField, "two different "+name+" fields", []byte(values[0]+" / "+other))
		}
	}
	return values[0], nil
}

func collapse(header http.Header, name string) {
	if values := header[name]; len(values) > 1 {
		header[name] = values[:1:1]
	}
}

// contentLength is the length that all the fields agree on, -1 without any. Digits and nothing else: a length that two
// readers understand differently is how one answer becomes two.
func (h *head) contentLength(values []string) (int64, error) {
	length := int64(-1)
	for _, value := range values {
		n, ok := parseLength(value)
		if !ok {
			return 0, h.fault(BadField, "the Content-Length is not a number", []byte(value))
		}
		if length >= 0 && n != length {
			return 0, h.fault(BadField, "two different Content-Length fields", []byte(values[0]+" / "+value))
		}
		length = n
	}
	return length, nil
}

func parseLength(s string) (n int64, ok bool) {
	for i := range len(s) {
		digit := int64(s[i]) - '0'
		if digit < 0 || digit > 9 || n > (1<<63-1-digit)/10 {
			return 0, false
		}
		n = n*10 + digit
	}
	return n, s != ""
}

// removeHopByHop takes out what concerns the connection between program and gateway alone (RFC 9110 section 7.6.1),
// which for a program is none, and Content-Length, which ContentLength holds.
func removeHopByHop(header http.Header) {
	for _, list := range header["Connection"] {
		for name := range strings.SplitSeq(list, ",") {
			delete(header, textproto.CanonicalMIMEHeaderKey(strings.Trim(name, " \t")))
		}
	}
	for _, name := range [...]string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length"} {
		delete(header, name)
	}
}
