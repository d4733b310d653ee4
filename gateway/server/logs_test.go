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
