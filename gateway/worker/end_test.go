package worker

import (
	"strings"
	"testing"

	"gatewayd/gateway/process"
)

func TestHowItEnded(t *testing.T) {
	for _, tt := range []struct {
		script, cause, hint string
	}{
		{"exit 0", "it ended with exit status 0", ""},
		{"echo 'not now'; exit 3", `it ended with exit status 3; its last words: "not now"`, ""},
		{"ulimit -c 0; kill -SEGV $$", "it was killed by SIGSEGV", "the program crashed"},
		{"no-such-command", "it ended with exit status 127", "a command that it wanted to run was not found"},
	} {
		s := Spec{Process: process.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", tt.script}}, Ready: isReady}
		p, _ := pool(t, s)
		err := p.AwaitReady(within10s(t))
		if err == nil {
			t.Fatal("sh is no worker")
		}
		p.mu.Lock()
		f := p.slots[0].failure
		p.mu.Unlock()
		if f == nil || !strings.HasPrefix(f.err.Error(), tt.cause) || !strings.HasPrefix(f.hint, tt.hint) || tt.hint == "" && f.hint != "" {
			t.Errorf("%s: %+v", tt.script, f)
		}
	}
}
