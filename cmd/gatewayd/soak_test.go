package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"gatewayd/gateway/server"
)

// mixedConcurrency is how many clients TestMixed has.
const mixedConcurrency = 16

// TestMixed sends requests of every kind at once, those that fail and clients that leave among them, and looks at what is
// left of them in gatewayd: nothing.
func TestMixed(t *testing.T) {
	total := 2000
	if soak() {
		total = 10_000
	}
	s := serveMixed(t)
	m := &mixed{host: strings.TrimPrefix(s.url, "http://"), counts: map[string]int{}}

	if err := m.run(evenDeck(), 200); err != nil { // what the first requests leave for good is there
		t.Fatal(err)
	}
	before := s.settled(t, func(r remains) bool { return r.quiet() })
	m.counts = map[string]int{}
	start := time.Now()
	if err := m.run(evenDeck(), total); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	after := s.settled(t, func(r remains) bool {
		return r.quiet() && abs(r.descriptors-before.descriptors) <= 2 && r.goroutines <= before.goroutines
	})
	if after.threads > before.threads+mixedConcurrency {
		t.Errorf("%d threads after %d requests, %d before", after.threads, total, before.threads)
	}
	for _, name := range slices.Sorted(maps.Keys(m.counts)) {
		t.Logf("%5d %s", m.counts[name], name)
	}
	t.Logf("%d requests in %v: %.0f a second\nbefore %+v\nafter  %+v", total, took.Round(time.Millisecond), float64(total)/took.Seconds(), before, after)
}

// TestMixedForLong is a busy site's day: what the first requests leave in gatewayd is all that is ever left.
func TestMixedForLong(t *testing.T) {
	first, total, maxGrown := 1000, 4000, 1.5
	if soak() {
		first, total, maxGrown = 10_000, 100_000, 1.1
	}
	s := serveMixed(t)
	m := &mixed{host: strings.TrimPrefix(s.url, "http://"), counts: map[string]int{}}
	if err := m.run(plainDeck(), first); err != nil {
		t.Fatal(err)
	}
	before := s.settled(t, remains.quiet)
	start := time.Now()
	if err := m.run(plainDeck(), total-first); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	after := s.settled(t, func(r remains) bool {
		return r.quiet() && abs(r.descriptors-before.descriptors) <= 2 && r.goroutines <= before.goroutines+5
	})
	t.Logf("%d requests in %v: %.0f a second\nbefore %+v\nafter  %+v", total-first, took.Round(time.Millisecond), float64(total-first)/took.Seconds(), before, after)
	if growth := float64(after.resident) / float64(before.resident); growth > maxGrown {
		t.Errorf("resident: %.1f MiB after %d requests, %.1f MiB after %d", mib(after.resident), total, mib(before.resident), first)
	}
}

func serveMixed(t *testing.T) *served {
	dir, err := os.MkdirTemp("", "gw") // short enough for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	archive, err := txtar.ParseFile(filepath.Join("testdata", "real", "mixed.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	conf := ""
	for _, f := range archive.Files {
		mode := os.FileMode(0o644)
		if strings.HasSuffix(f.Name, ".sh") && f.Name != "cgi-bin/noexec.sh" {
			mode = 0o755
		}
		writeTestFile(t, filepath.Join(dir, f.Name), string(f.Data), mode)
		if f.Name == "gatewayd.yaml" {
			conf = strings.ReplaceAll(string(f.Data), "${MIXED_TEST}", dir)
		}
	}
	t.Cleanup(func() {
		for _, pid := range programsOf("MIXED_TEST=" + dir) { // none, unless the test has failed
			if n, err := strconv.Atoi(pid); err == nil {
				syscall.Kill(n, syscall.SIGKILL)
			}
		}
	})
	return serveConfig(t, dir, conf)
}

// remains is what requests may leave behind.
type remains struct {
	descriptors, goroutines, threads, children, programs int
	requests                                             int64
	resident                                             int64 // bytes
}

// quiet reports whether nothing is going on.
func (r remains) quiet() bool { return r.children == 0 && r.programs == 0 && r.requests == 0 }

// settled waits until what is left is as it should be.
func (s *served) settled(t *testing.T, good func(remains) bool) remains {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		r := s.remains(t)
		if good(r) {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %+v, children %q", r, s.children())
		}
	}
}

func (s *served) remains(t *testing.T) (r remains) {
	t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	if err != nil {
		t.Fatal(err)
	}
	status := s.status(t)
	r = remains{descriptors: len(fds), goroutines: status.Goroutines, requests: status.Requests}
	r.children = len(s.children()) // zombies too
	r.programs = len(programsOf("MIXED_TEST=" + s.dir))
	r.resident = s.resident(t)
	if r.threads, err = strconv.Atoi(s.procStatus(t, "Threads")); err != nil {
		t.Fatal(err)
	}
	return r
}

// status asks the admin socket.
func (s *served) status(t *testing.T) server.Status {
	t.Helper()
	status, err := s.askStatus()
	if err != nil {
		t.Fatal(err)
	}
	return status
}

func (s *served) askStatus() (status server.Status, err error) {
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(s.dir, "admin.sock"))
	}}
	resp, err := (&http.Client{Transport: transport, Timeout: patience}).Get("http://localhost/status")
	if err != nil {
		return status, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&status); err != nil || status.Goroutines == 0 {
		return status, fmt.Errorf("status: %w, %+v", err, status)
	}
	return status, nil
}

// programsOf are the processes with a variable in their environment, wherever they have gone.
func programsOf(variable string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), variable) {
			pids = append(pids, filepath.Base(filepath.Dir(file)))
		}
	}
	return pids
}

func abs(n int) int { return max(n, -n) }

// mixed is a crowd of clients.
type mixed struct {
	host   string
	mu     sync.Mutex
	counts map[string]int
	errs   []error
}

// kind is one thing that a client does; an error says what is wrong with the answer.
type kind struct {
	name   string
	weight int
	do     func(m *mixed, c *http.Client) error
}

var (
	small = bytes.Repeat([]byte("small "), 300)
	large = bytes.Repeat([]byte("large "), 100_000)
)

// plainKinds run no program.
func plainKinds() []kind {
	return []kind{
		{"200 static", 8, ask("GET", "/static/a.txt", nil, 200, "a static file\n")},
		{"400 bad escape", 2, raw("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 ")},
		{"400 no request", 2, raw("nonsense\r\n\r\n", "HTTP/1.1 400 ")},
		{"400 above the root", 2, raw("GET /../../etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", "HTTP/1.1 400 ")},
		{"403 no exec bit", 3, ask("GET", "/noexec.sh", nil, 403, "")},
		{"404 missing program", 4, ask("GET", "/missing.sh", nil, 404, "")},
		{"404 missing file", 3, ask("GET", "/static/missing", nil, 404, "")},
		{"405 static", 2, ask("POST", "/static/a.txt", small, 405, "")},
		{"410 respond", 2, ask("GET", "/gone", nil, 410, "")},
		{"413 of the server", 2, ask("POST", "/small/echo.sh", small, 413, "")},
	}
}

// programKinds run a program that does what it should.
func programKinds() []kind {
	return []kind{
		{"200 hello", 20, ask("GET", "/hello.sh", nil, 200, "hello\n")},
		{"200 HEAD", 5, ask("HEAD", "/hello.sh", nil, 200, "")},
		{"200 HEAD of an endless answer", 2, ask("HEAD", "/endless.sh", nil, 200, "")},
		{"200 upload", 6, ask("POST", "/echo.sh", small, 200, string(small))},
		{"200 large upload", 3, ask("PUT", "/echo.sh", large, 200, string(large))},
		{"200 complaints", 2, ask("GET", "/noisy.sh", nil, 200, "hello\n")},
		{"200 local redirect", 4, ask("GET", "/local.sh", nil, 200, "a static file\n")},
		{"302 redirect", 4, ask("GET", "/redirect.sh", nil, 302, "")},
		{"413 of the program", 2, ask("POST", "/unread.sh", large, 413, "too much\n")},
	}
}

// failingKinds run a program that fails, or is stopped.
func failingKinds() []kind {
	return []kind{
		{"502 crash", 3, ask("GET", "/crash.sh", nil, 502, "")},
		{"502 no output", 3, ask("GET", "/silent.sh", nil, 502, "")},
		{"502 not a CGI answer", 3, ask("GET", "/plain.sh", nil, 502, "")},
		{"502 endless head", 2, ask("GET", "/endless-head.sh", nil, 502, "")},
		{"502 no interpreter", 2, ask("GET", "/nointerpreter.sh", nil, 502, "")},
		{"504 timeout", 3, ask("GET", "/short/sleep.sh", nil, 504, "")},
		{"504 ignores SIGTERM", 2, ask("GET", "/short/stubborn.sh", nil, 504, "")},
		{"broken: timeout after the head", 2, broken("/short/late.sh")},
		{"broken: killed midway", 3, broken("/midway.sh")},
	}
}

// leavingClientKinds are clients that leave.
func leavingClientKinds() []kind {
	return []kind{
		{"left at once", 4, leave("GET /sleep.sh HTTP/1.1\r\nHost: h\r\n\r\n", 0)},
		{"left at once, ignores SIGTERM", 2, leave("GET /short/stubborn.sh HTTP/1.1\r\nHost: h\r\n\r\n", 0)},
		{"left midway", 4, leave("GET /endless.sh HTTP/1.1\r\nHost: h\r\n\r\n", 100_000)},
		{"left while it was silent", 2, leave("GET /late.sh HTTP/1.1\r\nHost: h\r\n\r\n", 20)},
		{"left during the upload", 3, leave("POST /echo.sh HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nhalf", 0)},
		{"left during a chunk", 2, leave("POST /echo.sh HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\nhalf", 0)},
		{"left during the head", 2, leave("GET /hello.sh HTTP/1.1\r\nHost: h\r\nX-Half", 0)},
	}
}

// deck is every kind as often as its weight says.
func deck(kinds []kind) (cards []kind) {
	for _, k := range kinds {
		cards = append(cards, slices.Repeat([]kind{k}, k.weight)...)
	}
	return cards
}

// evenDeck has as much of everything as TestMixed wants.
func evenDeck() []kind {
	return deck(slices.Concat(plainKinds(), programKinds(), failingKinds(), leavingClientKinds()))
}

// plainDeck is a busy site: of 100 requests 10 run a program, 5 a failing one, and 5 clients leave.
func plainDeck() (cards []kind) {
	share := func(kinds []kind, n int) {
		all := deck(kinds)
		random := rand.New(rand.NewPCG(3, 4))
		for range n {
			cards = append(cards, all[random.IntN(len(all))])
		}
	}
	share(plainKinds(), 800)
	share(programKinds(), 100)
	share(failingKinds(), 50)
	share(leavingClientKinds(), 50)
	return cards
}

// run sends n requests from a deck; it ends when all are answered.
func (m *mixed) run(deck []kind, n int) error {
	work := make(chan kind)
	var clients sync.WaitGroup
	for range mixedConcurrency {
		clients.Go(func() {
			transport := &http.Transport{DisableCompression: true}
			defer transport.CloseIdleConnections()
			c := &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: stay}
			for k := range work {
				m.note(k, k.do(m, c))
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		if i%len(deck) == 0 {
			random.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
		}
		work <- deck[i%len(deck)]
	}
	close(work)
	clients.Wait()
	return errors.Join(m.errs...)
}

func (m *mixed) note(k kind, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.counts[k.name]++
	if err != nil && len(m.errs) < 20 {
		m.errs = append(m.errs, fmt.Errorf("%s: %w", k.name, err))
	}
}

// ask wants a status and, unless it is an error page or empty, a body.
func ask(method, path string, body []byte, status int, want string) func(*mixed, *http.Client) error {
	return func(m *mixed, c *http.Client) error {
		req, err := http.NewRequest(method, "http://"+m.host+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		resp, err := c.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		switch {
		case err != nil:
			return err
		case resp.StatusCode != status:
			return fmt.Errorf("status %d, want %d: %.200s", resp.StatusCode, status, got)
		case want != "" && string(got) != want:
			return fmt.Errorf("%d bytes, want %d: %.200q", len(got), len(want), got)
		}
		return nil
	}
}

// broken wants an answer that the client can tell from a whole one.
func broken(path string) func(*mixed, *http.Client) error {
	return func(m *mixed, c *http.Client) error {
		resp, err := c.Get("http://" + m.host + path)
		if err != nil {
			return nil // not even the head arrived
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusGatewayTimeout { // the time may be over before the head
			return fmt.Errorf("status %d and a whole answer: %q", resp.StatusCode, got)
		}
		return nil
	}
}

// raw sends bytes and wants an answer that begins so.
func raw(send, want string) func(*mixed, *http.Client) error {
	return func(m *mixed, _ *http.Client) error {
		conn, err := m.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, send); err != nil {
			return err
		}
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			return fmt.Errorf("%q (%v), want %q", got, err, want)
		}
		return nil
	}
}

// leave sends bytes, reads so many and hangs up.
func leave(send string, read int64) func(*mixed, *http.Client) error {
	return func(m *mixed, _ *http.Client) error {
		conn, err := m.dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, send); err != nil {
			return err
		}
		if n, err := io.CopyN(io.Discard, conn, read); err != nil {
			return fmt.Errorf("%d of %d bytes: %w", n, read, err)
		}
		return nil
	}
}

func (m *mixed) dial() (net.Conn, error) {
	conn, err := net.DialTimeout("tcp", m.host, patience)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}
