package cgi

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/process"
)

// firstLine reads a line of an answer that goes on.
func firstLine(t *testing.T, r io.Reader) string {
	t.Helper()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return strings.TrimSpace(line)
}

func TestClientLeaves(t *testing.T) {
	const within = 8 * time.Second // far below StopTimeout and the programs' own time
	tests := []struct {
		name, text string
		stop       time.Duration
	}{
		{"a silent program", "#!/bin/sh\nprintf 'A: b\\n\\n'; echo $$; exec sleep 60\n", time.Minute},
		{"a writing program", "#!/bin/sh\nprintf 'A: b\\n\\n'; echo $$; exec cat /dev/zero\n", time.Minute},
		{"one that ignores SIGTERM", "#!/bin/sh\ntrap '' TERM PIPE; printf 'A: b\\n\\n'; echo $$; while :; do sleep 1; done\n", 1500 * time.Millisecond},
		{"a grandchild", "#!/bin/sh\nprintf 'A: b\\n\\n'; sleep 60 & echo $!; wait\n", time.Minute},
		{"a grandchild that ignores SIGTERM", "#!/bin/sh\nprintf 'A: b\\n\\n'; sh -c \"trap '' TERM; echo \\$\\$; sleep 60; sleep 60\" & wait\n", time.Minute},
		{"a pipeline", "#!/bin/sh\nprintf 'A: b\\n\\n'; sh -c 'echo $$; exec sleep 60' | cat\n", time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaves(t)
			a := newProgram(t, tt.text, Options{StopTimeout: tt.stop})
			ctx, leave := context.WithCancel(context.Background())
			defer leave()
			resp := a.start(ctx, "", nil)
			pid := firstLine(t, resp.Body)
			if !alive(a, pid) {
				t.Fatalf("%q does not run", pid)
			}
			begun := time.Now()
			leave()
			_, err := io.Copy(io.Discard, resp.Body)
			if gateway.AsError(err) == nil || gateway.AsError(err).Status != gateway.StatusClientClosed {
				t.Errorf("the answer ends with %v", err)
			}
			resp.Body.Close()
			if took := time.Since(begun); took > min(5*time.Second, tt.stop*9/10) {
				t.Errorf("the answer ended after %v", took)
			}
			a.eventually("the program is gone", func() bool { return a.backend.Running() == 0 && !alive(a, pid) })
			if took := time.Since(begun); took > within {
				t.Errorf("the program was gone after %v", took)
			}
		})
	}
}

// The program ends though nobody reads its answer, as when a slow client holds up the copying.
func TestClientLeavesWhileNobodyReads(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'; exec sleep 60\n", Options{})
	ctx, leave := context.WithCancel(context.Background())
	resp := a.start(ctx, "", nil)
	leave()
	a.eventually("the program is gone", func() bool { return a.backend.Running() == 0 })
	resp.Body.Close()
}

// slowExit is a machine on which the end of a process is noticed late.
type slowExit struct{}

func (slowExit) Start(s process.Spec) (*process.Process, error) {
	exited := s.OnExit
	s.OnExit = func(state process.State) {
		time.Sleep(50 * time.Millisecond)
		exited(state)
	}
	return process.Start(s)
}

func TestDeathIsSeenOnASlowMachine(t *testing.T) {
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\npart'; kill -KILL $$\n", Options{Launcher: slowExit{}})
	resp := a.start(context.Background(), "", nil)
	if data, err := io.ReadAll(resp.Body); err == nil || string(data) != "part" {
		t.Errorf("%q, then %v", data, err)
	}
}

func TestProgramMayCleanUp(t *testing.T) {
	// A loop of short sleeps: a shell that is about to block in read misses a signal that comes just before.
	a := newProgram(t, "#!/bin/sh\ntrap 'echo > cleaned; exit' TERM; printf 'A: b\\n\\nready\\n'; while :; do sleep 0.05; done\n", Options{StopTimeout: time.Minute})
	resp := a.start(context.Background(), "", nil)
	firstLine(t, resp.Body)
	resp.Body.Close()
	a.eventually("the program has cleaned up", func() bool {
		_, err := os.Stat(filepath.Join(a.dir, "cleaned"))
		return err == nil
	})
}

func TestDeadlineIs504(t *testing.T) {
	a := newProgram(t, "#!/bin/sh\nexec sleep 60\n", Options{})
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	_, err := a.backend.RoundTrip(a.request(ctx, "", nil))
	if e := gateway.AsError(err); e == nil || e.Status != 504 {
		t.Errorf("error %v", err)
	}
}

// A child in the background that keeps standard output open does not keep the answer open for ever.
func TestBackgroundChild(t *testing.T) {
	t.Parallel()
	const part = 30_000
	text := "#!/bin/sh\nprintf 'A: b\\n\\n'; head -c " + strconv.Itoa(part) + " /dev/zero; sleep 60 & echo $! > pid\n"
	for _, tt := range []struct {
		name string
		wait time.Duration // before the answer is read
	}{{"a quick reader", 0}, {"a slow reader", lingerTime + 200*time.Millisecond}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := newProgram(t, text, Options{})
			resp := a.start(context.Background(), "", nil)
			a.eventually("the program has ended", func() bool { return a.backend.Running() == 0 })
			ended := time.Now()
			time.Sleep(tt.wait)
			if got := a.all(resp); got != strings.Repeat("\x00", part) {
				t.Errorf("%d bytes", len(got))
			}
			if took := time.Since(ended); took < lingerTime-200*time.Millisecond || took > lingerTime+5*time.Second {
				t.Errorf("the answer ended %v after the program", took)
			}
			pid, err := os.ReadFile(filepath.Join(a.dir, "pid"))
			if err != nil {
				t.Fatal(err)
			}
			child := strings.TrimSpace(string(pid))
			if !alive(a, child) {
				t.Error("the child was ended after a normal end of the program")
			}
			n, _ := strconv.Atoi(child)
			syscall.Kill(n, syscall.SIGKILL)
		})
	}
}

func TestBackgroundChildThatWritesOnDoesNotGoOnForEver(t *testing.T) {
	t.Parallel()
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'; cat /dev/zero & echo $! > pid\n", Options{})
	resp := a.start(context.Background(), "", nil)
	begun := time.Now()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}
	if took := time.Since(begun); took > lingerTime+5*time.Second {
		t.Errorf("the answer ended after %v", took)
	}
}

func TestBackgroundChildWithClosedDescriptorsDoesNotDelay(t *testing.T) {
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\ndone'; sleep 60 < /dev/null > /dev/null 2>&1 & echo $! > pid\n", Options{})
	begun := time.Now()
	if got := a.get("", nil); got != "done" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(begun); took > lingerTime*9/10 {
		t.Errorf("the answer ended after %v", took)
	}
	pid, err := os.ReadFile(filepath.Join(a.dir, "pid"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(pid)))
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(n, syscall.SIGKILL)
}

const worksOn = "#!/bin/sh\nprintf 'A: b\\n\\nwhole'; exec >&- 2>&-; echo $$ > pid; exec sleep 60\n"

func TestProgramThatWorksOnAfterItsAnswer(t *testing.T) {
	tests := []struct {
		name    string
		timeout time.Duration
		end     func(a *app)
	}{
		{"ends with timeout", 300 * time.Millisecond, func(*app) {}},
		{"ends with Close", 0, func(a *app) { a.backend.Close() }},
		{"ends when Wait has no more time", 0, func(a *app) {
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			if err := a.backend.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
				a.Errorf("Wait: %v", err)
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			leaves(t)
			a := newProgram(t, worksOn, Options{Timeout: tt.timeout})
			ctx, leave := context.WithCancel(context.Background())
			resp := a.start(ctx, "", nil)
			begun := time.Now()
			if got := a.all(resp); got != "whole" {
				t.Errorf("got %q", got)
			}
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the answer ended after %v", took)
			}
			leave() // as the server does when the answer has been sent
			var pid string
			a.eventually("the program works on", func() bool {
				text, _ := os.ReadFile(filepath.Join(a.dir, "pid"))
				pid = strings.TrimSpace(string(text))
				return pid != ""
			})
			if !alive(a, pid) || a.backend.Running() != 1 {
				t.Errorf("%d programs run", a.backend.Running())
			}
			tt.end(a)
			a.eventually("the program is gone", func() bool { return a.backend.Running() == 0 && !alive(a, pid) })
		})
	}
}

func TestWaitIsPatient(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\nwhole'; exec >&- 2>&-; sleep 0.3; echo > done\n", Options{})
	a.get("", nil)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := a.backend.Wait(ctx); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(a.dir, "done")); err != nil {
		t.Error("Wait returned before the program had ended")
	}
}

func TestClosedBackend(t *testing.T) {
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'\n", Options{})
	if err := a.backend.Close(); err != nil {
		t.Error(err)
	}
	a.fails(503)
	if err := a.backend.Close(); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsARunningRequest(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\npart'; exec sleep 60\n", Options{})
	resp := a.start(context.Background(), "", nil)
	time.AfterFunc(20*time.Millisecond, func() { a.backend.Close() })
	if data, err := io.ReadAll(resp.Body); err == nil || string(data) != "part" {
		t.Errorf("%q %v, want a broken answer", data, err)
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	for name, text := range map[string]string{
		"by itself":                          "#!/bin/sh\nprintf 'A: b\\n\\npart'; echo going down >&2; kill -KILL $$\n",
		"with a length":                      "#!/bin/sh\nprintf 'Content-Length: 100\\n\\npart'; echo going down >&2; kill -SEGV $$\n",
		"while a child holds on to output":   "#!/bin/sh\nprintf 'A: b\\n\\npart'; echo going down >&2; sleep 0.2 & kill -KILL $$\n",
		"after it has closed standard error": "#!/bin/sh\nprintf 'A: b\\n\\npart'; echo going down >&2; exec 2>&-; kill -TERM $$\n",
	} {
		t.Run(name, func(t *testing.T) {
			leaves(t)
			a := newProgram(t, text, Options{})
			resp := a.start(context.Background(), "", nil)
			data, err := io.ReadAll(resp.Body)
			if string(data) != "part" || err == nil || !strings.Contains(err.Error(), "was killed by SIG") || !strings.Contains(err.Error(), "going down") {
				t.Errorf("%q, then %v", data, err)
			}
			resp.Body.Close()
		})
	}
}

// Half a body must not look like a whole one: the program is gone before its input ends.
func TestProgramNeverSeesTheEndOfHalfABody(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\ntrap '' TERM; cat > /dev/null; echo > whole; printf 'A: b\\n\\nwhole'\n", Options{})
	for range 20 {
		body := io.MultiReader(strings.NewReader(strings.Repeat("x", 1000)), brokenReader{})
		if _, err := a.backend.RoundTrip(a.request(context.Background(), "", body)); gateway.AsError(err) == nil || gateway.AsError(err).Status != 400 {
			t.Fatalf("error %v", err)
		}
	}
	a.eventually("the programs are gone", func() bool { return a.backend.Running() == 0 })
	if _, err := os.Stat(filepath.Join(a.dir, "whole")); err == nil {
		t.Error("the program took half a body for a whole one")
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// A body that breaks off when the program has already answered and ended takes nothing from the answer.
func TestBodyThatBreaksOffTooLateToMatter(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'Status: 413\\n\\nenough'\n", Options{})
	r, w := io.Pipe()
	resp := a.start(context.Background(), "", r)
	a.eventually("the program has ended", func() bool { return a.backend.Running() == 0 })
	w.CloseWithError(io.ErrUnexpectedEOF)
	a.eventually("the body has been given up", func() bool {
		return resp.Body.(*body).run.stdin.SetWriteDeadline(time.Time{}) != nil // closed
	})
	if got := a.all(resp); got != "enough" {
		t.Errorf("got %q", got)
	}
}

func TestExiting(t *testing.T) {
	pid, err := syscall.ForkExec("/bin/true", []string{"true"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); !exiting(pid) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
	}
	if !exiting(pid) {
		t.Error("a process that has ended and was not waited for is not exiting")
	}
	if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
		t.Error(err)
	}
	if exiting(os.Getpid()) {
		t.Error("this process is exiting")
	}
	if _, ok := statField([]byte("1 (odd ) name) S 2 3"), 5); !ok {
		t.Error("a name with a parenthesis")
	}
	if _, ok := statField([]byte("nonsense"), 9); ok {
		t.Error("a flag in nonsense")
	}
}
