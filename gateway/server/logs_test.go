package server

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/config"
)

// A log file that has become a FIFO without a reader must not stop the server: the old file goes on.
func TestReopenDoesNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	from := newSinks()
	l, err := openLogs(config.Log{Output: path, Level: "info", Format: "json", Access: "off"}, from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- from.reopen() }()
	select {
	case err := <-ended:
		if err == nil {
			t.Error("a FIFO without a reader was opened")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Reopen waits for a reader")
	}
	l.log.Info().Msg("still here")
	from.close()
	if text, _ := os.ReadFile(path + ".old"); !strings.Contains(string(text), "still here") {
		t.Errorf("the old file has %q", text)
	}
}

// Two generations share their logs and the third has others: the end of the first must not close what the second
// still writes to.
func TestLogsOfASecondGeneration(t *testing.T) {
	dir := tree(t, map[string]string{"cgi/wait": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nbegun\\n'\nwhile [ ! -e go ]; do sleep 0.02; done\n"})
	text := func(log, route string) *config.Config {
		return load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { output: ./"+log+" }\nroutes: { /cgi/*: { cgi: ./cgi }, "+route+": { respond: { status: 200, body: hello } } }\n")
	}
	conf := text("first.log", "/one")
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return conf, nil }})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	first := s.acquire()
	reload := func(next *config.Config) {
		t.Helper()
		conf = next
		if _, err := s.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	reload(text("first.log", "/two"))
	resp, err := http.Get(s.Addresses()[0] + "/cgi/wait") // holds the second generation
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	reload(text("second.log", "/three"))
	first.release()
	select {
	case <-first.closed:
	case <-time.After(10 * time.Second):
		t.Fatal("the first generation is not closed")
	}
	if err := os.WriteFile(filepath.Join(dir, "cgi/go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(dir, "first.log"))
		if strings.Contains(string(text), "GET /cgi/wait") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the request's line is lost; the log has\n%s", text)
		}
	}
}

// serveLogging serves routes and logs as conf says, until the end of the test.
func serveLogging(t *testing.T, dir, routes string, conf config.Log) (s *Server, url string) {
	t.Helper()
	c := load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nroutes: { "+routes+" }\n")
	c.Log = conf
	s = New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return c, nil }})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return s, s.Addresses()[0]
}

func fetch(t *testing.T, url string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
		t.Fatalf("%s, %v", resp.Status, err)
	}
}

func TestAccessLogThatCannotBeWritten(t *testing.T) {
	dir := tree(t, map[string]string{})
	log := filepath.Join(dir, "log")
	s, url := serveLogging(t, dir, "/*: { respond: { status: 200, body: hello } }",
		config.Log{Level: "info", Format: "json", Output: log, Access: "combined", AccessOutput: "/dev/full"})
	for range 100 {
		fetch(t, url)
	}
	until(t, "the server's log says so", contains(log, "the access log cannot be written"))
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := s.Status().(Status).LinesLost; n != 100 {
		t.Errorf("%d lines lost, not 100", n)
	}
}

func TestAccessLogForms(t *testing.T) {
	for _, c := range []struct{ format, access, want string }{
		{"auto", "auto", `"GET /a HTTP/1.1" 200 5 `}, {"text", "auto", `ms host="`}, {"json", "auto", `,"uri":"/a",`},
		{"json", "text", `"GET /a HTTP/1.1" 200 5 `}, {"text", "json", `,"uri":"/a",`}, {"json", "combined", `"GET /a HTTP/1.1" 200 5 "-" "Go-http-client/1.1"`},
	} {
		dir := tree(t, map[string]string{})
		log := filepath.Join(dir, "log")
		s, url := serveLogging(t, dir, "/*: { respond: { status: 200, body: hello } }", config.Log{Level: "info", Format: c.format, Output: log, Access: c.access})
		fetch(t, url+"/a")
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !contains(log, c.want)() {
			text, _ := os.ReadFile(log)
			t.Errorf("%s, %s: %s", c.format, c.access, text)
		}
	}
}

// What a program says after its generation is gone is logged where the server logs by then.
func TestLastWordsAfterAReload(t *testing.T) {
	dir := tree(t, map[string]string{"cgi/late": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nanswer\\n'\nexec >&-\nwhile [ ! -e go ]; do sleep 0.02; done\necho late >&2\n"})
	section := func(log string) config.Log {
		return config.Log{Level: "info", Format: "json", Output: filepath.Join(dir, log), Access: "off"}
	}
	s, url := serveLogging(t, dir, "/cgi/*: { cgi: ./cgi }", section("first.log"))
	fetch(t, url+"/cgi/late")
	first := s.acquire()
	next := *first.Config
	next.Log = section("second.log")
	s.opt.Load = func() (*config.Config, config.Problems) { return &next, nil }
	if _, err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	first.release()
	<-first.closed
	if err := os.WriteFile(filepath.Join(dir, "cgi/go"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "the last words are logged", contains(filepath.Join(dir, "second.log"), `"stderr":"late"`))
}
