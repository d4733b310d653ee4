package server

import (
	"io"
	"testing"

	"gatewayd/gateway/config"
)

// Once the file is again what runs, the status must not go on about a refused one.
func TestProblemsEndWhenTheConfigIsTakenBack(t *testing.T) {
	dir := t.TempDir()
	good := load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { level: error, output: ./log, access: off }\nroutes: { /*: { respond: { status: 200, body: hello } } }\n")
	var problems config.Problems
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) {
		if problems != nil {
			return nil, problems
		}
		return good, nil
	}})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	problems = config.Problems{{Severity: config.Error, Text: "wrong"}}
	if _, err := s.Reload(); err == nil {
		t.Fatal("a wrong config was applied")
	}
	if got := s.Status().(Status).Reloads.LastProblems; len(got) != 1 {
		t.Fatalf("refused, and the status has %q", got)
	}
	problems = nil
	if _, err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if got := s.Status().(Status).Reloads.LastProblems; len(got) != 0 {
		t.Errorf("taken back, and the status still has %q", got)
	}
}
