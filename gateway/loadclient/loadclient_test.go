package loadclient

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// badServer serves each connection by hand, one after the other or at once.
func badServer(t *testing.T, serve func(net.Conn, *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				conn.SetDeadline(time.Now().Add(10 * time.Second))
				serve(conn, bufio.NewReader(conn))
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Wait()
	})
	return l.Addr().String()
}

// takeRequest reads a request with its body; false at the end of the connection.
func takeRequest(in *bufio.Reader) (*http.Request, []byte, bool) {
	r, err := http.ReadRequest(in)
	if err != nil {
		return nil, nil, false
	}
	body, err := io.ReadAll(r.Body)
	return r, body, err == nil
}

// says answers each request with the same bytes, then closes if asked to.
func says(answer string, closes bool) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		for {
			if _, _, ok := takeRequest(in); !ok {
				return
			}
			if io.WriteString(conn, answer); closes {
				return
			}
		}
	}
}

// resets answers with bytes and a reset.
func resets(answer string) func(net.Conn, *bufio.Reader) {
	return func(conn net.Conn, in *bufio.Reader) {
		takeRequest(in)
		io.WriteString(conn, answer)
		conn.(*net.TCPConn).SetLinger(0)
	}
}

const whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

func TestOneFailure(t *testing.T) {
	helloSum, otherSum := sha256.Sum256([]byte("hello")), sha256.Sum256([]byte("other"))
	hello := Request{Want: Want{Body: []byte("hello")}}
	oneOf := Request{Want: Want{OneOf: [][]byte{[]byte("hallo"), []byte("hello"), []byte("help")}}}
	head := "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name  string
		serve func(net.Conn, *bufio.Reader)
		ask   Request
		want  Failure
	}{
		{"whole", says(whole, false), hello, None},
		{"whole, until the end", says(head+"\r\nhello", true), hello, None},
		{"whole, in chunks", says(head+"Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\nX: trailer\r\n\r\n", false), hello, None},
		{"after 103", says("HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"+whole, false), hello, None},
		{"HEAD", says(head+"Content-Length: 5\r\n\r\n", false), Request{Method: "HEAD", Want: Want{Body: []byte{}}}, None},
		{"204", says("HTTP/1.1 204 No Content\r\n\r\n", false), Request{Want: Want{Status: []int{204}}}, None},
		{"the right sum", says(whole, false), Request{Want: Want{Sum: &helloSum}}, None},
		{"one of three", says(whole, false), oneOf, None},
		{"one of three, in chunks", says(head+"Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n1\r\np\r\n0\r\n\r\n", false), oneOf, None},
		{"none of three", says(head+"Content-Length: 5\r\n\r\nhullo", false), oneOf, Content},
		{"half of one of three", says(head+"Content-Length: 4\r\n\r\nhell", false), oneOf, Content},
		{"closed at once", says("", true), hello, Reset},
		{"closed in the head", says("HTTP/1.1 200 OK\r\nContent-", true), hello, Reset},
		{"reset at once", resets(""), hello, Reset},
		{"reset in the body", resets(head + "Content-Length: 500\r\n\r\nhello"), hello, Reset},
		{"no answer", says("", false), hello, Timeout},
		{"half an answer", says(head+"Content-Length: 50\r\n\r\nhello", false), hello, Timeout},
		{"404", says("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", false), hello, Status},
		{"a status besides", says(whole, false), Request{Want: Want{Status: []int{302, 404}}}, Status},
		{"short body", says(head+"Content-Length: 50\r\n\r\nhello", true), hello, Length},
		{"no last chunk", says(head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", true), hello, Length},
		{"half a chunk", says(head+"Transfer-Encoding: chunked\r\n\r\n50\r\nhello", true), hello, Length},
		{"half a last chunk", says(head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", true), hello, Length},
		{"another length", says(head+"Content-Length: 4\r\n\r\nhell", false), hello, Length},
		{"longer", says(head+"Content-Length: 6\r\n\r\nhello!", false), hello, Length},
		{"no body where one is wanted", says("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false), Request{Want: Want{Length: 5}}, Length},
		{"other bytes", says(head+"Content-Length: 5\r\n\r\nhallo", false), hello, Content},
		{"another sum", says(whole, false), Request{Want: Want{Sum: &otherSum}}, Content},
		{"bytes behind", says(whole+"hello", false), hello, Malformed},
		{"bytes behind the last chunk", says(head+"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n0\r\n\r\n", false), hello, Malformed},
		{"a body for HEAD", says(whole, false), Request{Method: "HEAD"}, Malformed},
		{"HTTP/0.9", says("hello", true), hello, Reset},
		{"not HTTP", says("hello\r\n\r\n", true), hello, Malformed},
		{"bare line ends", says("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", false), hello, Malformed},
		{"status 99", says("HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n", false), hello, Malformed},
		{"no field", says(head+"hello\r\n\r\n", false), hello, Malformed},
		{"a space before the colon", says(head+"Content-Length : 5\r\n\r\nhello", false), hello, Malformed},
		{"two lengths", says(head+"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", false), hello, Malformed},
		{"a length and chunks", says(head+"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", false), hello, Malformed},
		{"a negative length", says(head+"Content-Length: -5\r\n\r\nhello", false), hello, Malformed},
		{"a coding besides", says(head+"Transfer-Encoding: gzip\r\n\r\nhello", true), hello, Malformed},
		{"a chunk of no size", says(head+"Transfer-Encoding: chunked\r\n\r\nx\r\nhello\r\n0\r\n\r\n", false), hello, Malformed},
		{"a chunk that is longer", says(head+"Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n", false), hello, Malformed},
		{"an endless head", says(head+strings.Repeat("X: y\r\n", maxHead), false), hello, Malformed},
		{"101", says("HTTP/1.1 101 Switching Protocols\r\n\r\n", false), hello, Malformed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			deadline := 5 * time.Second
			if tt.want == Timeout {
				deadline = 50 * time.Millisecond
			}
			address := badServer(t, tt.serve)
			for _, fresh := range []bool{false, true} {
				load := Load{Address: address, Requests: 1, Fresh: fresh, Deadline: deadline, Next: func(int) *Request { return &tt.ask }}
				report := load.Run(context.Background())
				if report.Requests != 1 || report.Failed[tt.want] != min(1, int(tt.want)) || report.Failures() != min(1, int(tt.want)) {
					t.Errorf("fresh=%t: want %v, got %v", fresh, tt.want, report)
				}
			}
		})
	}
}

func TestConnectError(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	report := Load{Address: l.Addr().String(), Requests: 7, Clients: 2}.Run(context.Background())
	if report.Failed[Connect] != 7 || report.OK() != 0 || len(report.Errors) < maxErrors {
		t.Errorf("want 7 connect errors, at least %d told in full; got %v", maxErrors, report)
	}
}

// A server may close a connection between two requests; bytes there are an answer too many.
func TestBetweenTwoRequests(t *testing.T) {
	for _, tt := range []struct {
		name, late            string
		failures, connections int
		dropped               int
	}{
		{"closed", "", 0, 2, 1},
		{"another answer", whole, 1, 1, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var accepted atomic.Int64
			done, said := make(chan struct{}), make(chan struct{})
			address := badServer(t, func(conn net.Conn, in *bufio.Reader) {
				takeRequest(in)
				io.WriteString(conn, whole)
				if accepted.Add(1) > 1 {
					return
				}
				<-done
				io.WriteString(conn, tt.late)
				conn.(*net.TCPConn).CloseWrite()
				close(said)
				io.Copy(io.Discard, in)
			})
			requests := 0
			report := Load{Address: address, Requests: 2, Done: func(Result) {
				if requests++; requests == 1 {
					close(done)
					<-said
					time.Sleep(10 * time.Millisecond) // loopback
				}
			}}.Run(context.Background())
			if report.Failures() != tt.failures || report.Failed[Malformed] != tt.failures || report.Connections != tt.connections || report.Dropped != tt.dropped {
				t.Errorf("want %d failures, %d connections and %d dropped, got %v", tt.failures, tt.connections, tt.dropped, report)
			}
		})
	}
}

// sums is a good server: it answers with the length and the SHA-256 of the body.
func sums(t *testing.T) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, err := io.Copy(sum, r.Body)
		if err != nil {
			http.Error(w, err.Error(), 400)
			return
		}
		fmt.Fprintf(w, "%d %d %x", r.ContentLength, n, sum.Sum(nil))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func TestUploads(t *testing.T) {
	address := sums(t)
	for _, size := range []int64{0, 1, 1000, pieceSize, pieceSize + 1, 1 << 20} {
		sum := sha256.New()
		io.Copy(sum, Repeat("some text ", size)())
		for _, chunked := range []bool{false, true} {
			for _, expect := range []bool{false, true} {
				length := size
				if chunked {
					length = -1
				}
				ask := Request{Method: "POST", Body: Repeat("some text ", size), Length: length, Expect: expect,
					Want: Want{Body: fmt.Appendf(nil, "%d %d %x", length, size, sum.Sum(nil))}}
				report := Load{Address: address, Clients: 2, Requests: 10, Next: func(int) *Request { return &ask }}.Run(context.Background())
				if report.OK() != 10 || report.Connections > 2 {
					t.Errorf("size %d, chunked %t, expect %t: %v", size, chunked, expect, report)
				}
			}
		}
	}
}

// An answer may come while the body is still on its way.
func TestEarlyAnswer(t *testing.T) {
	const refused = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
	address := badServer(t, func(conn net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			io.WriteString(conn, refused)
			conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, in)
		}
	})
	for _, expect := range []bool{false, true} {
		var sent atomic.Int64
		body := func() io.Reader { return io.TeeReader(Repeat("x", 1<<40)(), counter{&sent}) }
		ask := Request{Method: "PUT", Body: body, Length: 1 << 40, Expect: expect, Want: Want{Status: []int{413}, Body: []byte("no")}}
		report := Load{Address: address, Requests: 3, Next: func(int) *Request { return &ask }}.Run(context.Background())
		if report.OK() != 3 || report.Connections != 3 {
			t.Errorf("expect %t: %v", expect, report)
		}
		if expect && sent.Load() > 0 {
			t.Errorf("%d bytes were sent without 100 Continue", sent.Load())
		}
	}
}

type counter struct{ n *atomic.Int64 }

func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

func TestLeave(t *testing.T) {
	left := make(chan struct{}, 2)
	address := badServer(t, func(conn net.Conn, in *bufio.Reader) {
		takeRequest(in)
		io.WriteString(conn, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
		for {
			if _, err := io.WriteString(conn, "5\r\ntick\n\r\n"); err != nil {
				left <- struct{}{}
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	ask := Request{Leave: 50}
	report := Load{Address: address, Requests: 2, Next: func(int) *Request { return &ask }}.Run(context.Background())
	if report.OK() != 2 || report.Connections != 2 || report.Bytes < 100 {
		t.Errorf("%v, %d bytes", report, report.Bytes)
	}
	<-left
	<-left
	address = badServer(t, says(whole, true))
	if report := (Load{Address: address, Requests: 1, Next: func(int) *Request { return &ask }}).Run(context.Background()); report.Failed[Length] != 1 {
		t.Errorf("a stream that ends: %v", report)
	}
}

func TestCrowd(t *testing.T) {
	before := runtime.NumGoroutine()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(500)
		}
		io.WriteString(w, r.URL.Path)
	}))
	address := s.Listener.Addr().String()
	ask := []*Request{{Target: "/good", Want: Want{Body: []byte("/good")}}, {Target: "/bad"}}
	next := func(n int) *Request { return ask[n%2] }
	var results atomic.Int64
	report := Load{Address: address, Clients: 8, Requests: 1000, Next: next, Done: func(Result) { results.Add(1) }}.Run(context.Background())
	if report.Requests != 1000 || report.Failed[Status] != 500 || report.Statuses[500] != 500 || report.Connections > 508 || results.Load() != 1000 {
		t.Errorf("kept: %v, %d results", report, results.Load())
	}
	report = Load{Address: address, Clients: 8, Requests: 100, Fresh: true, Next: next}.Run(context.Background())
	if report.Requests != 100 || report.OK() != 50 || report.Connections != 100 {
		t.Errorf("fresh: %v", report)
	}
	if sum := Sum(report, report); sum.Requests != 200 || sum.OK() != 100 || sum.Connections != 200 || sum.Took != report.Took || sum.Latency(1) != report.Latency(1) {
		t.Errorf("%v and again: %v", report, sum)
	}
	report = Load{Address: address, Clients: 4, Duration: 200 * time.Millisecond, Rate: 500}.Run(context.Background())
	if report.Requests < 50 || report.Requests > 100 || report.Failures() > 0 || report.Took > 5*time.Second {
		t.Errorf("500 a second for 200 ms: %v", report)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if report = (Load{Address: address, Rate: 10, Duration: time.Hour}).Run(ctx); report.Requests > 2 || report.Failures() > 0 {
		t.Errorf("ended: %v", report)
	}
	s.Close()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

func TestTrickle(t *testing.T) {
	ask := Request{Method: "POST", Body: Repeat("x", 5<<10), Length: 5 << 10, Trickle: 20 * time.Millisecond}
	report := Load{Address: sums(t), Requests: 1, Next: func(int) *Request { return &ask }}.Run(context.Background())
	if report.OK() != 1 || report.Latency(1) < 4*20*time.Millisecond {
		t.Errorf("%v", report)
	}
}

// TestOneOf: a result says which of several bodies has come.
func TestOneOf(t *testing.T) {
	bodies := [][]byte{[]byte("even"), []byte("odd")}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path[1:]) }))
	defer s.Close()
	seen := map[int]int{}
	report := Load{Address: s.Listener.Addr().String(), Requests: 11, Done: func(r Result) { seen[r.Body]++ }, Next: func(n int) *Request {
		return &Request{Target: "/" + string(bodies[n%2]), Want: Want{OneOf: bodies}}
	}}.Run(context.Background())
	if report.Failures() > 0 || seen[0] != 6 || seen[1] != 5 {
		t.Errorf("%v, seen %v", report, seen)
	}
}
