package middleware

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// begin puts a gateway.Request into the request's context, as server does.
func begin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &gateway.Request{ID: "0123456789abcdef", Client: netip.MustParseAddr("192.0.2.1"), Timing: gateway.Timing{Begun: time.Now()}}
		r = r.WithContext(gateway.NewContext(r.Context(), req))
		req.Request = r
		next.ServeHTTP(w, r)
	})
}

func TestAccessLog(t *testing.T) {
	var access, out bytes.Buffer
	h := begin(AccessLog(NewAccess("text", &access), zerolog.New(&out), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			io.WriteString(w, "hello")
		case "/fail":
			gateway.Fail(w, r, &gateway.Error{Status: 502, Op: "run it", Err: errors.New("broken"), Hint: "mend it"})
		case "/gone":
			gateway.Fail(w, r, &gateway.Error{Status: gateway.StatusClientClosed, Op: "answer"})
		case "/midway":
			io.WriteString(w, "some")
			gateway.Abort(r, &gateway.Error{Status: 502, Op: "read on"})
		case "/missing":
			gateway.Fail(w, r, &gateway.Error{Status: 404, Op: "find it"})
		}
	})))
	for path, want := range map[string]struct{ access, log string }{
		"/ok":      {`192.0.2.1 "GET /ok HTTP/1.1" 200 5 `, ""},
		"/fail":    {`"GET /fail HTTP/1.1" 502 `, `"error":"run it: broken","hint":"mend it"`},
		"/gone":    {`"GET /gone HTTP/1.1" 499 0 `, `"status":499`},
		"/midway":  {`"GET /midway HTTP/1.1" 200 4 `, `"error":"read on"`},
		"/missing": {`"GET /missing HTTP/1.1" 404 `, `"level":"debug"`},
	} {
		access.Reset()
		out.Reset()
		func() {
			defer func() { recover() }()
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}()
		if !strings.Contains(access.String(), want.access) || !strings.Contains(access.String(), " id=0123456789abcdef\n") {
			t.Errorf("%s: access line %q, want %q", path, access.String(), want.access)
		}
		if (want.log == "") != (out.Len() == 0) || !strings.Contains(out.String(), want.log) {
			t.Errorf("%s: log %q, want %q", path, out.String(), want.log)
		}
		if broken := strings.Contains(access.String(), " broken=true"); broken != (path == "/midway") {
			t.Errorf("%s: broken %v", path, broken)
		}
	}
}

func TestFailuresBelowTheLevelAreNotLogged(t *testing.T) {
	var out bytes.Buffer
	h := begin(AccessLog(nil, zerolog.New(&out).Level(zerolog.InfoLevel), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gateway.Fail(w, r, &gateway.Error{Status: 404, Op: "find it"})
	})))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if out.Len() > 0 {
		t.Errorf("a 404 was logged: %s", out.String())
	}
}

// lockedBuffer is a log that one goroutine writes and another reads.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// take returns what has been written since it was called last.
func (b *lockedBuffer) take() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer b.text.Reset()
	return b.text.String()
}

func TestRecoverer(t *testing.T) {
	var out lockedBuffer
	s := httptest.NewServer(begin(AccessLog(nil, zerolog.Nop(), Recoverer(zerolog.New(&out), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			io.WriteString(w, "some")
			http.NewResponseController(w).Flush()
		}
		if r.URL.Path == "/abort" {
			panic(http.ErrAbortHandler)
		}
		panic("oops")
	})))))
	defer s.Close()
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	resp, err := http.Get(s.URL)
	if err != nil || resp.StatusCode != 500 {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	if text := out.take(); !strings.Contains(text, "oops") || !strings.Contains(text, "TestRecoverer") {
		t.Errorf("the log lacks panic and stack: %s", text)
	}
	resp, err = http.Get(s.URL + "/late")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil {
		t.Error("a panic in the middle ended the answer as if it were whole")
	}
	resp.Body.Close()
	out.take()
	_, err = http.Get(s.URL + "/abort")
	if text := out.take(); err == nil || text != "" {
		t.Errorf("%v, %s", err, text)
	}
}

func TestHeaders(t *testing.T) {
	h := begin(AccessLog(nil, zerolog.Nop(), Headers(&config.Options{Headers: config.Headers{Set: map[string]string{"X-Set": "new"}, Remove: []string{"X-Gone"}}},
		http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Set", "old")
			w.Header().Set("X-Gone", "1")
			if r.URL.Path == "/fail" {
				gateway.Fail(w, r, gateway.Errorf(500, "no"))
				return
			}
			w.WriteHeader(http.StatusEarlyHints) // not the head that is changed
			io.WriteString(w, "ok")
		}))))
	s := httptest.NewServer(h)
	defer s.Close()
	for _, path := range []string{"/", "/fail"} {
		resp, err := http.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header; got.Get("X-Set") != "new" || got.Get("X-Gone") != "" {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestHeadersOfTheRouteThatAnswers(t *testing.T) {
	second := Headers(&config.Options{}, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	first := Headers(&config.Options{Headers: config.Headers{Set: map[string]string{"X-First": "1"}}}, second) // as after a local redirect
	w := httptest.NewRecorder()
	begin(AccessLog(nil, zerolog.Nop(), first)).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Result().Header.Get("X-First") != "" {
		t.Error("the first route's header stands on the second one's answer")
	}
}

// limited is a server whose handler reads the body and says how that went.
func limited(t *testing.T, c config.HTTP) (addr string, bodyErr chan error) {
	t.Helper()
	bodyErr = make(chan error, 10)
	s := httptest.NewServer(begin(AccessLog(nil, zerolog.Nop(), Limit(c, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		bodyErr <- err
		if err != nil {
			gateway.Fail(w, r, err)
			return
		}
		io.WriteString(w, "read")
	})))))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), bodyErr
}

func status(t *testing.T, conn net.Conn) int {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestLimit(t *testing.T) {
	refused := &gateway.Error{Status: 431, Op: "read the request"}
	for _, c := range []struct {
		name, method, target string
		refused              error
		want                 int
		header, value        string
	}{
		{"a request", "GET", "/", nil, 200, "", ""},
		{"what the connection refused", "GET", "/", refused, 431, "Connection", "close"},
		{"even if it looks like another thing", "OPTIONS", "*", refused, 431, "Connection", "close"},
		{"TRACE", "TRACE", "/", nil, 405, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"},
		{"CONNECT", "CONNECT", "h:80", nil, 405, "Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH"},
		{"the server as a whole", "OPTIONS", "*", nil, 204, "", ""},
	} {
		h := Limit(config.HTTP{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "served") }))
		req := &gateway.Request{Refused: c.refused}
		r := &http.Request{Method: c.method, RequestURI: c.target, Header: http.Header{}}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r.WithContext(gateway.NewContext(t.Context(), req)))
		if w.Code != c.want || w.Header().Get(c.header) != c.value {
			t.Errorf("%s: %d %v", c.name, w.Code, w.Header())
		}
		if c.refused != nil && req.Err == nil {
			t.Errorf("%s: the log would not say why", c.name)
		}
	}
}

func TestBodyTimeout(t *testing.T) {
	const span = 200 * time.Millisecond
	addr, bodyErr := limited(t, config.HTTP{BodyTimeout: span})
	send := func(name string, pieces int, size int, pause time.Duration, want int) {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", pieces*size)
			began := time.Now()
			go func() {
				for range pieces {
					if _, err := conn.Write(bytes.Repeat([]byte("x"), size)); err != nil {
						return
					}
					time.Sleep(pause)
				}
			}()
			if got := status(t, conn); got != want {
				t.Errorf("%d, want %d", got, want)
			}
			err = <-bodyErr
			var e *gateway.Error
			if (want == 408) != errors.As(err, &e) || want == 408 && e.Status != 408 {
				t.Errorf("the handler saw %v", err)
			}
			if want == 408 && time.Since(began) > 20*span {
				t.Errorf("it took %v", time.Since(began))
			}
		})
	}
	send("slow but steady", 8, 1500, span/2, 200)
	send("dripping does not extend it", 200, 1, span/10, 408)
	send("the last span brings the end", 1, 10, 0, 200)

	t.Run("a body that nobody reads is not waited for", func(t *testing.T) {
		lazy := httptest.NewServer(begin(AccessLog(nil, zerolog.Nop(), Limit(config.HTTP{BodyTimeout: span}, http.NotFoundHandler()))))
		defer lazy.Close()
		conn, err := net.Dial("tcp", lazy.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
		conn.SetReadDeadline(began.Add(10 * time.Second))
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 404") {
			t.Errorf("%q, %v", answer, err)
		}
	})

	// After the body a program may take its time: the deadline is gone, and the client is still there.
	slow := httptest.NewServer(begin(AccessLog(nil, zerolog.Nop(), Limit(config.HTTP{BodyTimeout: 50 * time.Millisecond}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		select {
		case <-r.Context().Done():
			t.Error("the request was ended by the body's deadline")
		case <-time.After(200 * time.Millisecond):
		}
		io.WriteString(w, "ok")
	})))))
	defer slow.Close()
	resp, err := http.Post(slow.URL, "text/plain", strings.NewReader("body"))
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
}

func TestRequestID(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		id := NewRequestID()
		if len(id) != 16 || strings.Trim(id, "0123456789abcdef") != "" || seen[id] {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}

func TestPeerAddress(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234": "192.0.2.1", "[2001:db8::1]:80": "2001:db8::1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "@": "invalid IP", "": "invalid IP",
	} {
		if got := PeerAddress(remote).String(); got != want {
			t.Errorf("%q: %s, want %s", remote, got, want)
		}
	}
}

// readFromRecorder is a ResponseWriter that notes what reaches its ReadFrom.
type readFromRecorder struct {
	*httptest.ResponseRecorder
	src io.Reader
}

func (w *readFromRecorder) ReadFrom(src io.Reader) (int64, error) {
	w.src = src
	return io.Copy(w.ResponseRecorder, src)
}

func TestResponseKeepsReadFrom(t *testing.T) {
	file, err := os.Open(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	under := &readFromRecorder{ResponseRecorder: httptest.NewRecorder()}
	w := &Response{ResponseWriter: under}
	part := &io.LimitedReader{R: file, N: 100}
	if n, err := w.ReadFrom(part); n != 100 || err != nil || w.Bytes() != 100 || w.Status() != 200 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if under.src != io.Reader(part) {
		t.Errorf("what reached the connection is %T, which no sendfile takes", under.src)
	}
}

func TestLinger(t *testing.T) {
	given := make(chan struct{}, 10)
	s := httptest.NewServer(begin(Linger(func(*http.Request) { given <- struct{}{} }, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			w.Header().Set("Content-Length", "9")
		}
		w.WriteHeader(413)
		io.WriteString(w, "too large")
		if r.URL.Path == "/flushed" {
			http.NewResponseController(w).Flush()
		}
	}))))
	defer s.Close()
	const size = 8 << 20
	for name, head := range map[string]string{
		"announced": fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", size),
		"chunked":   fmt.Sprintf("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n", size),
	} {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, head)
			// A client that reads nothing before it has sent everything, and takes longer than net/http would wait.
			for range 16 {
				if _, err := conn.Write(make([]byte, size/16)); err != nil {
					t.Fatalf("the body could not be sent: %v", err)
				}
				time.Sleep(60 * time.Millisecond)
			}
			io.WriteString(conn, "\r\n0\r\n\r\n")
			if got := status(t, conn); got != 413 {
				t.Errorf("%d", got)
			}
		})
	}
	for _, path := range []string{"/flushed", "/later"} {
		t.Run("an answer without a length does not wait: "+path, func(t *testing.T) {
			conn, err := net.Dial("tcp", s.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			began := time.Now()
			io.WriteString(conn, "POST "+path+" HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nsome")
			conn.SetReadDeadline(began.Add(10 * time.Second))
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(resp.Body); string(body) != "too large" || err != nil || time.Since(began) > time.Second {
				t.Errorf("%q, %v after %v", body, err, time.Since(began))
			}
			select {
			case <-given:
			case <-time.After(10 * time.Second):
				t.Error("the connection was not given up")
			}
		})
	}
	t.Run("a client that waits for 100 Continue is not waited for", func(t *testing.T) {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		began := time.Now()
		io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n")
		conn.SetReadDeadline(began.Add(10 * time.Second))
		if answer, err := io.ReadAll(conn); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 413") {
			t.Errorf("%q, %v", answer, err)
		}
		if took := time.Since(began); took > lingerIdle-time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
