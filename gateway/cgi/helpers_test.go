package cgi

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/cgispec"
)

// app is a Backend and one script behind it.
type app struct {
	*testing.T
	backend *Backend
	file    string // the script
	dir     string // its directory

	mu     sync.Mutex
	stderr []string
}

// newProgram writes a script and returns the app that runs it.
func newProgram(t *testing.T, text string, opt Options) *app {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := &app{T: t, backend: New(opt), dir: dir, file: filepath.Join(dir, "script")}
	if text != "" {
		a.write(a.file, text, 0o755)
	}
	t.Cleanup(func() {
		if err := a.backend.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// write makes a file as a deployment should: nothing of ours that forks meanwhile can hold it open for writing.
func (a *app) write(file, text string, mode os.FileMode) {
	a.Helper()
	if err := os.WriteFile(file+".new", []byte(text), mode); err != nil {
		a.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		a.Fatal(err)
	}
}

func (a *app) request(ctx context.Context, query string, body io.Reader) *gateway.Request {
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	hr := httptest.NewRequestWithContext(ctx, method, "/app?"+query, nil)
	hr.Body, hr.ContentLength = http.NoBody, 0
	if body != nil {
		hr.Body, hr.ContentLength = io.NopCloser(body), -1
		if rc, ok := body.(io.ReadCloser); ok {
			hr.Body = rc
		}
	}
	return &gateway.Request{
		Request: hr, Path: "/app", Prefix: "/app",
		Script: cgispec.Script{Name: "/app", Filename: a.file, Root: a.dir},
		Stderr: func(line string) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.stderr = append(a.stderr, line)
		},
	}
}

func (a *app) logged() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.stderr...)
}

// start makes a request and returns once the head is there.
func (a *app) start(ctx context.Context, query string, body io.Reader) *http.Response {
	a.Helper()
	resp, err := a.backend.RoundTrip(a.request(ctx, query, body))
	if err != nil {
		a.Fatalf("%v", err)
	}
	a.Cleanup(func() { resp.Body.Close() })
	return resp
}

// get is the body of a whole answer.
func (a *app) get(query string, body io.Reader) string {
	a.Helper()
	return a.all(a.start(context.Background(), query, body))
}

func (a *app) all(resp *http.Response) string {
	a.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		a.Fatalf("after %q: %v", data, err)
	}
	resp.Body.Close()
	return string(data)
}

// fails makes a request that must be refused.
func (a *app) fails(status int, words ...string) *gateway.Error {
	a.Helper()
	resp, err := a.backend.RoundTrip(a.request(context.Background(), "", nil))
	if err == nil {
		resp.Body.Close()
		a.Fatalf("status %d, want an error", resp.StatusCode)
	}
	e := gateway.AsError(err)
	if e.Status != status {
		a.Errorf("status %d, want %d: %v", e.Status, status, e)
	}
	for _, w := range words {
		if text := e.Error() + " HINT " + e.Hint; !strings.Contains(text, w) {
			a.Errorf("%q does not say %q", text, w)
		}
	}
	return e
}

func (a *app) eventually(what string, ok func() bool) {
	a.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			a.Fatalf("not within 10s: %s", what)
		}
	}
}

// killChild ends the process whose number the script has written to the file pid, which outlives the script.
func (a *app) killChild() {
	text, err := os.ReadFile(filepath.Join(a.dir, "pid"))
	if err != nil {
		a.Error(err)
		return
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// alive says whether the process runs.
func alive(a *app, pid string) bool {
	if _, err := strconv.Atoi(pid); err != nil {
		a.Fatalf("%q is no process", pid)
	}
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return false
	}
	after := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	return !strings.HasPrefix(after, " Z")
}

// leaves checks at the end of the test that nothing has been left behind. It comes first in a test, and such a test
// does not run beside others.
func leaves(t *testing.T) {
	before := backendtest.Measure()
	t.Cleanup(func() { backendtest.NoMore(t, before) })
}
