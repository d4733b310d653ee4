package server

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/config"
)

// What a program writes to its standard error is its own, though the request has meanwhile been redirected to another.
func TestStderrOfAProgramThatRedirects(t *testing.T) {
	dir := tree(t, map[string]string{
		"cgi/first":   "#!/bin/sh\n(exec >&-; sleep 0.2; echo late >&2) &\nprintf 'Location: /then/second\\n\\n'\n",
		"then/second": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nsecond\\n'\n",
	})
	conf := load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { output: ./log }\nroutes: { /cgi/*: { cgi: ./cgi }, /then/*: { cgi: ./then } }\n")
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return conf, nil }})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	resp, err := http.Get(s.Addresses()[0] + "/cgi/first")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if string(body) != "second\n" {
		t.Fatalf("%s: %q", resp.Status, body)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		text, _ := os.ReadFile(filepath.Join(dir, "log"))
		for line := range strings.Lines(string(text)) {
			if !strings.Contains(line, "stderr=late") {
				continue
			}
			if !strings.Contains(line, "route=/cgi/*") || !strings.Contains(line, "/cgi/first") {
				t.Errorf("logged as another program's: %s", line)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not logged:\n%s", text)
		}
	}
}
