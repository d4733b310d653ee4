package cgi

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/process"
)

func TestProgramsThatCannotBeStarted(t *testing.T) {
	tests := []struct {
		name, text string
		mode       os.FileMode
		opt        Options
		status     int
		words      []string
	}{
		{"no exec bit", "#!/bin/sh\n", 0o644, Options{}, 403, []string{"is not executable", "chmod +x"}},
		{"no #! line", "echo hello\n", 0o755, Options{}, 502, []string{"no #! line", "exec format error"}},
		{"CR LF", "#!/bin/sh\r\necho\r\n", 0o755, Options{}, 502, []string{"CR LF", "sed -i"}},
		{"interpreter missing", "#!/usr/bin/nonesuch\n", 0o755, Options{}, 502, []string{"/usr/bin/nonesuch", "install nonesuch"}},
		{"directory missing", "#!/bin/sh\n", 0o755, Options{Dir: "/does/not/exist"}, 502, []string{"working directory", "`dir`"}},
		{"variables too big", "#!/bin/sh\n", 0o755, Options{Env: cgispec.Env{Set: []cgispec.Var{{Name: "BIG", Value: strings.Repeat("x", 200<<10)}}}}, 502, []string{"larger than"}},
		{"limit of processes", "#!/bin/sh\n", 0o755, Options{Launcher: refuses{unix.EAGAIN}}, 503, []string{"limit of processes"}},
		{"out of memory", "#!/bin/sh\n", 0o755, Options{Launcher: refuses{unix.ENOMEM}}, 503, []string{"memory"}},
		{"too many files", "#!/bin/sh\n", 0o755, Options{Launcher: refuses{unix.EMFILE}}, 503, []string{"files open"}},
		{"too many files in all", "#!/bin/sh\n", 0o755, Options{Launcher: refuses{unix.ENFILE}}, 503, []string{"files open"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaves(t)
			a := newProgram(t, "", tt.opt)
			a.write(a.file, tt.text, tt.mode)
			e := a.fails(tt.status, append(tt.words, a.file)...)
			if tt.status == 503 && e.RetryAfter <= 0 {
				t.Errorf("no Retry-After: %+v", e)
			}
			if strings.Contains(e.Public, a.dir) || strings.Contains(e.Public, "sh") {
				t.Errorf("the client is told %q", e.Public)
			}
			if n := a.backend.Running(); n != 0 {
				t.Errorf("%d programs are said to run", n)
			}
		})
	}
}

// refuses is a Launcher on a machine that is short of something.
type refuses struct{ errno syscall.Errno }

func (r refuses) Start(process.Spec) (*process.Process, error) {
	return nil, os.NewSyscallError("fork/exec", r.errno)
}

func TestNoDescriptorsLeft(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\nok'\n", Options{})
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	// Each of the descriptors that a request needs is missing once.
	for more := range uint64(8) {
		limit := old
		limit.Cur = uint64(len(open)) - 1 + more
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
			t.Fatal(err)
		}
		resp, err := a.backend.RoundTrip(a.request(context.Background(), "", strings.NewReader("body")))
		if rerr := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); rerr != nil {
			t.Fatal(rerr)
		}
		if err == nil {
			resp.Body.Close()
			if more < 4 {
				t.Errorf("a request with %d descriptors", more)
			}
			continue
		}
		if e := gateway.AsError(err); e.Status != 503 || e.RetryAfter <= 0 {
			t.Errorf("%d descriptors: %d %v", more, e.Status, e)
		}
	}
	if got := a.get("", nil); got != "ok" {
		t.Errorf("afterwards: %q", got)
	}
}

func TestBusyScriptIsTriedAgain(t *testing.T) {
	a := newProgram(t, "", Options{})
	binary, err := os.ReadFile("/usr/bin/printf")
	if err != nil {
		t.Fatal(err)
	}
	a.write(a.file, string(binary), 0o755)
	a.backend.opt.Command = []string{a.file, "A: b\n\nok"}
	w, err := os.OpenFile(a.file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { w.Close() })
	if got := a.get("", nil); got != "ok" {
		t.Errorf("got %q", got)
	}
}

func TestProgramsThatDoNotAnswer(t *testing.T) {
	tests := []struct {
		name, text string
		words      []string
	}{
		{"nothing at all", "#!/bin/sh\nexit 0\n", []string{"without any output", "exit status 0"}},
		{"last words", "#!/bin/sh\necho first >&2\necho cannot open the database >&2\nexit 3\n", []string{"exit status 3", `last words: "first\ncannot open the database"`}},
		{"killed", "#!/bin/sh\nkill -KILL $$\n", []string{"killed by SIGKILL", "dmesg"}},
		{"crashed", "#!/bin/sh\nkill -SEGV $$\n", []string{"killed by SIGSEGV", "crashed"}},
		{"head without end", "#!/bin/sh\necho Content-Type: text/plain\n", []string{"inside the head", "empty line"}},
		{"no header", "#!/bin/sh\necho '<html>hello'\nsleep 60\n", []string{"<html>hello"}},
		{"CR LF behind env", "#!/usr/bin/env sh\r\necho hello\r\n", []string{"exit status 127", "CR LF", "sed -i"}},
		{"missing command behind env", "#!/usr/bin/env no-such-interpreter\n", []string{"exit status 127", "no-such-interpreter", "pass_env"}},
		{"missing command in a shell", "#!/bin/sh\nexec no-such-command\n", []string{"exit status 127", "no-such-command", "was not found"}},
		{"closes its output and goes on", "#!/bin/sh\nexec >&-\nsleep 60\n", []string{"closed its output and went on"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaves(t)
			a := newProgram(t, tt.text, Options{})
			begun := time.Now()
			a.fails(502, tt.words...)
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("took %v", took)
			}
			a.eventually("the program is gone", func() bool { return a.backend.Running() == 0 })
		})
	}
}
