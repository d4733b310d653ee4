package static

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/docroot"
	"gatewayd/gateway/site"
)

// testSite is a Handler behind a real net/http server on the loopback interface.
type testSite struct {
	dir     string
	addr    string
	handler *Handler

	mu   sync.Mutex
	last *gateway.Request // of the request that was answered last
}

// serve starts a site whose files are given by name; its routes are "/*", "/pre/*" and "/exact", all with one Handler.
func serve(t testing.TB, opt Options, rootOpt docroot.Options, files map[string]string) *testSite {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	must(t, err)
	s := &testSite{dir: filepath.Join(dir, "root")}
	must(t, os.Mkdir(s.dir, 0o755))
	for _, name := range slices.Sorted(maps.Keys(files)) { // a file before its siblings, which must not be older
		s.write(t, name, files[name])
	}
	opt.Root = docroot.New(s.dir, rootOpt)
	s.handler = New(opt)
	t.Cleanup(func() { must(t, s.handler.Close()) })
	routes := []site.Route{{Pattern: "/*"}, {Pattern: "/pre/*"}, {Pattern: "/exact"}}
	for i := range routes {
		routes[i].Handler = s.handler
	}
	table, err := site.New([]site.Site{{Routes: routes}})
	must(t, err)
	s.listen(t, table)
	return s
}

func (s *testSite) listen(t testing.TB, table http.Handler) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s.addr = listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &gateway.Request{Request: r}
		defer func() {
			s.mu.Lock()
			s.last = req
			s.mu.Unlock()
		}()
		table.ServeHTTP(w, r.WithContext(gateway.NewContext(r.Context(), req)))
	})}
	done := make(chan struct{})
	go func() { server.Serve(listener); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
}

func (s *testSite) path(name string) string { return filepath.Join(s.dir, name) }

func (s *testSite) write(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(s.path(name)), 0o755))
	must(t, os.WriteFile(s.path(name), []byte(text), 0o644))
}

// failure is why the last request failed, once its handler has returned.
func (s *testSite) failure(t testing.TB) error {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		s.mu.Lock()
		last := s.last
		s.mu.Unlock()
		if last != nil {
			return last.Err
		}
	}
	t.Fatal("no request was answered")
	return nil
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is a response as it came over the wire.
type answer struct {
	status int
	head   string
	header http.Header
	body   string
	broken bool // it ended before its Content-Length
}

// raw sends bytes over a new connection and reads one answer, and checks that nothing follows it.
func (s *testSite) raw(t testing.TB, request string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	must(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = io.WriteString(conn, request)
	must(t, err)
	method, _, _ := strings.Cut(request, " ")
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Logf("read: %v", err)
	}
	return parse(t, method, all)
}

func parse(t testing.TB, method string, all []byte) answer {
	t.Helper()
	head, rest, ok := bytes.Cut(all, []byte("\r\n\r\n"))
	if !ok {
		t.Fatalf("no whole head: %q", all)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(all)), &http.Request{Method: method})
	must(t, err)
	a := answer{status: resp.StatusCode, head: string(head), header: resp.Header, body: string(rest)}
	switch announced := resp.ContentLength; {
	case method == "HEAD" || a.status == 304 || a.status == 204:
		if len(rest) > 0 {
			t.Errorf("a body where there can be none: %q", rest)
		}
	case announced < 0:
		t.Errorf("no Content-Length: %q", head)
	case int64(len(rest)) > announced:
		t.Errorf("%d bytes, %d announced", len(rest), announced)
	default:
		a.broken = int64(len(rest)) < announced
	}
	if a.header.Get("Date") == "" {
		t.Errorf("no Date: %q", head)
	}
	return a
}

// get asks with a method, a target and header lines ("Name: value").
func (s *testSite) ask(t testing.TB, method, target string, lines ...string) answer {
	t.Helper()
	var extra strings.Builder
	for _, line := range lines {
		extra.WriteString(line + "\r\n")
	}
	a := s.raw(t, fmt.Sprintf("%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", method, target, &extra))
	if a.broken {
		t.Errorf("%s %s: the answer is broken: %q", method, target, a.head)
	}
	return a
}

func (s *testSite) get(t testing.TB, target string, lines ...string) answer {
	t.Helper()
	return s.ask(t, "GET", target, lines...)
}

func (a answer) want(t testing.TB, what string, status int, body string) {
	t.Helper()
	if a.status != status {
		t.Errorf("%s: status %d, want %d", what, a.status, status)
	} else if status < 300 && a.body != body {
		t.Errorf("%s: body %.200q, want %.200q", what, a.body, body)
	}
}

func (a answer) field(t testing.TB, name, want string) {
	t.Helper()
	if got := a.header.Values(name); len(got) > 1 || len(got) == 1 && got[0] != want || len(got) == 0 && want != "" {
		t.Errorf("%s: %q, want %q", name, got, want)
	}
}
