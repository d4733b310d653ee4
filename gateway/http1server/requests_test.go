package http1server

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/http1"
)

// requests are such that net/http takes them too.
var requests = []string{
	"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET / HTTP/1.0\r\n\r\n",
	"GET /a/b.c-d_e~f?q=1&r=%zz;? HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /a? HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /a%20b%2Fc!*'() HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET //h/a//b/../c HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /\xc3\xa9\"<>^`{|}\\ HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET /a:b@c,d;e+f=g&h$ HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET http://other:8080/a?b HTTP/1.1\r\nHost: h\r\n\r\n",
	"GET HTTPS://[::1]?b HTTP/1.1\r\nHost:\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: h:80\r\n\r\n",
	"CONNECT h:443 HTTP/1.1\r\nHost: x\r\n\r\n",
	"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
	"X-METHOD /x HTTP/1.7\r\nhOST: \t h \r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\naccept: a\r\nACCEPT: b\r\nX-: \r\n!#$: %&\r\nx_y-z: \xff\r\nCookie: a\r\nCookie: b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\nF: 6\r\nG: 7\r\nH: 8\r\nI: 9\r\nJ: 10\r\nK: 11\r\nL: 12\r\nM: 13\r\nN: 14\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
	"POST / HTTP/1.0\r\nContent-Length: 0005\r\nConnection: Keep-Alive\r\n\r\nhello",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: CHUNKED\r\nTrailer: X\r\n\r\n5;a=b\r\nhello\r\n000\r\nX: y\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n3\r\n\r\nd\r\n0\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n" + strings.Repeat("123456789", 1000),
	"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2328\r\n" + strings.Repeat("123456789", 1000) + "\r\n0\r\n\r\n",
}

// netHTTP has net/http's server answer what is sent.
func netHTTP(t testing.TB, handler http.HandlerFunc, sent string) string {
	t.Helper()
	server, client := net.Pipe()
	l := &listener{conn: make(chan net.Conn, 1), done: make(chan struct{})}
	l.conn <- server
	s := &http.Server{Handler: handler, DisableGeneralOptionsHandler: true}
	over := make(chan struct{})
	go func() { defer close(over); s.Serve(l) }()
	answer := (&oneConn{Conn: client}).exchange(t, sent, len(sent))
	client.Close()
	s.Close()
	<-over
	return answer
}

type listener struct {
	conn chan net.Conn
	done chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error { close(l.done); return nil }

func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }

// What handlers see of a request is what they see of it in net/http, whatever the pieces.
func TestRequestsAreThoseOfNetHTTP(t *testing.T) {
	for _, request := range requests {
		want := dateless(netHTTP(t, describe, request+final))
		for _, piece := range []int{len(request + final), 1, 7} {
			if piece < 7 && len(request) > 1000 {
				continue
			}
			if got := dateless(connect(t, Options{Handler: http.HandlerFunc(describe)}).exchange(t, request+final, piece)); !sameAnswers(request, got, want) {
				t.Errorf("%.100q in pieces of %d:\n%q\nnet/http:\n%q", request, piece, got, want)
			}
		}
	}
}

// sameAnswers compares the answers to a request and to one behind it, but for the order of their fields.
func sameAnswers(request, a, b string) bool {
	method, _, _ := strings.Cut(request, " ")
	return readAnswers(method, a) == readAnswers(method, b)
}

func readAnswers(method, text string) string {
	var out strings.Builder
	for r := bufio.NewReader(strings.NewReader(text)); ; method = http.MethodGet {
		resp, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			fmt.Fprintf(&out, "%v", errors.Is(err, io.ErrUnexpectedEOF))
			return out.String()
		}
		body, err := io.ReadAll(resp.Body)
		fmt.Fprintf(&out, "%s %s %d %q %v %q %v\n", resp.Proto, resp.Status, resp.ContentLength, resp.TransferEncoding, resp.Header, body, err)
	}
}

// Many requests in one stream, cut anywhere, are answered in their order.
func TestPipelinedInAnyPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		sent, want := "", 0
		for range 1 + random.IntN(6) {
			if r := requests[random.IntN(len(requests))]; strings.Contains(r, "HTTP/1.1") && !strings.HasPrefix(r, "HEAD") {
				if random.IntN(3) == 0 {
					sent += "\r\n"
				}
				sent, want = sent+r, want+1
			}
		}
		c := connect(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, err := io.Copy(io.Discard, iotestReader{r.Body, random.IntN(3) == 0})
			fmt.Fprintf(w, "%d %v", n, err)
		})})
		answer := c.exchange(t, sent+final, 1+random.IntN(500))
		if n := strings.Count(answer, "HTTP/1.1 200 OK\r\n"); n != want+1 || strings.Count(answer, "nil") != want+1 {
			t.Fatalf("%d answers, want %d: %q\n%.1000q", n, want+1, sent, answer)
		}
	}
}

// iotestReader reads a byte at a time, if it is to.
type iotestReader struct {
	io.Reader
	slow bool
}

func (r iotestReader) Read(p []byte) (int, error) {
	if r.slow {
		p = p[:1]
	}
	return r.Reader.Read(p)
}

// What is refused is answered in its turn, and is the last.
func TestRefused(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		err := FromContext(r.Context()).Refusal()
		var refusal *http1.Refusal
		if !errors.As(err, &refusal) {
			describe(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(refusal.Status)
		fmt.Fprintf(w, "%s %q %q %q: %v", r.Method, r.RequestURI, r.Proto, r.Host, err)
	}
	for sent, want := range map[string]string{
		"garbage\n":             "HTTP/1.1 400 Bad Request|Connection: close| \"garbage\" \"\" \"\": a line of the header ends in LF without CR",
		get + "GET /\x00 x\r\n": "HTTP/1.1 400 Bad Request|Connection: close|GET \"/\\x00 x\" \"\" \"\": the header has a control character",
		"HEAD / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n":                  "HTTP/1.1 400 Bad Request|Connection: close|",
		"GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n":                   "HTTP/1.0 400 Bad Request|",
		"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 20<<10): "HTTP/1.1 431 ",
	} {
		c := connectTCP(t, Options{Handler: http.HandlerFunc(handler), Discard: func(src io.Reader, _ func(time.Time) error) error { _, err := io.Copy(io.Discard, src); return err }})
		go io.WriteString(c, sent+get)
		answer, err := readToEnd(c)
		starts := regexp.MustCompile(`HTTP/1\.[01] \d`).FindAllStringIndex(answer, -1)
		last := answer[starts[len(starts)-1][0]:]
		for _, part := range strings.Split(want, "|") {
			if err != nil || !strings.Contains(last, part) {
				t.Errorf("%.80q: %q, want %q, %v", sent, last, part, err)
			}
		}
		if strings.HasPrefix(sent, "HEAD") && !strings.HasSuffix(last, "\r\n\r\n") {
			t.Errorf("HEAD has a body: %q", last)
		}
	}
}

func readToEnd(r io.Reader) (string, error) {
	b, err := io.ReadAll(r)
	return string(b), err
}

// A body that is wrong or cut off is an error to whoever reads it, and ends the connection.
func TestBadBodies(t *testing.T) {
	for _, test := range []struct {
		sent string
		body string
		want error
	}{
		{"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nx\r\n", "hello", &http1.Refusal{}},
		{"Transfer-Encoding: chunked\r\n\r\n5\r\nhello", "hello", io.ErrUnexpectedEOF},
		{"Content-Length: 6\r\n\r\nhello", "hello", io.ErrUnexpectedEOF},
		{"Content-Length: 5\r\n\r\nhello", "hello", nil},
	} {
		var body []byte
		var err error
		c := connectTCP(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err = io.ReadAll(r.Body)
			if _, again := r.Body.Read(make([]byte, 1)); err != nil && again != err {
				t.Errorf("%q: %v, later %v", test.sent, err, again)
			}
			r.Body.Close()
		})})
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\n"+test.sent)
		c.Conn.(*net.TCPConn).CloseWrite()
		readToEnd(c)
		c.server.Shutdown(t.Context())
		refusal := (*http1.Refusal)(nil)
		if _, isRefusal := test.want.(*http1.Refusal); string(body) != test.body || isRefusal != errors.As(err, &refusal) || !isRefusal && !errors.Is(err, test.want) {
			t.Errorf("%q: %q, %v", test.sent, body, err)
		}
	}
}

// A body that nobody has read ends the connection, and the answer arrives.
func TestBodyThatNobodyReads(t *testing.T) {
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
	}{{"small", say("hello")}, {"sent early", say("hello", "")}} {
		c := connectTCP(t, Options{Handler: test.handler, Discard: func(src io.Reader, _ func(time.Time) error) error { _, err := io.Copy(io.Discard, src); return err }})
		body := bytes.Repeat([]byte("x"), 1<<20)
		fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", len(body))
		if _, err := c.Write(body); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		io.WriteString(c, get)
		if answer, err := readToEnd(c); err != nil || strings.Count(answer, "HTTP/1.1 200") != 1 {
			t.Errorf("%s: %q, %v", test.name, answer, err)
		}
	}
}

// FuzzSameAsNetHTTP compares what handlers see, and what is answered.
func FuzzSameAsNetHTTP(f *testing.F) {
	for _, r := range requests {
		f.Add([]byte(r), 3)
	}
	f.Fuzz(func(t *testing.T, request []byte, piece int) {
		if !isWhole(request) {
			return
		}
		sent := string(request) + final
		got := dateless(connect(t, Options{Handler: http.HandlerFunc(describe)}).exchange(t, sent, 1+piece&0xff))
		want := dateless(netHTTP(t, describe, sent))
		if !sameAnswers(sent, got, want) {
			t.Fatalf("%q\nnet/http: %q", got, want)
		}
	})
}

// isWhole says whether b is one request that both servers read alike: all but what doc.go names.
func isWhole(b []byte) bool {
	h := http1.NewHead(testLimits)
	size, err := h.Parse(b)
	if err != nil || size == 0 || h.Start() > 0 || bytes.Contains(bytes.ToLower(b), []byte("pragma")) || h.AwaitsContinue() {
		return false
	}
	body := h.Body()
	for rest := b[size:]; ; {
		n := int(min(body.Content(), int64(len(rest))))
		body.Take(n)
		m, err := body.Framing(rest[n:])
		if err != nil {
			return false
		}
		if rest = rest[n+m:]; len(rest) == 0 || body.Done() {
			return body.Done() && len(rest) == 0
		}
	}
}
