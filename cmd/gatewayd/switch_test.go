package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/loadclient"
)

// byNature are the variables that a program sees only as a process for each request, or only as a worker, or that
// differ from request to request.
var byNature = []string{"PATH", "FCGI_ROLE", "REMOTE_PORT", "HTTP_X_REQUEST_ID"}

const switchConfig = `
admin: unix:./admin.sock
routes:
  "/app/*": { %s: { run: ./app, workers: 2 }, env: { OF_OURS: "a  b" }, pass_authorization: true }
`

// TestSwitch runs the same program as a process for each request and as a worker, by a change of one word.
func TestSwitch(t *testing.T) {
	t.Parallel()
	answers := map[string][]string{}
	dir := openTempDir(t)
	compileC(t, dir)
	for _, word := range []string{"cgi", "fastcgi"} {
		t.Run(word, func(t *testing.T) {
			s := serveReal(t, dir, fmt.Sprintf(switchConfig, word))
			app := s.url + "/app"
			answers[word] = switchAnswers(t, app)
			echoes(t, app)
			get(t, app+"/stderr?of+"+word, 200)
			s.awaitLog(t, `a complaint: of\+`+word)
			if word == "fastcgi" {
				if pid, count := firstAnswer(t, app); count < 2 {
					t.Errorf("process %d is at its request %d: it is started for each", pid, count)
				}
			} else if pid, count := firstAnswer(t, app); count != 1 {
				t.Errorf("process %d is at its request %d", pid, count)
			}
		})
	}
	if len(answers["cgi"]) == 0 || len(answers["cgi"]) != len(answers["fastcgi"]) {
		t.Fatalf("%d answers and %d", len(answers["cgi"]), len(answers["fastcgi"]))
	}
	for i, want := range answers["cgi"] {
		if got := answers["fastcgi"][i]; got != want {
			t.Errorf("as cgi:\n%s\nas fastcgi:\n%s", want, got)
		}
	}
}

func firstAnswer(t *testing.T, app string) (pid, count int) {
	t.Helper()
	get(t, app, 200)
	get(t, app, 200)
	text := get(t, app, 200).body // of two workers one has been asked twice by now
	if _, err := fmt.Sscan(text, &pid, &count); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return pid, count
}

// switchAnswers are the answers to requests of all kinds, as text.
func switchAnswers(t *testing.T, app string) (all []string) {
	t.Helper()
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/env", ""},
		{"GET", "/env?a=b%20c&d;e", ""},
		{"POST", "/env?q", "a body"},
		{"PUT", "/env", "another"},
		{"DELETE", "/env", ""},
		{"HEAD", "/env", ""},
		{"GET", "/status?404", ""},
		{"GET", "/status?302", ""},
		{"GET", "/large?65536", ""},
		{"GET", "/echo", ""},
	} {
		req := request(t, c.method, app+c.path, strings.NewReader(c.body))
		req.Header.Set("User-Agent", "a test")
		req.Header.Set("Authorization", "Bearer token")
		req.Header.Set("X-Of-Ours", "grüße, ")
		req.Header.Set("Proxy", "http://evil.example")
		req.Host = "www.example.org:8080"
		r := fetch(t, req)
		for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
			r.Header.Del(name)
		}
		all = append(all, fmt.Sprintf("%s %s\n%d %v\n%s", c.method, c.path, r.StatusCode, r.Header, comparable(r.body)))
	}
	return all
}

// comparable is a body as it can be compared: lines in order, without those that differ by nature.
func comparable(body string) string {
	var lines []string
	for line := range strings.Lines(body) {
		name, _, _ := strings.Cut(line, "=")
		if port := "SERVER_PORT"; name == port { // each gatewayd has another
			line = port + "\n"
		}
		if !slices.Contains(byNature, name) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// TestSwitchLive changes the word again and again while requests are under way: none notices.
func TestSwitchLive(t *testing.T) {
	switches := 6
	if soak() {
		switches = 100
	}
	dir := openTempDir(t)
	compileC(t, dir)
	s := serveReal(t, dir, fmt.Sprintf(switchConfig, "cgi"))
	body := bytes.Repeat([]byte("some bytes "), 20_000)
	asks := []loadclient.Request{
		{Target: "/app/large?8192", Want: loadclient.Want{Body: generated(8192)}},
		{Method: "POST", Target: "/app/echo", Body: loadclient.Repeat("some bytes ", int64(len(body))), Length: int64(len(body)), Want: loadclient.Want{Body: body}},
		{Method: "HEAD", Target: "/app/env"},
		{Target: "/app/sleep?30"},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan *loadclient.Report)
	go func() {
		done <- loadclient.Load{Address: strings.TrimPrefix(s.url, "http://"), Clients: 6, Duration: time.Minute * 10, Next: func(n int) *loadclient.Request { return &asks[n%len(asks)] }}.Run(ctx)
	}()
	for n := range switches {
		word := []string{"fastcgi", "cgi"}[n%2]
		offset := len(s.stderr.String())
		replaceTestFile(t, filepath.Join(dir, "gatewayd.yaml"), fmt.Sprintf(switchConfig, word))
		s.awaitLogFrom(t, offset, `generation \d+`)
		time.Sleep(100 * time.Millisecond) // of work under it
	}
	cancel()
	report := <-done
	t.Logf("%d switches: %v", switches, report)
	if report.Failures() > 0 || report.Requests < 20*switches {
		t.Error("requests failed, or there were too few")
	}
	if pid, count := firstAnswer(t, s.url+"/app"); count != 1 {
		t.Errorf("process %d is at its request %d though the program is a process for each", pid, count)
	}
	s.settled(t, func(r remains) bool { return r.children == 0 && r.requests == 0 })
}

// replaceTestFile changes a file as editors do: all at once.
func replaceTestFile(t *testing.T, name, text string) {
	t.Helper()
	writeTestFile(t, name+".new", text, 0o644)
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

// TestCGIUnderFastCGI puts programs that know only CGI where a worker is expected: no request hangs, the log says what to
// change, and everything else is served.
func TestCGIUnderFastCGI(t *testing.T) {
	t.Parallel()
	const startTimeout = 3 * time.Second
	for name, text := range map[string]string{
		"shell":  "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello from %s\\n' \"$0\"\n",
		"perl":   "#!/usr/bin/perl\nprint \"Content-Type: text/plain\\n\\nhello from $0\\n\";\n",
		"python": "#!/usr/bin/python3\nimport sys\nprint('Content-Type: text/plain\\n\\nhello from', sys.argv[0])\n",
		"CGI.pm": "#!/usr/bin/perl\nuse CGI;\nmy $q = CGI->new;\nprint $q->header('text/plain'), \"hello from $0\\n\";\n",
		"reader": "#!/bin/sh\nread line\nprintf 'Content-Type: text/plain\\n\\nhello from %s\\n' \"$0\"\n",
		"silent": "#!/bin/sh\nexec sleep 60\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			writeTestFile(t, filepath.Join(dir, "script"), text, 0o755)
			s := serveReal(t, dir, `
admin: off
start_timeout: 3s
routes:
  "/app/*": { fastcgi: ./script }
  "/*": { respond: { body: "as ever" } }
`)
			begun := time.Now()
			r := get(t, s.url+"/app/", 503)
			if took := time.Since(begun); took > inTime(startTimeout+time.Second) {
				t.Errorf("503 after %v", took)
			}
			if strings.Contains(r.body, dir) || r.Header.Get("Retry-After") == "" {
				t.Errorf("the client is told %q, Retry-After %q", r.body, r.Header.Get("Retry-After"))
			}
			if r := get(t, s.url+"/other", 200); r.body != "as ever" {
				t.Errorf("another route says %q", r.body)
			}
			if name == "silent" {
				s.awaitLog(t, "it was not ready within 3s")
				return
			}
			s.awaitLog(t, "this is a CGI program, not FastCGI: use cgi:")
			s.awaitLog(t, "hello from ")
		})
	}
}
