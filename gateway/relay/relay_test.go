package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/script"
	"gatewayd/gateway/spool"
)

// backend is a gateway.Backend made of a function.
type backend func(*gateway.Request) (*http.Response, error)

func (b backend) RoundTrip(r *gateway.Request) (*http.Response, error) { return b(r) }

// resolver is a script.Resolver made of a function.
type resolver func(prefix, rest string) (script.Target, error)

func (f resolver) Resolve(prefix, rest string) (script.Target, error) { return f(prefix, rest) }

func anyScript(prefix, rest string) (script.Target, error) {
	return script.Target{Kind: script.Run, Script: cgispec.Script{Name: prefix, PathInfo: rest, Filename: "/srv/program"}}, nil
}

// service is a Handler behind a real server, and the last Request that it saw.
type service struct {
	*httptest.Server
	mu   sync.Mutex
	last *gateway.Request
	done chan struct{} // a value for each request that has ended
}

func serve(t *testing.T, opt Options) *service {
	t.Helper()
	return serveWith(t, opt, func(*gateway.Request) {})
}

// serveWith is serve with something done to each Request before it is handled.
func serveWith(t *testing.T, opt Options, prepare func(*gateway.Request)) *service {
	t.Helper()
	s := &service{done: make(chan struct{}, 1000)}
	if opt.Resolver == nil {
		opt.Resolver = resolver(anyScript)
	}
	var h http.Handler
	front := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := gateway.FromContext(r.Context())
		req.Path = r.URL.Path
		h.ServeHTTP(w, r)
	})
	h = New(opt)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &gateway.Request{Request: r, ID: "id", Stderr: func(string) {}, Table: front, Timing: gateway.Timing{Begun: time.Now()}}
		prepare(req)
		defer func() { s.done <- struct{}{} }()
		s.mu.Lock()
		s.last = req
		s.mu.Unlock()
		if opt.Stream { // what middleware.Linger does
			http.NewResponseController(w).EnableFullDuplex()
			defer http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
		}
		front.ServeHTTP(w, r.WithContext(gateway.NewContext(r.Context(), req)))
	}))
	t.Cleanup(s.Close)
	return s
}

// failure is the error of the last request, once it has ended.
func (s *service) failure(t *testing.T) *gateway.Error {
	t.Helper()
	select {
	case <-s.done:
	case <-time.After(10 * time.Second):
		t.Fatal("the request has not ended")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return gateway.AsError(s.last.Err)
}

func response(status int, body io.Reader, fields ...string) *http.Response {
	resp := &http.Response{StatusCode: status, Header: http.Header{}, ContentLength: -1, Body: io.NopCloser(body)}
	for i := 0; i < len(fields); i += 2 {
		resp.Header.Add(fields[i], fields[i+1])
	}
	return resp
}

func get(t *testing.T, s *service, path string) (*http.Response, string) {
	t.Helper()
	resp, err := http.Get(s.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// raw sends bytes and returns all that comes until the server closes or a second has passed without a byte.
func raw(t *testing.T, s *service, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, request)
	var all bytes.Buffer
	buf := make([]byte, 4096)
	for {
		conn.SetReadDeadline(time.Now().Add(time.Second))
		n, err := conn.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			return all.String()
		}
	}
}

func TestBodyIsSpooledWithItsLength(t *testing.T) {
	type seen struct {
		length int64
		body   string
		inFile bool
	}
	var got seen
	s := serve(t, Options{Spool: spool.Options{Dir: t.TempDir(), Max: 1 << 20}, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		got = seen{length: r.ContentLength}
		if body, ok := r.Body.(*spool.Body); ok {
			got.inFile = body.Bytes() == nil
		}
		b, err := io.ReadAll(r.Body)
		got.body = string(b)
		return response(200, strings.NewReader("ok")), err
	})})
	for _, n := range []int{0, 1, 4096, spool.Memory, spool.Memory + 1, 1 << 20} {
		for _, chunked := range []bool{false, true} {
			want := strings.Repeat("x", n)
			var body io.Reader = strings.NewReader(want)
			if chunked {
				body = struct{ io.Reader }{body}
			}
			resp, err := http.Post(s.URL, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 200 || got.length != int64(n) || got.body != want || got.inFile != (n > spool.Memory) {
				t.Errorf("%d bytes, chunked %v: status %d, length %d, %d bytes, in a file: %v", n, chunked, resp.StatusCode, got.length, len(got.body), got.inFile)
			}
		}
	}
}

// A backend whose worker has failed may send the body once more, to another.
func TestBodyCanBeReadAgain(t *testing.T) {
	s := serve(t, Options{Spool: spool.Options{Dir: t.TempDir()}, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		first, err := io.ReadAll(io.LimitReader(r.Body, 1000))
		if err != nil {
			return nil, err
		}
		if err := r.Body.(interface{ Rewind() error }).Rewind(); err != nil {
			return nil, err
		}
		again, err := io.ReadAll(r.Body)
		return response(200, io.MultiReader(bytes.NewReader(first), bytes.NewReader(again))), err
	})})
	for _, n := range []int{1, spool.Memory, spool.Memory + 1} {
		body := strings.Repeat("0123456789", n/10+1)[:n]
		resp, err := http.Post(s.URL, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 || string(got) != body[:min(n, 1000)]+body {
			t.Errorf("%d bytes: %d, %d bytes, %v", n, resp.StatusCode, len(got), err)
		}
	}
}

func TestBodyOverMaxBody(t *testing.T) {
	s := serve(t, Options{Spool: spool.Options{Dir: t.TempDir(), Max: 100 << 10}, Backend: backend(func(*gateway.Request) (*http.Response, error) {
		t.Error("the program was started")
		return response(200, strings.NewReader("")), nil
	})})
	for _, n := range []int{100<<10 + 1, 120 << 10} {
		for _, chunked := range []bool{false, true} {
			var body io.Reader = strings.NewReader(strings.Repeat("x", n))
			if chunked {
				body = struct{ io.Reader }{body}
			}
			resp, err := http.Post(s.URL, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if resp.StatusCode != 413 || !strings.Contains(string(text), "100KiB") || !strings.Contains(string(text), "max_body") {
				t.Errorf("%d bytes, chunked %v: %d %q, want a 413 that names the limit", n, chunked, resp.StatusCode, text)
			}
		}
	}
}

func TestCutBodyNeverReachesTheProgram(t *testing.T) {
	s := serve(t, Options{Spool: spool.Options{Dir: t.TempDir()}, Backend: backend(func(*gateway.Request) (*http.Response, error) {
		t.Error("the program was started with half a body")
		return response(200, strings.NewReader("")), nil
	})})
	for _, request := range []string{
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
	} {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(conn, request)
		conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, conn)
		conn.Close()
		if e := s.failure(t); e == nil || e.Status != 400 && e.Status != 499 {
			t.Errorf("%q: got %v, want 400 or 499", request, e)
		}
	}
}

func TestErrorsBecomeStatuses(t *testing.T) {
	var err error
	s := serve(t, Options{Backend: backend(func(*gateway.Request) (*http.Response, error) { return nil, err })})
	for _, c := range []struct {
		err    error
		status int
	}{
		{errors.New("cannot say"), 502},
		{&gateway.Error{Status: 503, Op: "busy", RetryAfter: 1500 * time.Millisecond}, 503},
		{fmt.Errorf("wrapped: %w", &gateway.Error{Status: 504}), 504},
	} {
		err = c.err
		resp, body := get(t, s, "/")
		if resp.StatusCode != c.status || strings.Contains(body, "cannot say") || !strings.HasPrefix(body, fmt.Sprint(c.status)) {
			t.Errorf("%v: %d %q", c.err, resp.StatusCode, body)
		}
		if want := map[int]string{503: "2"}[c.status]; resp.Header.Get("Retry-After") != want {
			t.Errorf("%v: Retry-After %q, want %q", c.err, resp.Header.Get("Retry-After"), want)
		}
		s.failure(t)
	}
}

func TestContentLengthIsKept(t *testing.T) {
	for _, c := range []struct {
		name   string
		length int64
		body   string
		want   string // of the body; "broken" when the client must see a cut
	}{
		{"exact", 5, "12345", "12345"},
		{"more than announced is cut", 3, "12345", "123"},
		{"zero with a body", 0, "NOT-THIS", ""},
		{"less than announced breaks", 100, "12345", "broken"},
		{"unknown", -1, "12345", "12345"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, Options{Backend: backend(func(*gateway.Request) (*http.Response, error) {
				resp := response(200, strings.NewReader(c.body))
				resp.ContentLength = c.length
				return resp, nil
			})})
			for range 2 { // the second one shows that the connection is in step
				resp, err := http.Get(s.URL)
				if err != nil {
					t.Fatal(err)
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if c.want == "broken" {
					if err == nil {
						t.Fatal("the client saw a whole answer")
					}
					if e := s.failure(t); e == nil || e.Status != 502 {
						t.Fatalf("logged %v, want a 502", e)
					}
					continue
				}
				if err != nil || string(body) != c.want {
					t.Fatalf("%q, %v", body, err)
				}
			}
		})
	}
}

func TestBrokenBodyBreaksTheAnswer(t *testing.T) {
	s := serve(t, Options{Backend: backend(func(*gateway.Request) (*http.Response, error) {
		return response(200, io.MultiReader(strings.NewReader("some"), errorReader{errors.New("killed")})), nil
	})})
	got := raw(t, s, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	if strings.HasSuffix(got, "0\r\n\r\n") {
		t.Errorf("an answer without a length ended as if it were whole: %q", got)
	}
	if e := s.failure(t); e == nil || e.Status != 502 {
		t.Errorf("logged %v", e)
	}
}

type errorReader struct{ err error }

func (r errorReader) Read([]byte) (int, error) { return 0, r.err }

func TestAnswersWithoutContent(t *testing.T) {
	for _, c := range []struct {
		method string
		status int
	}{{"HEAD", 200}, {"GET", 204}, {"GET", 205}, {"GET", 304}} {
		s := serve(t, Options{Backend: backend(func(*gateway.Request) (*http.Response, error) {
			return response(c.status, strings.NewReader("NOT THIS")), nil
		})})
		request := c.method + " / HTTP/1.1\r\nHost: h\r\n\r\n"
		got := raw(t, s, request+request)
		if strings.Contains(got, "NOT THIS") || strings.Count(got, fmt.Sprintf("HTTP/1.1 %d", c.status)) != 2 {
			t.Errorf("%s %d: %q", c.method, c.status, got)
		}
	}
}

func TestContentTypeIsNeverGuessed(t *testing.T) {
	s := serve(t, Options{Backend: backend(func(*gateway.Request) (*http.Response, error) {
		return response(200, strings.NewReader("<html><script>")), nil
	})})
	resp, _ := get(t, s, "/")
	if ct, ok := resp.Header["Content-Type"]; ok {
		t.Errorf("Content-Type %q came from nowhere", ct)
	}
}

func TestDateAndServerAreOurs(t *testing.T) {
	s := serve(t, Options{Backend: backend(func(*gateway.Request) (*http.Response, error) {
		return response(200, strings.NewReader(""), "Date", "yesterday", "Server", "cgi", "Set-Cookie", "a=1", "Set-Cookie", "b=2"), nil
	})})
	resp, _ := get(t, s, "/")
	if len(resp.Header["Date"]) != 1 || resp.Header.Get("Date") == "yesterday" || resp.Header.Get("Server") == "cgi" {
		t.Errorf("got %v", resp.Header)
	}
	if cookies := resp.Header["Set-Cookie"]; len(cookies) != 2 {
		t.Errorf("cookies %q", cookies)
	}
}

// pieces gives what is sent to it, piece by piece.
type pieces chan string

func (p pieces) Read(b []byte) (int, error) {
	piece, ok := <-p
	if !ok {
		return 0, io.EOF
	}
	return copy(b, piece), nil
}

func TestAnswerStreams(t *testing.T) {
	for _, contentType := range []string{"text/event-stream", "text/event-stream; charset=utf-8", "text/plain", ""} {
		t.Run(contentType, func(t *testing.T) {
			from := make(pieces)
			s := serve(t, Options{IdleTimeout: time.Minute, Backend: backend(func(*gateway.Request) (*http.Response, error) {
				resp := response(200, from)
				if contentType != "" {
					resp.Header.Set("Content-Type", contentType)
				}
				return resp, nil
			})})
			resp, err := http.Get(s.URL) // returns although no byte of the body is there
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			lines := bufio.NewReader(resp.Body)
			for i := range 3 {
				want := fmt.Sprintf("line %d\n", i)
				from <- want
				if got, err := lines.ReadString('\n'); got != want {
					t.Fatalf("%q, %v", got, err)
				}
			}
			close(from)
			if rest, err := io.ReadAll(lines); len(rest) > 0 || err != nil {
				t.Fatalf("%q, %v", rest, err)
			}
		})
	}
}

func TestTimeouts(t *testing.T) {
	waits := backend(func(r *gateway.Request) (*http.Response, error) {
		r.Active()
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	})
	for _, c := range []struct {
		name string
		opt  Options
		text string
	}{
		{"whole", Options{Timeout: 50 * time.Millisecond, Backend: waits}, "timeout: 50ms"},
		{"idle", Options{IdleTimeout: 50 * time.Millisecond, Backend: waits}, "idle_timeout: 50ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serve(t, c.opt)
			resp, _ := get(t, s, "/")
			e := s.failure(t)
			if resp.StatusCode != 504 || e == nil || !strings.Contains(e.Error(), c.text) || e.Hint == "" {
				t.Errorf("%d, logged %v", resp.StatusCode, e)
			}
		})
	}
}

// A POST, because a client repeats a GET by itself when a kept connection fails.
func TestConnectionIsGoodAfterATimeout(t *testing.T) {
	s := serve(t, Options{Timeout: 50 * time.Millisecond, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		if r.Path == "/waits" {
			<-r.Context().Done()
		}
		return response(200, strings.NewReader("good")), context.Cause(r.Context())
	})})
	for range 3 {
		for path, status := range map[string]int{"/waits": 504, "/": 200} {
			resp, err := s.Client().Post(s.URL+path, "text/plain", strings.NewReader("body"))
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			if resp.StatusCode != status || resp.Close {
				t.Errorf("%s: status %d, connection closed: %t", path, resp.StatusCode, resp.Close)
			}
			s.failure(t)
		}
	}
}

func TestTimeoutMidwayBreaksTheAnswer(t *testing.T) {
	s := serve(t, Options{IdleTimeout: 50 * time.Millisecond, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		ctx := r.Context()
		stalled := readerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		return response(200, io.MultiReader(strings.NewReader("some"), stalled)), nil
	})})
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("the client saw a whole answer: %q", body)
	}
	if e := s.failure(t); e == nil || e.Status != 504 {
		t.Errorf("logged %v, want a 504", e)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestTimeoutEndsAStalledBody(t *testing.T) {
	s := serve(t, Options{Timeout: 100 * time.Millisecond, Backend: backend(func(*gateway.Request) (*http.Response, error) {
		t.Error("the program was started with half a body")
		return response(200, strings.NewReader("")), nil
	})})
	began := time.Now()
	raw(t, s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
	if e := s.failure(t); e == nil || e.Status != 504 {
		t.Errorf("logged %v", e)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestClientLeaves(t *testing.T) {
	started := make(chan struct{})
	s := serve(t, Options{Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		close(started)
		<-r.Context().Done()
		return nil, r.Context().Err()
	})})
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody")
	<-started
	conn.Close()
	if e := s.failure(t); e == nil || e.Status != gateway.StatusClientClosed {
		t.Errorf("logged %v, want 499", e)
	}
}

func TestLocalRedirect(t *testing.T) {
	var methods []string
	s := serve(t, Options{Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		methods = append(methods, r.Method+" "+r.RequestURI)
		switch r.URL.Path {
		case "/target":
			body, _ := io.ReadAll(r.Body)
			if len(body) > 0 || r.Header.Get("Content-Type") != "" || r.Header.Get("X-Kept") != "yes" {
				return nil, fmt.Errorf("the redirected request has a body %q or a wrong header %v", body, r.Header)
			}
			return response(200, strings.NewReader("target "+r.URL.RawQuery)), nil
		case "/loop":
			return response(cgispec.StatusLocalRedirect, strings.NewReader(""), "Location", "/loop"), nil
		case "/bad":
			return response(cgispec.StatusLocalRedirect, strings.NewReader(""), "Location", "/%zz"), nil
		}
		return response(cgispec.StatusLocalRedirect, strings.NewReader("ignored"), "Location", "/target?a=b"), nil
	})})
	for _, method := range []string{"GET", "POST"} {
		methods = nil
		r, _ := http.NewRequest(method, s.URL+"/start", strings.NewReader("body"))
		r.Header.Set("Content-Type", "text/plain")
		r.Header.Set("X-Kept", "yes")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || string(body) != "target a=b" || resp.Header.Get("Location") != "" {
			t.Errorf("%s: %d %q %v", method, resp.StatusCode, body, resp.Header)
		}
		if want := method + " /start,GET /target?a=b"; strings.Join(methods, ",") != want {
			t.Errorf("got %v, want %s", methods, want)
		}
	}
	methods = nil
	if resp, _ := get(t, s, "/loop"); resp.StatusCode != 500 || len(methods) != MaxRedirects+1 {
		t.Errorf("a loop gave %d after %d runs", resp.StatusCode, len(methods))
	}
	if resp, _ := get(t, s, "/bad"); resp.StatusCode != 502 {
		t.Errorf("a bad Location gave %d", resp.StatusCode)
	}
}

func TestEarlyHints(t *testing.T) {
	s := serve(t, Options{Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		if r.EarlyHints != nil {
			r.EarlyHints(http.Header{"Link": {"</a.css>; rel=preload"}})
		}
		return response(200, strings.NewReader("done"), "X-Final", "1"), nil
	})})
	hints := []string{}
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
		hints = append(hints, fmt.Sprint(code, h.Get("Link"), h.Get("X-Final")))
		return nil
	}})
	r, _ := http.NewRequestWithContext(ctx, "GET", s.URL, nil)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(hints) != 1 || hints[0] != "103</a.css>; rel=preload" || resp.Header.Get("Link") != "" || resp.Header.Get("X-Final") != "1" {
		t.Errorf("hints %q, final %v", hints, resp.Header)
	}
	if got := raw(t, s, "GET / HTTP/1.0\r\n\r\n"); strings.Contains(got, "103") {
		t.Errorf("HTTP/1.0 got %q", got)
	}
}

func TestTargets(t *testing.T) {
	s := serve(t, Options{
		Backend: backend(func(*gateway.Request) (*http.Response, error) {
			t.Error("nothing was to be run")
			return nil, errors.New("run")
		}),
		Static: func(w http.ResponseWriter, _ *http.Request, name string) { io.WriteString(w, "file "+name) },
		Resolver: resolver(func(_, rest string) (script.Target, error) {
			switch rest {
			case "/file":
				return script.Target{Kind: script.Serve, Static: "file"}, nil
			case "/folder":
				return script.Target{Kind: script.AddSlash}, nil
			}
			return script.Target{}, &gateway.Error{Status: 403, Op: "no"}
		}),
	})
	if _, body := get(t, s, "/file"); body != "file file" {
		t.Errorf("%q", body)
	}
	if got := raw(t, s, "GET /folder?a=b%20c HTTP/1.1\r\nHost: h\r\n\r\n"); !strings.HasPrefix(got, "HTTP/1.1 301") || !strings.Contains(got, "Location: /folder/?a=b%20c\r\n") {
		t.Errorf("%q", got)
	}
	if resp, _ := get(t, s, "/other"); resp.StatusCode != 403 {
		t.Errorf("%d", resp.StatusCode)
	}
}
