package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"testing"
)

var limits = Limits{Head: 8 << 10, Target: 1 << 10, Fields: 20}

// parse gives b to a Head in pieces of n bytes.
func parse(b []byte, n int) (size int, h Head, err *Refusal) {
	h = NewHead(limits)
	for end := 0; end < len(b) && size == 0 && err == nil; {
		end = min(end+n, len(b))
		size, err = h.Parse(b[:end])
	}
	return size, h, err
}

// outcome says everything that is to be known of a head, for comparison.
func outcome(size int, h Head, err *Refusal, b []byte) string {
	if err != nil {
		return fmt.Sprintf("refused %+v, %+v", *err, h.Known(b))
	}
	return fmt.Sprintf("size %d start %d begun %v body %+v", size, h.Start(), h.Begun(), h.Body())
}

func TestHead(t *testing.T) {
	for _, test := range []struct {
		name, head string
		size       int // beyond the whole: how much is missing, less than zero
		status     int
	}{
		{"nothing", "", -1, 0},
		{"one byte", "G", -1, 0},
		{"no end yet", "GET / HTTP/1.1\r\nHost: h\r\n", -1, 0},
		{"CR without its LF yet", "GET / HTTP/1.1\r\nHost: h\r\n\r", -1, 0},
		{"plain", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 0, 0},
		{"an empty line before", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0, 0},
		{"two empty lines before", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 0, 400},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", 0, 0},
		{"HTTP/1.1 without Host", "GET / HTTP/1.1\r\n\r\n", 0, 400},
		{"later minor version", "GET / HTTP/1.7\r\nHost: h\r\n\r\n", 0, 0},
		{"HTTP/2's preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0, 505},
		{"HTTP/0.9", "GET /\r\n", 0, 400},
		{"a TLS client", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 0, 400},
		{"LF", "GET / HTTP/1.1\nHost: h\n\n", 0, 400},
		{"CR", "GET / HTTP/1.1\rHost: h\r\r", 0, 400},
		{"continued", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", 0, 400},
		{"two codings", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 0, 501},
		{"no end", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 0, 400},
		{"both lengths", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", 0, 400},
		{"unknown expectation", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 200-ok\r\n\r\n", 0, 417},
		{"host as long as may be", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("h", 255) + ":65535\r\n\r\n", 0, 0},
		{"host too long", "GET / HTTP/1.1\r\nHost: " + strings.Repeat("h", 256) + "\r\n\r\n", 0, 400},
		{"host of the target as long as may be", "GET http://" + strings.Repeat("h", 255) + ":80/ HTTP/1.1\r\nHost: h\r\n\r\n", 0, 0},
		{"host of the target too long", "GET http://" + strings.Repeat("h.", 128) + "/ HTTP/1.1\r\nHost: h\r\n\r\n", 0, 400},
		{"target as long as may be", "GET /" + strings.Repeat("x", 1023) + " HTTP/1.1\r\nHost: h\r\n\r\n", 0, 0},
		{"target too long", "GET /" + strings.Repeat("x", 1024) + " HTTP/1.1\r\nHost: h\r\n\r\n", 0, 414},
		{"target longer than a head", "GET /" + strings.Repeat("x", 9<<10), 0, 414},
		{"method longer than a head", strings.Repeat("x", 9<<10), 0, 431},
		{"as many fields as may be", "GET / HTTP/1.0\r\n" + strings.Repeat("X: y\r\n", 20) + "\r\n", 0, 0},
		{"too many fields", "GET / HTTP/1.0\r\n" + strings.Repeat("X: y\r\n", 21) + "\r\n", 0, 431},
		{"head as long as may be", headOf(8 << 10), 0, 0},
		{"an empty line is no part of it", "\r\n" + headOf(8<<10), 0, 0},
		{"head too long", headOf(8<<10 + 1), 0, 431},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := []byte(test.head)
			size, h, err := parse(b, max(1, len(b)))
			status := 0
			if err != nil {
				status = err.Status
			}
			want := len(b)
			if test.size < 0 || test.status != 0 {
				want = 0
			}
			if size != want || status != test.status {
				t.Fatalf("size %d, %v; want size %d, status %d", size, err, want, test.status)
			}
			checkPieces(t, b, outcome(size, h, err, b))
			// What follows makes no difference to a head that is whole.
			if size > 0 {
				more := append(bytes.Clone(b), "GET /\x00"...)
				if again, _, err := parse(more, len(more)); again != size || err != nil {
					t.Errorf("with more behind it: %d, %v", again, err)
				}
			}
		})
	}
}

func headOf(n int) string {
	const begin, end = "GET / HTTP/1.1\r\nHost: h\r\nX: ", "\r\n\r\n"
	return begin + strings.Repeat("x", n-len(begin)-len(end)) + end
}

// checkPieces compares what comes of b in pieces with what came of it at once. Bytes that come after a refusal are not
// looked at, so Known may know less.
func checkPieces(t *testing.T, b []byte, want string) {
	t.Helper()
	want, _, _ = strings.Cut(want, ", {")
	for _, n := range []int{1, 2, 3, 7, 100} {
		size, h, err := parse(b, n)
		if got, _, _ := strings.Cut(outcome(size, h, err, b), ", {"); got != want {
			t.Errorf("in pieces of %d bytes: %s, at once: %s", n, got, want)
		}
	}
}

func TestBegun(t *testing.T) {
	for text, want := range map[string]bool{"": false, "\r": false, "\r\n": false, "G": true, "\r\nG": true, "GET / HTTP/1.1\r\n": true, "\r\nGET / HTTP/1.1\r\n\r": true} {
		h := NewHead(limits)
		if size, err := h.Parse([]byte(text)); size != 0 || err != nil || h.Begun() != want {
			t.Errorf("%q: %v, %d, %v", text, h.Begun(), size, err)
		}
	}
}

func TestKnown(t *testing.T) {
	for text, want := range map[string]Known{
		"":                        {},
		"garbage\x00":             {Target: "garbage\x00"},
		"GET":                     {Target: "GET"},
		"GET /half":               {Method: "GET", Target: "/half"},
		"GET /\n":                 {Method: "GET", Target: "/"},
		"GET /a b HTTP/1.1\r\n":   {"GET", "/a b", "HTTP/1.1", ""},
		"HEAD / HTTP/9.9\r\n\r\n": {"HEAD", "/", "HTTP/9.9", ""},
		"\r\nGET / HTTP/1.1\r\nHost: \t h:80 \r\nHost: x\r\n": {"GET", "/", "HTTP/1.1", "h:80"},
		"GET / HTTP/1.1\r\nHost: h\r\nX\r\n\r\n":              {"GET", "/", "HTTP/1.1", "h"},
		"G(T / HTTP/1.1\r\n":                                  {Target: "G(T / HTTP/1.1"},
		"GET /" + strings.Repeat("x", 2000):                   {Method: "GET", Target: "/" + strings.Repeat("x", 1023)},
	} {
		h := NewHead(limits)
		h.Parse([]byte(text))
		if got := h.Known([]byte(text)); got != want {
			t.Errorf("%.40q: %+v, want %+v", text, got, want)
		}
	}
}

func TestAuthority(t *testing.T) {
	for text, want := range map[string]bool{
		"h": true, "h:80": true, "h:": true, "h:65535": true, "h:00080": true, "EXAMPLE.org.": true, "a_b-c.~": true, "!$&'()*+,;=": true,
		"192.0.2.1": true, "[::1]": true, "[::1]:8080": true, "[::ffff:192.0.2.1]": true, "999.1.1.1": true,
		"": false, ":80": false, "h:65536": false, "h:-1": false, "h:+1": false, "h:8 0": false, "h:80:80": false, "h:99999999999999999999": false,
		"[]": false, "[::1": false, "::1": false, "[::1]x": false, "[::1]80": false, "[192.0.2.1]": false, "[fe80::1%25eth0]": false, "[fe80::1%eth0]": false,
		"[v1.a]": false, "[[::1]]": false, "a]b": false, "user@h": false, "h/": false, "h?": false, "h#": false, "a%41": false, "é": false, `h\`: false, "h ": false,
	} {
		if got := isAuthority([]byte(text), false); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	for text, want := range map[string]bool{"h:80": true, "h": false, "h:": false, "[::1]:1": true, "[::1]": false} {
		if got := isAuthority([]byte(text), true); got != want {
			t.Errorf("%q with a port: %v", text, got)
		}
	}
}

func TestDecimal(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "00": 0, "10": 10, "0000000000000000000000000000000001": 1, "9223372036854775807": math.MaxInt64,
		"": -1, "+1": -1, "-1": -1, "1_0": -1, "0x1": -1, "1 ": -1, "1.0": -1, "1e3": -1, "٣": -1, "9223372036854775808": -1, "18446744073709551617": -1,
	} {
		n, ok := decimal([]byte(text), math.MaxInt64)
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%q: %d, want %d", text, n, want)
		}
	}
}

var heads = []string{
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"\r\nHEAD /a%20b?q=%zz;#\\ HTTP/1.0\r\n\r\n",
	"GET //h/%C3%A9?a?b HTTP/1.1\r\nHost: example.org:8080\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n",
	"GET HTTP://user@h/ HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET https://[::1]:443?q HTTP/1.1\r\nHost:\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n",
	"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\nTrailer: X-A, content-length\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\nPragma: no-cache\r\n\r\n0\r\nX-A: b\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 3\r\n\r\n",
	"POST / HTTP/1.0\r\nContent-Length: 0\r\nConnection: keep-alive\r\nExpect: x\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\nY : c\r\n: d\r\nZ\r\n\r\n",
	"GET refused: HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /\x80\xff\"<>^`{|} HTTP/1.9\r\nhOST: h\r\nX:\ta\xfe\t\r\n\r\n",
}

// FuzzHead: the pieces make no difference, and what is taken net/http takes too, and as the same.
func FuzzHead(f *testing.F) {
	for _, head := range heads {
		f.Add([]byte(head), 3)
	}
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		whole, h, err := parse(b, max(1, len(b)))
		want, _, _ := strings.Cut(outcome(whole, h, err, b), ", {")
		size, h2, err2 := parse(b, 1+piece&63)
		if got, _, _ := strings.Cut(outcome(size, h2, err2, b), ", {"); got != want {
			t.Fatalf("at once: %s\nin pieces: %s", want, got)
		}
		h.Known(b)
		if size > 0 {
			sameAsNetHTTP(t, b[h.Start():size], &h)
			sameParts(t, string(b[:size]), &h)
		}
	})
}

func sameAsNetHTTP(t *testing.T, head []byte, h *Head) {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		t.Fatalf("net/http refuses: %v", err)
	}
	line, _, _ := strings.Cut(string(head), "\r\n")
	if got := req.Method + " " + req.RequestURI + " " + req.Proto; got != line {
		t.Errorf("request line %q is %q to net/http", line, got)
	}
	length := max(0, h.framing.length)
	if h.framing.coding == chunked {
		length = -1
	}
	if req.ContentLength != length || (len(req.TransferEncoding) == 1) != (length < 0) {
		t.Errorf("length %d, to net/http %d %v", length, req.ContentLength, req.TransferEncoding)
	}
	if expects := req.Header.Get("Expect"); expects != "" && !strings.EqualFold(expects, "100-continue") {
		t.Errorf("net/http would refuse Expect: %q itself", expects)
	}
	sameFields(t, head, h)
	sameHost(t, req)
}

// sameParts compares what is read out of a head with what was sent.
func sameParts(t *testing.T, text string, h *Head) {
	sent := strings.Split(text[h.Start():len(text)-len("\r\n\r\n")], "\r\n")
	if line := h.Method(text) + " " + h.Target(text) + " " + h.Proto(text); line != sent[0] || h.Size() != len(text) || !strings.HasSuffix(h.Proto(text), fmt.Sprint(h.Minor())) {
		t.Errorf("%q, size %d, is read out of %q", line, h.Size(), sent[0])
	}
	if h.Len() != len(sent)-1 {
		t.Fatalf("%d fields of %d", h.Len(), len(sent)-1)
	}
	host, length, awaits := "", int64(0), false
	for i := range h.Len() {
		name, value := h.Field(text, i)
		wantName, wantValue, _ := strings.Cut(sent[i+1], ":")
		if name != wantName || value != strings.Trim(wantValue, " \t") {
			t.Errorf("%q: %q is read out of %q", name, value, sent[i+1])
		}
		switch strings.ToLower(name) {
		case "host":
			host = value
		case "transfer-encoding":
			length = -1
		case "content-length":
			length, _ = strconv.ParseInt(value, 10, 64)
		case "expect":
			awaits = h.Minor() > 0
		}
	}
	if h.Host(text) != host || h.Length() != length || h.AwaitsContinue() != awaits {
		t.Errorf("host %q, length %d, awaits %v; sent %q, %d, %v", h.Host(text), h.Length(), h.AwaitsContinue(), host, length, awaits)
	}
}

func sameFields(t *testing.T, head []byte, h *Head) {
	_, fields, _ := bytes.Cut(head, []byte("\r\n"))
	got, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(fields))).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("textproto refuses: %v", err)
	}
	count := 0
	for line := range strings.SplitSeq(strings.TrimSuffix(string(fields), "\r\n\r\n"), "\r\n") {
		if line == "" {
			continue
		}
		count++
		name, value, err := splitField([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		values := got[textproto.CanonicalMIMEHeaderKey(string(name))]
		if len(values) == 0 || values[0] != string(value) {
			t.Fatalf("%q: %q, not first of %q", name, value, values)
		}
		got[textproto.CanonicalMIMEHeaderKey(string(name))] = values[1:]
	}
	if count != h.Len() {
		t.Errorf("%d fields were counted, there are %d", h.Len(), count)
	}
}

func sameHost(t *testing.T, req *http.Request) {
	if req.Host == "" || req.Method == http.MethodConnect {
		return
	}
	if u, err := url.Parse("http://" + req.Host + "/"); err != nil || u.Host != req.Host || u.User != nil {
		t.Errorf("host %q: %v %v", req.Host, u, err)
	}
}

func TestHeadIsReadWithoutAllocation(t *testing.T) {
	b := []byte(browserHead)
	h := NewHead(limits)
	if n := testing.AllocsPerRun(100, func() {
		h.Reset()
		if size, err := h.Parse(b); size != len(b) || err != nil {
			t.Fatal(size, err)
		}
		if body := h.Body(); !body.Done() {
			t.Fatal("there is no body")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

const browserHead = "GET /cgi-bin/report?year=2024&month=5 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
	"Connection: keep-alive\r\nReferer: https://www.example.org/\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n"

func BenchmarkHead(b *testing.B) {
	for name, head := range map[string]string{"plain": "GET /answer HTTP/1.1\r\nHost: localhost\r\nUser-Agent: benchmark\r\nAccept: */*\r\n\r\n", "browser": browserHead} {
		b.Run(name, func(b *testing.B) {
			h, text := NewHead(limits), []byte(head)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				h.Reset()
				if size, err := h.Parse(text); size != len(text) || err != nil {
					b.Fatal(size, err)
				}
			}
		})
	}
	b.Run("net/http", func(b *testing.B) { // for comparison
		text, r := strings.NewReader(browserHead), bufio.NewReader(nil)
		for b.Loop() {
			text.Seek(0, io.SeekStart)
			r.Reset(text)
			if _, err := http.ReadRequest(r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
