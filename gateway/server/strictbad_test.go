package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// request is the parts of a request, to be spoilt one at a time.
type request struct {
	method, target, version string
	fields                  []string // whole lines, without their ends
	body                    string
}

func get(fields ...string) request {
	return request{"GET", "/answer", "HTTP/1.1", append([]string{"Host: h"}, fields...), ""}
}

// post goes to a program, since only who reads a body finds out that it is wrong.
func post(body string, fields ...string) request {
	return request{"POST", "/cgi/hello", "HTTP/1.1", append([]string{"Host: h"}, fields...), body}
}

func chunks(body string) request { return post(body, "Transfer-Encoding: chunked") }

func (r request) lines() []string {
	return append([]string{r.method + " " + r.target + " " + r.version}, r.fields...)
}

func (r request) String() string { return strings.Join(r.lines(), "\r\n") + "\r\n\r\n" + r.body }

// badRequest is what must be refused, and with which status.
type badRequest struct {
	name, text string
	status     int
}

// badRequests has every generator's, each request once.
func badRequests() (all []badRequest) {
	seen := map[string]bool{}
	for _, generate := range []func(func(string, string, int)){
		badBytes, badLines, badMethods, badTargets, badVersions, badFields, badHosts, badLengths, badCodings, badExpectations, badChunks, badTrailers, badSizes,
	} {
		generate(func(name, text string, status int) {
			if !seen[text] {
				all = append(all, badRequest{name, text, status})
			}
			seen[text] = true
		})
	}
	return all
}

// bytesBut is every byte that is not in good.
func bytesBut(good string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for b := range 256 {
			if strings.IndexByte(good, byte(b)) < 0 && !yield(string([]byte{byte(b)})) {
				return
			}
		}
	}
}

// from is the bytes from first to last.
func from(first, last int) string {
	var b []byte
	for c := first; c <= last; c++ {
		b = append(b, byte(c))
	}
	return string(b)
}

const alnum = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// badBytes puts each byte that may not stand there into the middle of each part.
func badBytes(add func(string, string, int)) {
	token := alnum + "!#$%&'*+-.^_`|~"
	text := "\t" + from(' ', '~') + from(0x80, 0xff)
	visible := from('!', '"') + from('$', '~') + from(0x80, 0xff)
	for _, part := range []struct {
		name, good string
		with       func(string) request
	}{
		{"method", token, func(b string) request { r := get(); r.method = "G" + b + "T"; return r }},
		{"path", visible, func(b string) request { r := get(); r.target = "/answer/" + b + "x"; return r }},
		{"query", visible, func(b string) request { r := get(); r.target = "/answer?a=" + b + "x"; return r }},
		{"version", "", func(b string) request { r := get(); r.version = "HTTP/1" + b + ".1"; return r }},
		{"field name", token + ":", func(b string) request { return get("X-" + b + "A: b") }},
		{"field value", text, func(b string) request { return get("X-A: b" + b + "c") }},
		{"Host", alnum + "-._~!$&'()*+,;=", func(b string) request { r := get(); r.fields = []string{"Host: a" + b + "z"}; return r }},
		{"port", "0123456789", func(b string) request { r := get(); r.fields = []string{"Host: h:8" + b + "0"}; return r }},
		{"Content-Length", "0123456789", func(b string) request { return post("x", "Content-Length: 0"+b+"1") }},
		{"Transfer-Encoding", token + ",", func(b string) request { return post("0\r\n\r\n", "Transfer-Encoding: chun"+b+"ked") }},
		{"chunk size", "0123456789abcdefABCDEF;", func(b string) request { return chunks("1" + b + "\r\nx\r\n0\r\n\r\n") }},
		{"chunk extension", text, func(b string) request { return chunks("1;a=\"" + b + "\"\r\nx\r\n0\r\n\r\n") }},
		{"after a chunk", "\r", func(b string) request { return chunks("1\r\nx" + b + "\n0\r\n\r\n") }},
		{"trailer name", token + ":", func(b string) request { return chunks("0\r\nX-" + b + "A: b\r\n\r\n") }},
		{"trailer value", text, func(b string) request { return chunks("0\r\nX-A: b" + b + "c\r\n\r\n") }},
	} {
		for b := range bytesBut(part.good) {
			add(fmt.Sprintf("byte %q in the %s", b, part.name), part.with(b).String(), 400)
		}
	}
}

// badLines ends each line of a head, and the head itself, in something other than CRLF.
func badLines(add func(string, string, int)) {
	ends := []string{"\n", "\r", "\n\r", "\r\r\n", "\r\x00\n", "\r\n ", "\r\n\t", " \r \n"}
	for _, whole := range []request{get("X-A: b"), post("x", "Content-Length: 1")} {
		lines := append(whole.lines(), "")
		for i := range lines {
			for _, end := range ends {
				text := strings.Join(lines[:i+1], "\r\n") + end + strings.Join(lines[i+1:], "\r\n")
				if i < len(lines)-1 {
					text += "\r\n"
				} else if strings.HasPrefix(end, "\r\n") {
					continue // that is a whole head, and a blank behind it
				}
				add(fmt.Sprintf("line %d of %s ends in %q", i, whole.method, end), text+whole.body, 400)
			}
		}
	}
	for _, before := range []string{"\r\n\r\n", "\n", "\r", " ", "\t", "\r\n ", "\x00", "\ufeff", "\r\n\n"} {
		add(fmt.Sprintf("%q before the request", before), before+get().String(), 400)
	}
}

func badMethods(add func(string, string, int)) {
	for _, method := range []string{"", "GET\t", "G\"ET", "GET,POST", "\x16\x03\x01"} {
		r := get()
		r.method = method
		add(fmt.Sprintf("method %q", method), r.String(), 400)
	}
	r := get()
	r.method = strings.Repeat("G", 33)
	add("method of 33 bytes", r.String(), 501)
	add("a line of one word", "GET\r\nHost: h\r\n\r\n", 400)
	add("HTTP/0.9", "GET /answer\r\n\r\n", 400)
	add("a target and no version", "GET /answer \r\nHost: h\r\n\r\n", 400)
	add("a status line", "HTTP/1.1 200 OK\r\nHost: h\r\n\r\n", 400)
}

func badTargets(add func(string, string, int)) {
	bad := func(method string, targets ...string) {
		for _, target := range targets {
			r := get()
			r.method, r.target = method, target
			add(fmt.Sprintf("%s %q", method, target), r.String(), 400)
		}
	}
	for _, escape := range []string{"%", "%4", "%zz", "%4z", "%z4", "%%41", "% 41", "%u0041", "%+1", "%0x", "%-1"} {
		bad("GET", "/answer/"+escape, "/"+escape+"/answer", "http://h/"+escape)
	}
	bad("GET", "", "*", "answer", "?a=b", "h:80", "/answer#", "/#/answer", "/answer?#", " /answer", "/answer ")
	for _, host := range []string{"", ":80", "user@h", "user:password@h", "@h", "h:x", "h:65536", "h:-1", "[::1", "::1", "[::1%25lo]", "[192.0.2.1]", "[::1]80", "h%41", "h\\", "é", "h|", "<h>", "h\""} {
		bad("GET", "http://"+host+"/answer", "HTTPS://"+host)
	}
	bad("GET", "http:/answer", "http:answer", "http:", "http//h/", "ftp://h/answer", "refused:", "refused://h/", "refused:/answer", "javascript:alert(1)", "file:///etc/passwd", "ws://h/", "httpx://h/", "1http://h/", "://h/", "http ://h/")
	bad("CONNECT", "", "*", "/answer", "h", "h:", ":80", "h:x", "h:65536", "http://h:80/", "u@h:80", "h:80/", "[::1]", "::1:80")
	bad("OPTIONS", "**", "*/", "*?a", "")
	bad("HEAD", "*", "answer")
}

func badVersions(add func(string, string, int)) {
	for _, version := range []string{
		"", "HTTP", "HTTP/", "HTTP/1", "HTTP/1.", "HTTP/.1", "HTTP/1.10", "HTTP/1.01", "HTTP/01.1", "HTTP/11.1", "HTTP/1,1", "HTTP/1.1.1", "HTTP/-1.1", "HTTP/+1.1", "HTTP/1.x",
		"HTTP/x.1", "HTTP/1.1x", "xHTTP/1.1", "http/1.1", "Http/1.1", "HTTPS/1.1", "HTTP\\1.1", "HTTP//1.1", "HTTP/1.1\t", "\tHTTP/1.1", "HTTP/ 1.1", "HTTP/1 .1", "ICY/1.1", "1.1", "HTTP/2", "HTTP/0x1.1", "HTTP/١.١",
	} {
		r := get()
		r.version = version
		add(fmt.Sprintf("version %q", version), r.String(), 400)
	}
	for _, major := range "023456789" {
		for _, minor := range "019" {
			r := get()
			r.version = fmt.Sprintf("HTTP/%c.%c", major, minor)
			add("version "+r.version, r.String(), 505)
		}
	}
	add("HTTP/2 at once", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505)
}

func badFields(add func(string, string, int)) {
	for _, name := range []string{"Host", "Content-Length", "Transfer-Encoding", "X-A", "Connection", "Expect"} {
		for _, line := range []string{name + " : 1", name + "\t: 1", " " + name + ": 1", "\t" + name + ": 1", name + "\xa0: 1", name, name + " 1", "\x00" + name + ": 1", "\"" + name + "\": 1", name + "\x0b: 1"} {
			add(fmt.Sprintf("field %q", line), get(line).String(), 400)
		}
	}
	for _, line := range []string{":", ": ", ": a", " ", "\t", "=a: b", "a b: c", "(a): b", "a,b: c", "a/b: c", "a@b: c", "[a]: b", "{a}: b", "é: a", "X-A: b\r c: d"} {
		add(fmt.Sprintf("field %q", line), get(line).String(), 400)
		add(fmt.Sprintf("field %q first", line), "GET /answer HTTP/1.1\r\n"+line+"\r\nHost: h\r\n\r\n", 400)
	}
	for _, name := range []string{"Content-Length", "content-length", "TRANSFER-ENCODING", "Trailer", "X-A, Content-Length", "a,,transfer-encoding ,b"} {
		add("Trailer: "+name, post("0\r\n\r\n", "Transfer-Encoding: chunked", "Trailer: "+name).String(), 400)
	}
}

func badHosts(add func(string, string, int)) {
	with := func(name, version string, fields ...string) {
		r := get()
		r.version, r.fields = version, fields
		add(name, r.String(), 400)
	}
	for _, minor := range "123456789" {
		with(fmt.Sprintf("no Host in HTTP/1.%c", minor), fmt.Sprintf("HTTP/1.%c", minor))
	}
	for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
		for _, second := range []string{"Host: h", "Host: other", "host: h", "HOST:h", "hOsT:", "Host: \t"} {
			with("two hosts, "+second+" in "+version, version, "Host: h", second)
			with("two hosts, first "+second+" in "+version, version, second, "X-A: b", "Host: h")
		}
		for _, host := range []string{
			":80", "h:65536", "h:99999999999", "h:80:80", "h:+80", "h:0x50", "h:80a", "h: 80", "h :80", "h, h", "a b", "http://h", "h/", "/h", "h?a", "h#a", "user@h", "u:p@h", "[::1", "::1", "[]", "[::1]x", "[::1]:x", "[::1]80",
			"[::1]:65536", "[1.2.3.4]", "[fe80::1%25lo]", "[fe80::1%lo]", "[v1.x]", "[g::1]", "[1::2::3]", "[1:2:3:4:5:6:7:8:9]", "[[::1]]", "h]", "[h]", "a%20b", "a%zz", "a%", "%41", "é", "\"h\"", "<h>", "h\\", "{h}", "h|h", "h^", "h`",
		} {
			with(fmt.Sprintf("Host %q in %s", host, version), version, "Host: "+host)
		}
	}
}

// wrongNumbers are lengths that some readers take.
var wrongNumbers = []string{
	"", "+1", "-1", "--1", "1+", "0x1", "0X1", "1h", "1,", ",1", "1,1", "1, 1", "1 1", "1\t1", "1;", "1.0", "1.", ".1", "1e0", "1_0", "'1'", "\"1\"", "one", "nan", "١", "１", "0b1", "0o1", "1\xa0", "\xa01", "\x0b1", "1\x0c",
	"9223372036854775808", "18446744073709551615", "18446744073709551617", "99999999999999999999999999999999",
}

func badLengths(add func(string, string, int)) {
	for _, number := range wrongNumbers {
		add(fmt.Sprintf("Content-Length %q", number), post("x", "Content-Length: "+number).String(), 400)
		add(fmt.Sprintf("Content-Length %q of a GET in HTTP/1.0", number), fmt.Sprintf("GET /answer HTTP/1.0\r\ncontent-length:%s\r\n\r\nx", number), 400)
	}
	for _, pair := range [][2]string{{"1", "1"}, {"1", "2"}, {"0", "0"}, {"1", "01"}, {"", "1"}, {"1", ""}, {"1", "x"}} {
		for _, name := range []string{"Content-Length", "content-length", "CONTENT-LENGTH"} {
			add(fmt.Sprintf("Content-Length %q and %s %q", pair[0], name, pair[1]), post("x", "Content-Length: "+pair[0], "X-A: b", name+": "+pair[1]).String(), 400)
		}
	}
}

func badCodings(add func(string, string, int)) {
	const body = "1\r\nx\r\n0\r\n\r\n"
	for _, value := range []string{
		"", ",", "chunked,", ",chunked", "chunked,chunked", "chunked, chunked", "chunked, gzip", "chunked, identity", "gzip, chunked, gzip", "gzip,,chunked", "chunked;", "chunked;q=1", "chunked; a=b", "gzip;q=1", "chunked chunked", "\"chunked\"", "'chunked' x", "chunked\xa0",
		"\xa0chunked", "\x0bchunked", "chunked\x0c", "chun ked", "ch\xfcnked", "[chunked]", "chunked:", "chunked=",
	} {
		add(fmt.Sprintf("Transfer-Encoding %q", value), post(body, "Transfer-Encoding: "+value).String(), 400)
	}
	for _, value := range []string{"gzip", "identity", "gzip, chunked", "gzip,chunked", "identity, chunked", "xchunked", "chunkedx", "chunke", "chunked-", "x-chunked", "'chunked'", "deflate", "compress, chunked", "none", "*"} {
		add(fmt.Sprintf("Transfer-Encoding %q", value), post(body, "Transfer-Encoding: "+value).String(), 501)
	}
	for _, name := range []string{"Transfer-Encoding", "transfer-encoding", "TRANSFER-ENCODING", "tRaNsFeR-eNcOdInG"} {
		for _, value := range []string{"chunked", "Chunked", "CHUNKED", "gzip", "identity", ""} {
			coding := name + ": " + value
			add(coding+" before Content-Length", post(body, coding, "Content-Length: 11").String(), 400)
			add(coding+" after Content-Length", post(body, "content-length: 11", coding).String(), 400)
			add(coding+" beside Content-Length: 0", post(body, "Content-Length: 0", coding).String(), 400)
			add(coding+" twice", post(body, coding, "Transfer-Encoding: chunked").String(), 400)
			r := post(body, coding)
			r.version = "HTTP/1.0"
			add(coding+" in HTTP/1.0", r.String(), 400)
		}
	}
}

func badExpectations(add func(string, string, int)) {
	for _, value := range []string{"", "100", "continue", "100-continu", "100-continuex", "200-ok", "100-continue, 200-ok", "200-ok, 100-continue", "100-continue,", "100-continue;a=b", "100-continue=yes", "\"100-continue\"", "100 continue", "*"} {
		for _, version := range []string{"HTTP/1.0", "HTTP/1.1"} {
			r := post("x", "Content-Length: 1", "Expect: "+value)
			r.version = version
			add(fmt.Sprintf("Expect %q in %s", value, version), r.String(), 417)
		}
	}
	add("a second expectation", post("x", "Content-Length: 1", "Expect: 100-continue", "Expect: other").String(), 417)
}

func badChunks(add func(string, string, int)) {
	for _, number := range append(wrongNumbers, "x", "g", "-0", "0x0", "ffffffffffffffff", "8000000000000000", "7fffffffffffffff", "1000000000000000", "10000000000000001", "00000000000000001") {
		if number != "1e0" && number != "0b1" { // hexadecimal
			add(fmt.Sprintf("first chunk size %q", number), chunks(number+"\r\nx\r\n0\r\n\r\n").String(), 400)
			add(fmt.Sprintf("second chunk size %q", number), chunks("1\r\nx\r\n"+number+"\r\nx\r\n0\r\n\r\n").String(), 400)
		}
	}
	for _, line := range []string{"1;", "1;;", "1;a;", "1;=", "1;=b", "1;a=", "1;a==b", "1;a b", "1;a=b c", "1;\"a\"", "1;a=\"", "1;a=\"b", "1;a=\"b\"c", "1;a=\"\\", "1;a=\"\\\"", "1 ;a", "1\t;a", "1,a", "1:a", "1;a=(b)", "1;a=b\x7f", "1;\x00", "1;a=\"\x01\""} {
		add(fmt.Sprintf("chunk line %q", line), chunks(line+"\r\nx\r\n0\r\n\r\n").String(), 400)
		add(fmt.Sprintf("last chunk line %q", line), chunks("1\r\nx\r\n0"+line[1:]+"\r\n\r\n").String(), 400)
	}
	ends := []string{"\n", "\r", "\r\r\n", "\n\r", " \r\n", "\t\r\n", "\r\x00\n", "\x00", "", "x\r\n"}
	for _, end := range ends {
		add(fmt.Sprintf("chunk size ends in %q", end), chunks("5"+end+"hello\r\n0\r\n\r\n").String(), 400)
		add(fmt.Sprintf("chunk ends in %q", end), chunks("5\r\nhello"+end+"0\r\n\r\n").String(), 400)
		if end != "" {
			add(fmt.Sprintf("last chunk ends in %q", end), chunks("5\r\nhello\r\n0"+end+"\r\n").String(), 400)
		}
	}
	for _, end := range []string{"\n", "\r\r\n", " \r\n", "\t\r\n", "x\r\n", "\x00\r\n"} {
		add(fmt.Sprintf("the trailer ends in %q", end), chunks("0\r\n"+end).String(), 400)
	}
	add("chunk longer than its size", chunks("4\r\nhello\r\n0\r\n\r\n").String(), 400)
	add("chunk shorter than its size", chunks("6\r\nhello\r\n0\r\n\r\n").String(), 400)
	add("chunk size line of 257 bytes", chunks("1;"+strings.Repeat("x", 253)+"\r\nx\r\n0\r\n\r\n").String(), 400)
	add("framing without end", chunks(strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\nx\r\n", 100)).String(), 400)
	add("no chunked coding at all", chunks("hello").String()+"\r\n", 400)
}

func badTrailers(add func(string, string, int)) {
	for _, line := range []string{"X", "X A: b", "X : a", ": a", " X: a", "\tX: a", "X: a\r\n b", "X: a\r b", "X: a\n b", "\x00: a", "X\x00: a", "X: \x00", "GET /canary HTTP/1.1", "=: x", "(x): y"} {
		add(fmt.Sprintf("trailer %q", line), chunks("1\r\nx\r\n0\r\n"+line+"\r\n\r\n").String(), 400)
		add(fmt.Sprintf("second trailer %q", line), chunks("0\r\nX-A: b\r\n"+line+"\r\n\r\n").String(), 400)
	}
	for _, end := range []string{"\n", "\r", "\r\r\n"} {
		add(fmt.Sprintf("trailer line ends in %q", end), chunks("0\r\nX-A: b"+end+"\r\n").String(), 400)
	}
	add("trailer of 2 KiB and a byte", chunks("0\r\nX: "+strings.Repeat("x", 2<<10-6)+"\r\n\r\n").String(), 400)
	add("trailer of 21 fields", chunks("0\r\n"+strings.Repeat("X: y\r\n", 21)+"\r\n").String(), 431)
}

// The limits of the server below; goodSizes has what is just allowed.
const (
	testHeader = 4 << 10
	testFields = 20
	testURI    = 1 << 10
)

func sized(target, fields, head int) request {
	r := get()
	r.target += "?" + strings.Repeat("x", target-len(r.target)-1)
	for len(r.fields) < fields {
		r.fields = append(r.fields, "X-A: b")
	}
	if head > 0 {
		r.fields = append(r.fields, "X-Long: ")
		r.fields[len(r.fields)-1] += strings.Repeat("x", head-len(r.String()))
	}
	return r
}

func badSizes(add func(string, string, int)) {
	for _, over := range []int{1, 2, 100, 1000} {
		add(fmt.Sprintf("target %d bytes over", over), sized(testURI+over, 1, 0).String(), 414)
		add(fmt.Sprintf("%d fields over", over), sized(20, testFields+over, 0).String(), 431)
		add(fmt.Sprintf("head %d bytes over", over), sized(20, 1, testHeader+over).String(), 431)
		add(fmt.Sprintf("head %d bytes over, in many fields", over), sized(20, 10, testHeader+over).String(), 431)
	}
	long := strings.Repeat("x", 4*testHeader)
	add("target longer than the head may be", "GET /"+long+" HTTP/1.1\r\nHost: h\r\n\r\n", 414)
	add("method longer than the head may be", long+" / HTTP/1.1\r\nHost: h\r\n\r\n", 431)
	add("field name longer than the head may be", get(long+": x").String(), 431)
	add("no line end in sight", long, 431)
}

// badServer is a server with small limits, and its logs.
type badServer struct {
	t      *testing.T
	addr   string
	access *tail
	log    *tail
}

func startBadServer(t *testing.T) *badServer {
	dir := tree(t, map[string]string{"cgi/hello": "#!/bin/sh\ncat >/dev/null\nprintf 'Content-Type: text/plain\\n\\nhello'\n"})
	access, log := filepath.Join(dir, "access.log"), filepath.Join(dir, "server.log")
	addr := startLogged(t, dir, access, log, fmt.Sprintf(`
http: { max_header: %dB, max_headers: %d, max_uri: %dB }
routes:
  /answer: { respond: { status: 200, body: answered } }
  /answer/*: { respond: { status: 200, body: answered } }
  /canary: { respond: { status: 200, body: canary } }
  /cgi/*: { cgi: ./cgi }
`, testHeader, testFields, testURI))
	return &badServer{t, addr, openTail(t, access), openTail(t, log)}
}

// startLogged is start with both logs in files, and all of them.
func startLogged(t *testing.T, dir, access, log, text string) (addr string) {
	conf := load(t, dir, fmt.Sprintf("listen: 127.0.0.1:0\nadmin: off\nlog: { level: debug, format: json, output: %q, access: text, access_output: %q }\n", log, access)+text)
	_, addr = startLoaded(t, conf)
	return addr
}

// tail reads what is added to a log, which is written a little later than what it tells of.
type tail struct {
	t    *testing.T
	file *bufio.Reader
	part string // of a line
}

func openTail(t *testing.T, path string) *tail {
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &tail{t: t, file: bufio.NewReader(file)}
}

// line waits for the next line; it is empty if none comes.
func (f *tail) line() string {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		text, err := f.file.ReadString('\n')
		if f.part += text; err == nil {
			line := strings.TrimSuffix(f.part, "\n")
			f.part = ""
			return line
		}
	}
	return ""
}

// lines waits for n lines.
func (f *tail) lines(n int) (lines []string) {
	for range n {
		lines = append(lines, f.line())
	}
	return lines
}

// find waits for a line with all of the words.
func (f *tail) find(words ...string) bool {
	for line := f.line(); line != ""; line = f.line() {
		if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
			return true
		}
	}
	return false
}

const canary = "GET /canary HTTP/1.1\r\nHost: h\r\n\r\n"

// exchange sends text and returns everything that comes back before the server closes.
func exchange(addr, text string) ([]byte, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, text); err != nil {
		return nil, err
	}
	return io.ReadAll(conn)
}

var loggedStatus = regexp.MustCompile(`" (\d{3}) \d+ `)

// check sends one bad request with a good one behind it: one answer with the right status, then the end; one line in the
// access log, and one that says why.
func (s *badServer) check(r badRequest) error {
	answer, err := exchange(s.addr, r.text+canary)
	if err != nil {
		return fmt.Errorf("after %q: %w", answer, err)
	}
	reader := bufio.NewReader(bytes.NewReader(answer))
	method, _, _ := strings.Cut(r.text, " ")
	resp, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return fmt.Errorf("%q: %w", answer, err)
	}
	page, err := io.ReadAll(resp.Body)
	switch rest, _ := io.ReadAll(reader); {
	case err != nil || len(rest) > 0:
		return fmt.Errorf("%v, and after the answer %q", err, rest)
	case resp.StatusCode != r.status:
		return fmt.Errorf("%d, want %d: %s", resp.StatusCode, r.status, page)
	case !resp.Close:
		return fmt.Errorf("the answer does not say that the connection is closed: %v", resp.Header)
	}
	return s.checkLogs(r.status)
}

func (s *badServer) checkLogs(status int) error {
	access := s.access.line()
	if m := loggedStatus.FindStringSubmatch(access); m == nil || m[1] != strconv.Itoa(status) {
		return fmt.Errorf("the access log says %q", access)
	}
	_, id, _ := strings.Cut(access, " id=")
	level := "debug"
	if status == 414 || status == 431 {
		level = "warn"
	}
	if !s.log.find(`"id":"`+id+`"`, `"error":"read the request`, `"level":"`+level+`"`) {
		return fmt.Errorf("the log does not say why %s", access)
	}
	return nil
}

func TestBadRequests(t *testing.T) {
	s := startBadServer(t)
	bad := badRequests()
	for _, r := range bad {
		if err := s.check(r); err != nil {
			t.Fatalf("%s: %v\n%.200q", r.name, err, r.text) // the next ones would find its lines in the logs
		}
	}
	t.Logf("%d different bad requests", len(bad))
	if len(bad) < 600 {
		t.Error("too few")
	}
	if answer, err := exchange(s.addr, lastly(canary)); err != nil || !bytes.HasSuffix(answer, []byte("canary")) {
		t.Errorf("after all that: %q, %v", answer, err)
	}
	if line := s.access.line(); !strings.Contains(line, `"GET /canary HTTP/1.1" 200 `) {
		t.Errorf("the access log has one line too many: %q", line)
	}
}

// lastly is the request after which the connection is closed.
func lastly(text string) string {
	return strings.Replace(text, "\r\nHost", "\r\nConnection: close\r\nHost", 1)
}
