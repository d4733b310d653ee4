package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// maxConfigLines is how long a config for a real program may be, comments and empty lines not counted.
const maxConfigLines = 6

// served is a gatewayd that answers for the length of a test.
type served struct {
	*daemon
	url string
	dir string // of its config
	pid int

	mortal bool // the test kills it
}

// serveReal runs gatewayd with conf as dir's gatewayd.yaml. At the end of the test it must exit with 0 and leave no process and no file in its temporary directory.
func serveReal(t *testing.T, dir, conf string) *served {
	t.Helper()
	if n := configLines(conf); n > maxConfigLines {
		t.Fatalf("a config of %d lines is too much to ask for:\n%s", n, conf)
	}
	return serveConfig(t, dir, conf)
}

// serveConfig is serveReal for a config of any length.
func serveConfig(t *testing.T, dir, conf string) *served {
	t.Helper()
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), conf, 0o644)
	return serveIn(t, dir, os.Getenv("PATH"), "run", "--listen", "127.0.0.1:0")
}

// serveIn runs gatewayd with args in dir and a PATH.
func serveIn(t *testing.T, dir, path string, args ...string) *served {
	t.Helper()
	program, err := exec.LookPath("gatewayd") // the test binary under this name: see TestMain
	if err != nil {
		t.Fatal(err)
	}
	temp := t.TempDir()
	env := []string{"PATH=" + path, "HOME=" + dir, "TMPDIR=" + temp, "XDG_RUNTIME_DIR=" + dir}
	d, urls, err := startDaemon(program, dir, env, 1, args...)
	if err != nil {
		t.Fatal(err)
	}
	s := &served{daemon: d, url: urls[0], dir: dir, pid: d.cmd.Process.Pid}
	t.Cleanup(func() {
		if s.mortal {
			d.cmd.Process.Kill()
			<-d.ended
			return
		}
		if err := d.stop(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left in TMPDIR: %v (%v)", left, err)
		}
		if t.Failed() {
			t.Logf("gatewayd wrote:\n%s", last(d.stderr.String(), 16<<10))
		}
	})
	return s
}

// awaitLog waits until gatewayd's log has something that matches, and returns it.
func (s *served) awaitLog(t *testing.T, pattern string) string {
	t.Helper()
	return s.awaitLogFrom(t, 0, pattern)
}

// awaitLogFrom is awaitLog for what comes after so many bytes.
func (s *served) awaitLogFrom(t *testing.T, offset int, pattern string) string {
	t.Helper()
	match, err := s.stderr.await(regexp.MustCompile(pattern), offset, s.ended)
	if err != nil {
		t.Fatal(err)
	}
	return match
}

func configLines(conf string) (n int) {
	for line := range strings.Lines(conf) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}

func writeTestFile(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}

// copyProgram copies a program of testdata/real into a directory, executable.
func copyProgram(t *testing.T, name, dir string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "real", name))
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, filepath.Join(dir, filepath.Base(name)), string(text), 0o755)
}

// client runs commands in a directory and an environment of their own.
type client struct {
	t   *testing.T
	dir string
	env []string
}

// run runs a command that must succeed and returns what it writes, both streams.
func (c client) run(name string, args ...string) string {
	c.t.Helper()
	out, err := c.try(name, args...)
	if err != nil {
		c.t.Fatalf("%s %q: %v\n%s", name, args, err, last(out, 8<<10))
	}
	return out
}

func (c client) try(name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func last(text string, n int) string {
	if len(text) > n {
		return "..." + text[len(text)-n:]
	}
	return text
}

// reply is an answer that has been read to its end.
type reply struct {
	*http.Response
	body string
}

// fetch sends a request, follows no redirect and reads the whole answer.
func fetch(t *testing.T, req *http.Request) reply {
	t.Helper()
	resp, err := (&http.Client{Timeout: time.Minute, CheckRedirect: stay}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", req.Method, req.URL, err)
	}
	return reply{resp, string(body)}
}

// get fetches url, which must answer with status.
func get(t *testing.T, url string, status int) reply {
	t.Helper()
	r := fetch(t, request(t, "GET", url, nil))
	if r.StatusCode != status {
		t.Fatalf("GET %s: status %d, want %d\n%s", url, r.StatusCode, status, last(r.body, 2<<10))
	}
	return r
}

func request(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// wantText fails unless text has each part.
func wantText(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, last(text, 4<<10))
		}
	}
}
