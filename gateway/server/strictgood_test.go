package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// goodRequest is what must be taken, and what comes of it.
type goodRequest struct {
	text   string
	status int
	body   string // of the answer; of a HEAD and of errors it is not compared
}

const sumScript = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n%s:' \"$CONTENT_LENGTH\"\ncat\nenv | grep -c -i trail\n"

// echoed is what sumScript says of a body.
func echoed(body string) string { return fmt.Sprintf("%d:%s0\n", len(body), body) }

func goodRequests() (all []goodRequest) {
	add := func(r request, status int, body string) { all = append(all, goodRequest{r.String(), status, body}) }
	answered := func(r request) { add(r, 200, "answered") }
	for _, target := range []string{
		"/answer", "/answer?", "/answer?a=b&c=%zz;+%", "/answer??", "/answer?/../x", "/answer?\"<>\\^`{|}'", "/answer?\x80\xff\xc3\xa9", "/answer/\"<>^`{|}'", "/answer/\\", "/answer/\x80\xff", "/answer/%C3%A9%20%7E", "/answer/%25zz",
		"//answer", "/x/../answer", "/./answer", "/%61nswer", "http://h/answer", "HTTP://h/answer", "https://other:8443/answer?q", "http://[::1]:80/answer", "http://192.0.2.1/answer", "http://h:/answer", "http://a_b.c-d~e!$&'()*+,;=/answer",
	} {
		r := get()
		r.target = target
		answered(r)
	}
	for _, host := range []string{"", " \t", "h:80", "h:", "h:0", "h:65535", "h:00080", "EXAMPLE.org", "example.org.", "192.0.2.1:8080", "[::1]", "[2001:db8::1]:80", "[::ffff:192.0.2.1]", "a_b", "-", "!$&'()*+,;=", "\th \t"} {
		r := get()
		r.fields = []string{"Host: " + host}
		answered(r)
	}
	for _, line := range []string{"X:", "X: ", "X:a", "X: \ta\t ", "X: a\tb  c", "X: \x80\xff", "X: \"(,)/:;<=>?@[\\]{}", "!#$%&'*+-.^_`|~09azAZ: x", "hOsT-x: y", "Content-Length: 0", "content-length:\t0 ", "Expect: 100-continue", "TE: trailers", "Trailer: X-A", "Connection: TE,,x", "Upgrade: h2c", "Accept: text/html"} {
		answered(get(line))
	}
	answered(get("X: a", "X: a", "x: b"))
	for minor := range 10 {
		r := get("Connection: keep-alive")
		r.version = fmt.Sprintf("HTTP/1.%d", minor)
		answered(r)
	}
	all = append(all, goodRequest{"\r\n" + get().String(), 200, "answered"})
	answered(sized(testURI, 1, 0))
	answered(sized(20, testFields, 0))
	answered(sized(20, 1, testHeader))
	answered(sized(20, testFields-1, testHeader))

	for _, method := range []string{"POST", "PUT", "get", "PATCH", "X", "!#$%&'*+-.^_`|~", strings.Repeat("M", 32)} {
		r := get()
		r.method = method
		answered(r)
	}
	for _, m := range []struct {
		method, target string
		status         int
	}{{"HEAD", "/answer", 200}, {"OPTIONS", "*", 204}, {"TRACE", "/answer", 405}, {"CONNECT", "h:443", 405}, {"CONNECT", "[::1]:1", 405}, {"GET", "/missing", 404}, {"GET", "/a%00b", 400}, {"GET", "/../x", 400}} {
		r := get()
		r.method, r.target = m.method, m.target
		add(r, m.status, "")
	}
	for _, length := range []string{"5", "005", "00000000000000000000000005"} {
		add(post("hello", "Content-Length: "+length), 200, echoed("hello"))
	}
	for _, body := range []string{
		"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "0005\r\nhello\r\n0000\r\n\r\n", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "5;a\r\nhello\r\n0;b\r\n\r\n", "5;a=b;c=\"d \\\" ;\"; e = f\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n",
		"5\r\nhello\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: gzip\r\nHost: x\r\nX:\r\n\r\n", "0\r\n" + strings.Repeat("X: y\r\n", testFields) + "\r\n", "0\r\nX: " + strings.Repeat("x", 2<<10-7) + "\r\n\r\n", "1;" + strings.Repeat("x", 252) + "\r\nh\r\n4\r\nello\r\n0\r\n\r\n",
		"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "2\r\n\r\n\r\n0\r\n\r\n", strings.Repeat("1\r\nx\r\n", 3000) + "0\r\n\r\n", "4000\r\n" + strings.Repeat("y", 0x4000) + "\r\n0\r\n\r\n",
	} {
		for _, coding := range []string{"chunked", "Chunked", "\tCHUNKED "} {
			add(post(body, "Transfer-Encoding: "+coding, "Trailer: X-Trailer"), 200, echoed(unchunk(body)))
		}
	}
	add(post("5\r\nhello\r\n0\r\n\r\n", "Transfer-Encoding: chunked", "Expect: 100-Continue"), 200, echoed("hello"))
	return all
}

// unchunk decodes by the letter: nothing in the cases is wrong.
func unchunk(text string) (body string) {
	for {
		line, rest, _ := strings.Cut(text, "\r\n")
		size := 0
		fmt.Sscanf(line, "%x", &size)
		if size == 0 {
			return body
		}
		body, text = body+rest[:size], rest[size+2:]
	}
}

// readAnswer reads the answer to a request, 100 Continue before it or not.
func readAnswer(r *bufio.Reader, request string) (resp *http.Response, body string, err error) {
	method, _, _ := strings.Cut(strings.TrimPrefix(request, "\r\n"), " ")
	for resp == nil || resp.StatusCode == 100 {
		if resp, err = http.ReadResponse(r, &http.Request{Method: method}); err != nil {
			return nil, "", err
		}
	}
	text, err := io.ReadAll(resp.Body)
	return resp, string(text), err
}

func TestGoodRequests(t *testing.T) {
	dir := tree(t, map[string]string{"cgi/hello": sumScript})
	_, addr := start(t, dir, fmt.Sprintf(`
http: { max_header: %dB, max_headers: %d, max_uri: %dB }
routes:
  /answer: { respond: { status: 200, body: answered } }
  /answer/*: { respond: { status: 200, body: answered } }
  /canary: { respond: { status: 200, body: canary } }
  /cgi/*: { cgi: ./cgi }
`, testHeader, testFields, testURI))
	good := goodRequests()
	seen := map[string]bool{}
	for _, r := range good {
		seen[r.text] = true
		for _, pieces := range []int{len(r.text), 1000, 1} {
			if pieces == 1 && len(r.text) > 1000 {
				continue
			}
			if err := checkGood(addr, r, pieces); err != nil {
				t.Errorf("in pieces of %d bytes: %v\n%.300q", pieces, err, r.text)
				break
			}
		}
	}
	t.Logf("%d different good requests", len(seen))
	if len(seen) < 60 {
		t.Error("too few")
	}
}

// checkGood sends a good request, in pieces as far as the kernel keeps them apart, and another behind it.
func checkGood(addr string, r goodRequest, piece int) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() {
		for text := r.text + lastly(canary); len(text) > 0; {
			n := min(piece, len(text))
			if _, err := io.WriteString(conn, text[:n]); err != nil {
				return
			}
			text = text[n:]
		}
	}()
	answers := bufio.NewReader(conn)
	resp, body, err := readAnswer(answers, r.text)
	if err != nil {
		return err
	}
	if resp.StatusCode != r.status || r.body != "" && body != r.body && !strings.HasPrefix(r.text, "HEAD") {
		return fmt.Errorf("%s %.100q", resp.Status, body)
	}
	if resp, body, err = readAnswer(answers, canary); err != nil || body != "canary" {
		return fmt.Errorf("the next answer: %v %q, %w", resp, body, err)
	}
	if rest, err := io.ReadAll(answers); err != nil || len(rest) > 0 {
		return fmt.Errorf("at the end: %q, %w", rest, err)
	}
	return nil
}

// Many requests in one piece are answered in order, and one that is refused in its turn, after which there is silence.
func TestPipeline(t *testing.T) {
	s := startBadServer(t)
	bad := "GET /answer HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n"
	slow := post("hello", "Content-Length: 5").String()
	for name, text := range map[string]string{
		"behind a GET":                strings.Repeat(canary, 3) + bad + canary,
		"behind a program at work":    canary + slow + canary + bad + canary,
		"behind a chunked body":       canary + chunks("1\r\nx\r\n0\r\nX: y\r\n\r\n").String() + canary + bad + canary,
		"behind a body nobody reads":  canary + strings.Replace(slow, "/cgi/hello", "/answer", 1) + canary + bad + canary,
		"behind an unfinished number": strings.Repeat(canary, 100) + bad + canary,
	} {
		answer, err := exchange(s.addr, text)
		want := strings.Count(text, "HTTP/1.1\r\n") - 2
		good, refused := bytes.Count(answer, []byte("HTTP/1.1 200 OK\r\n")), bytes.Count(answer, []byte("HTTP/1.1 400 Bad Request\r\n"))
		if err != nil || good != want || refused != 1 || bytes.LastIndex(answer, []byte("HTTP/1.1 ")) != bytes.Index(answer, []byte("HTTP/1.1 400")) {
			t.Errorf("%s: %d answers and %d refusals, want %d: %v", name, good, refused, want, err)
		}
		access := s.access.lines(want + 1)
		if !strings.Contains(access[len(access)-1], `"GET /answer HTTP/1.1" 400 `) || !strings.Contains(access[len(access)-1], `host="h"`) {
			t.Errorf("%s: the access log says %q", name, access)
		}
	}
}

func TestRefusalIsAnsweredInKind(t *testing.T) {
	s := startBadServer(t)
	for text, want := range map[string]string{
		"HEAD / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n": "HTTP/1.1 400 Bad Request\r\n",
		"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n":  "HTTP/1.0 400 Bad Request\r\n",
		"GET / HTTP/3.0\r\n\r\n":                        "HTTP/1.1 505 HTTP Version Not Supported\r\n",
		"\x16\x03\x01\x00\xa5\x01\x00":                  "HTTP/1.1 400 Bad Request\r\n",
	} {
		answer, err := exchange(s.addr, text)
		head, body, _ := strings.Cut(string(answer), "\r\n\r\n")
		if err != nil || !strings.HasPrefix(head+"\r\n", want) || strings.HasPrefix(text, "HEAD") != (body == "") {
			t.Errorf("%q: %q, %v", text, answer, err)
		}
		if text[0] == 0x16 && !strings.Contains(body, "control character") {
			t.Errorf("nobody says what is wrong: %q", body)
		}
	}
	if !s.access.find(`\x16\x03\x01\x00`) {
		t.Error("what no request line is does not stand in the log")
	}
}

func TestKeepAlive(t *testing.T) {
	_, addr := start(t, tree(t, nil), "routes: { /*: { respond: { status: 200, body: ok } } }\n")
	const get10, get11 = "GET / HTTP/1.0\r\nHost: h\r\n", "GET / HTTP/1.1\r\nHost: h\r\n"
	for head, keeps := range map[string]bool{
		get10: false, get10 + "Connection: keep-alive\r\n": true, get10 + "Connection: close\r\n": false,
		get11: true, get11 + "Connection: close\r\n": false, get11 + "Connection: x, Close\r\n": false,
	} {
		answer, err := exchange(addr, head+"\r\n"+lastly(canary))
		want := 1
		if keeps {
			want = 2
		}
		if n := bytes.Count(answer, []byte(" 200 OK\r\n")); err != nil || n != want {
			t.Errorf("%q: %d answers, want %d: %v", head, n, want, err)
		}
	}
}

func TestContinue(t *testing.T) {
	dir := tree(t, map[string]string{"cgi/hello": sumScript})
	_, addr := start(t, dir, "routes: { /cgi/*: { cgi: ./cgi }, /small/*: { cgi: ./cgi, max_body: 1KiB }, /*: { respond: { status: 200, body: ok } } }\n")
	for _, test := range []struct{ target, version, length, want string }{
		{"/cgi/hello", "HTTP/1.1", "5", "HTTP/1.1 100 Continue\r\n"},
		{"/cgi/hello", "HTTP/1.0", "5", ""}, // which knows no 100: nothing comes before the body has
		{"/small/hello", "HTTP/1.1", "5000", "HTTP/1.1 413 Request Entity Too Large\r\n"},
		{"/other", "HTTP/1.1", "5", "HTTP/1.1 200 OK\r\n"},
		{"/cgi/missing", "HTTP/1.1", "5", "HTTP/1.1 404 Not Found\r\n"},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		fmt.Fprintf(conn, "POST %s %s\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: %s\r\n\r\n", test.target, test.version, test.length)
		answers := bufio.NewReader(conn)
		if test.want != "" {
			if line, err := answers.ReadString('\n'); line != test.want {
				t.Errorf("%v: %q, %v", test, line, err)
			}
		}
		switch {
		case strings.Contains(test.want, " 100 "):
			io.WriteString(conn, "hello")
			answers.Discard(len("\r\n"))
			if resp, body, err := readAnswer(answers, "POST"); err != nil || body != echoed("hello") {
				t.Errorf("%v: %v %q, %v", test, resp, body, err)
			}
		case test.want == "":
			io.WriteString(conn, "hello")
			if all, err := io.ReadAll(answers); err != nil || !bytes.HasPrefix(all, []byte("HTTP/1.0 200 OK\r\n")) || !bytes.HasSuffix(all, []byte(echoed("hello"))) {
				t.Errorf("%v: %q, %v", test, all, err)
			}
		}
		conn.Close()
	}
}

// An answer that comes before the body has been read reaches a client that sends all of it first, and one that listens.
func TestEarlyAnswerToALargeUpload(t *testing.T) {
	dir := tree(t, map[string]string{"cgi/hello": sumScript})
	_, addr := start(t, dir, "routes: { /cgi/*: { cgi: ./cgi, max_body: 1MiB } }\n")
	const size = 32 << 20
	for name, head := range map[string]string{
		"announced": fmt.Sprintf("POST /cgi/hello HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size),
		"chunked":   fmt.Sprintf("POST /cgi/hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", size),
		"refused":   fmt.Sprintf("POST /cgi/hello HTTP/1.1\r\nHost: h\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size),
		"chunk":     fmt.Sprintf("POST /cgi/hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x \r\n", size),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			want := 413
			if name == "refused" || name == "chunk" {
				want = 400
			}
			io.WriteString(conn, head)
			piece := make([]byte, 1<<20)
			for range size / len(piece) {
				if _, err := conn.Write(piece); err != nil {
					t.Fatalf("the body could not be sent: %v", err)
				}
			}
			resp, _, err := readAnswer(bufio.NewReader(conn), "POST")
			if err != nil || resp.StatusCode != want {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
}

func TestCurlPrintsAnEarlyAnswer(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("there is no curl")
	}
	dir := tree(t, map[string]string{"cgi/hello": sumScript, "big": ""})
	_, addr := start(t, dir, "routes: { /cgi/*: { cgi: ./cgi, max_body: 1MiB } }\n")
	big := filepath.Join(dir, "big")
	if err := os.Truncate(big, 100<<20); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-T", big}, {"-T", big, "-H", "Expect:"}, {"-T", big, "-H", "Transfer-Encoding: chunked"}, {"-T", big, "-H", "Transfer-Encoding: chunked", "-H", "Expect:"}, {"-T", big, "-0"}} {
		out, err := exec.Command(curl, append(args, "-sS", "--max-time", "20", "http://"+addr+"/cgi/hello")...).CombinedOutput()
		if err != nil || !bytes.HasPrefix(out, []byte("413 ")) {
			t.Errorf("%v: %q, %v", args[2:], out, err)
		}
	}
}

// A client that was refused and stays does not hold up the end of the server.
func TestShutdownDoesNotLinger(t *testing.T) {
	s, addr := start(t, tree(t, nil), "routes: { /*: { respond: { status: 200, body: ok } } }\n")
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	if answer, err := io.ReadAll(conn); err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) {
		t.Fatalf("%q, %v", answer, err)
	}
	if _, err := io.WriteString(conn, "more"); err != nil {
		t.Errorf("the server did not wait for the client to close: %v", err)
	}
	began := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	for err == nil { // the first write after the end is answered by a reset, which the next one sees
		_, err = io.WriteString(conn, "more")
		time.Sleep(time.Millisecond)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the connection stayed open for %v: %v", took, err)
	}
}

// Who answers without reading a body does not know that it is wrong; what follows it is not read all the same.
func TestBadBodyThatNobodyReads(t *testing.T) {
	s := startBadServer(t)
	for _, body := range []string{"x\r\n", "5\r\nhello\n0\r\n\r\n", "0\r\nX : y\r\n\r\n"} {
		for _, method := range []string{"POST", "HEAD"} {
			r := chunks(body)
			r.method, r.target = method, "/answer"
			answer, err := exchange(s.addr, r.String()+canary)
			if err != nil || !bytes.HasPrefix(answer, []byte("HTTP/1.1 200 OK\r\n")) || bytes.Count(answer, []byte("HTTP/1.1")) != 1 {
				t.Errorf("%s %q: %q, %v", method, body, answer, err)
			}
		}
	}
}

// What has come of a body that is cut off, or goes wrong, never reaches a program.
func TestHalfABodyIsNone(t *testing.T) {
	dir := t.TempDir()
	mark := filepath.Join(dir, "ran")
	dir = tree(t, map[string]string{"cgi/mark": "#!/bin/sh\ntouch " + mark + "\nprintf 'Content-Type: text/plain\\n\\nran'\n"})
	access := filepath.Join(dir, "access.log")
	addr := startLogged(t, dir, access, filepath.Join(dir, "server.log"), "routes: { /cgi/*: { cgi: ./cgi } }\n")
	log := openTail(t, access)
	for _, text := range []string{
		"Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\nhe", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n",
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, "POST /cgi/mark HTTP/1.1\r\nHost: h\r\n"+text)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
		conn.Close()
		if line := log.line(); !strings.Contains(line, `" 499 `) {
			t.Errorf("%q: %q", text, line)
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("the program ran")
	}
}
