package worker

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/process"
	"gatewayd/gateway/upstream"
)

func pidsOf(p *Pool) map[int]bool {
	pids := map[int]bool{}
	for _, w := range p.Stats().Workers {
		pids[w.PID] = true
	}
	return pids
}

// TestRestartUnderLoad: no request fails, and every worker is another one afterwards.
func TestRestartUnderLoad(t *testing.T) {
	s := spec(t, "serves")
	s.Workers = 3
	p, _ := readyPool(t, s)
	var over atomic.Bool
	var clients sync.WaitGroup
	for range 6 {
		clients.Go(func() {
			for !over.Load() {
				l, err := p.Lease(within10s(t), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := say(l, askPid); err != nil {
					t.Error("a request has failed:", err)
					l.Release(upstream.Broken)
					return
				}
				l.Release(upstream.Served)
			}
		})
	}
	for range 20 {
		before := pidsOf(p)
		if err := p.Restart(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		for pid := range pidsOf(p) {
			if before[pid] || pid == 0 {
				t.Errorf("worker %d was there before the restart", pid)
			}
		}
		eventually(t, "the old ones have ended", func() bool {
			for pid := range before {
				if alive(pid) {
					return false
				}
			}
			return true
		})
	}
	over.Store(true)
	clients.Wait()
	if stats := p.Stats(); stats.RollingRestarts != 20 || stats.Restarting {
		t.Errorf("%+v", stats)
	}
}

// TestRestartLetsRequestsEnd: a worker that is at work goes when it is done.
func TestRestartLetsRequestsEnd(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	pid := pidOf(t, p)
	l := lease(t, p)
	answered := make(chan string, 1)
	go func() {
		answer, err := say(l, askSlower)
		if err != nil {
			answer = err.Error()
		}
		answered <- answer
	}()
	began := time.Now()
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > time.Second {
		t.Error("it has waited for the request:", took)
	}
	if now := pidOf(t, p); now == pid {
		t.Error("the old worker still gets requests")
	}
	if answer := <-answered; atoi(answer) != pid {
		t.Errorf("the old worker's request: %s", answer)
	}
	l.Release(upstream.Served)
	eventually(t, "the old worker has ended", func() bool { return !alive(pid) })
}

func TestRestartEndsWhatTakesTooLong(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	pid := pidOf(t, p)
	l := lease(t, p)
	failed := make(chan error, 1)
	go func() {
		_, err := say(l, askHang)
		failed <- err
	}()
	if err := p.Restart(t.Context(), 200*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if left := p.Stats().Leaving; len(left) != 1 || left[0].PID != pid || left[0].Busy != 1 {
		t.Errorf("leaving: %+v", left)
	}
	if err := <-failed; err == nil {
		t.Error("it has answered")
	}
	if how, _ := l.Ending(); !strings.Contains(how, "rolling restart") {
		t.Errorf("how it has ended: %q", how)
	}
	l.Release(upstream.Broken)
	eventually(t, "the old worker has ended", func() bool { return !alive(pid) })
}

// TestRestartThatFails: the program is broken now; those that run go on.
func TestRestartThatFails(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s := spec(t, "later", "MARK="+mark)
	s.Workers = 2
	p, r := readyPool(t, s)
	before := pidsOf(p)
	os.Remove(mark)
	var failure *gateway.Error
	if err := p.Restart(t.Context(), 0); !errors.As(err, &failure) || !strings.Contains(err.Error(), "exit status 4") {
		t.Fatal(err)
	}
	for pid := range pidsOf(p) {
		if !before[pid] {
			t.Errorf("worker %d is new", pid)
		}
	}
	ask(t, p, askPid)
	if told := r.of(GaveUp); len(told) > 0 {
		t.Errorf("nothing was given up, and the log says %v", told)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Error(err)
	}
}

// replaceable makes the program of s one that put replaces by a shell script.
func replaceable(t *testing.T, s *Spec) (put func(script string)) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "program")
	if err := os.Symlink(s.Process.Path, program); err != nil {
		t.Fatal(err)
	}
	s.Process.Path = program
	return func(script string) {
		t.Helper()
		if err := os.WriteFile(program+".new", []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(program+".new", program); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRestartWithABadVersion: whatever is wrong with the new program, and whether it was asked or not, the old one serves.
func TestRestartWithABadVersion(t *testing.T) {
	for _, c := range []struct{ mode, script, want string }{
		{"serves", "exec sleep 60", "not ready within 1s"},
		{"serves", "echo half a >&2; exit 3", "half a"},
		{"touchy", "exec sleep 60", "not ready within 1s"},
		{"touchy", "echo half a >&2; exit 3", "half a"},
		{"mute", "exit 0", "exit status 0"},
	} {
		t.Run(c.mode+" "+c.script, func(t *testing.T) {
			s := spec(t, c.mode)
			s.Workers, s.StartTimeout = 2, time.Second
			put := replaceable(t, &s)
			p, r := readyPool(t, s)
			before := pidsOf(p)
			put(c.script)
			if err := p.Restart(t.Context(), 0); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Error(err)
			}
			if now := pidsOf(p); !maps.Equal(now, before) {
				t.Errorf("%v were replaced by %v", before, now)
			}
			ask(t, p, askPid)
			if told := r.of(GaveUp); len(told) > 0 || p.Stats().RollingRestarts != 0 {
				t.Errorf("nothing was given up or restarted; the log says %v, the status %+v", told, p.Stats())
			}
		})
	}
}

// TestRestartOfWorkersThatCannotBeAsked: those that do not survive the question are replaced all the same.
func TestRestartOfWorkersThatCannotBeAsked(t *testing.T) {
	s := spec(t, "touchy")
	s.Workers = 2
	p, r := readyPool(t, s)
	before := pidsOf(p)
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	for pid := range pidsOf(p) {
		if before[pid] {
			t.Errorf("worker %d was not replaced", pid)
		}
	}
	ask(t, p, askPid)
	if n := len(r.of(Died)) + len(r.of(GaveUp)); n > 0 {
		t.Errorf("the log complains of %d workers", n)
	}
}

// TestRestartOfWhatHasGivenUp: a mended program does not wait for the end of a pause.
func TestRestartOfWhatHasGivenUp(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	s := spec(t, "later", "MARK="+mark)
	s.Workers = 3
	p, r := pool(t, s)
	eventually(t, "every worker has failed four times", func() bool {
		for _, w := range p.Stats().Workers {
			if w.Failure == "" || w.Restarts < 4 {
				return false
			}
		}
		return true
	})
	if told := r.of(GaveUp); len(told) != 1 {
		t.Errorf("of one and the same failure the log was told %d times", len(told))
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	ask(t, p, askPid)
	if len(r.of(Recovered)) == 0 {
		t.Error("the log was not told that workers are there again")
	}
}

// TestRestartAndTheEnd: neither waits for the other for long.
func TestRestartAndTheEnd(t *testing.T) {
	s := spec(t, "slow")
	p, _ := pool(t, s)
	result := make(chan error, 1)
	go func() { result <- p.Restart(context.Background(), 0) }()
	eventually(t, "the restart has begun", func() bool { return p.Stats().Restarting })
	p.Close(within10s(t))
	if err := <-result; err == nil {
		t.Error("restarted though it is closed")
	}
	if err := p.Restart(context.Background(), 0); err == nil {
		t.Error("restarted though it was closed")
	}
}

// killing is a Launcher whose processes are killed at once.
type killing struct{}

func (killing) Start(s process.Spec) (*process.Process, error) {
	proc, err := process.Exec{}.Start(s)
	if err == nil {
		syscall.Kill(proc.Pid(), syscall.SIGKILL)
	}
	return proc, err
}

// TestRestartWhoseNewWorkerIsKilled: before it is ready that fails the restart; afterwards it is started again as always.
func TestRestartWhoseNewWorkerIsKilled(t *testing.T) {
	s := spec(t, "slow")
	p, _ := readyPool(t, s)
	old := pidOf(t, p)
	p.opt.Launcher = killing{}
	result := make(chan error, 1)
	go func() { result <- p.Restart(context.Background(), 0) }()
	if err := <-result; err == nil || !strings.Contains(err.Error(), "killed by SIGKILL") {
		t.Error(err)
	}
	if pidOf(t, p) != old {
		t.Error("the old worker does not serve")
	}
	p.opt.Launcher = process.Exec{}
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	fresh := pidOf(t, p)
	syscall.Kill(fresh, syscall.SIGKILL)
	eventually(t, "another takes its place", func() bool {
		w := p.Stats().Workers[0]
		return w.PID != 0 && w.PID != fresh && w.State == "ready"
	})
}

// TestRestartsFollowEachOther: the second replaces what the first has brought.
func TestRestartsFollowEachOther(t *testing.T) {
	s := spec(t, "serves")
	s.Workers = 9 // the last eight by twos
	p, _ := readyPool(t, s)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if err := p.Restart(t.Context(), 0); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	eventually(t, "all that were replaced are gone", func() bool { return len(p.Stats().Leaving) == 0 })
	stats := p.Stats()
	if stats.RollingRestarts != 3 || stats.Restarting || len(pidsOf(p)) != 9 || pidsOf(p)[0] {
		t.Errorf("%+v", stats)
	}
	for _, w := range stats.Workers {
		if w.Restarts != 3 || w.State != "ready" {
			t.Errorf("%+v", w)
		}
	}
}

func TestRegistryKnowsOldVersions(t *testing.T) {
	dir := t.TempDir()
	s := spec(t, "serves")
	program := filepath.Join(dir, "program")
	text, err := os.ReadFile(s.Process.Path)
	if err != nil {
		t.Fatal(err)
	}
	install := func() {
		if err := os.WriteFile(program+".new", text, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(program+".new", program); err != nil {
			t.Fatal(err)
		}
	}
	install()
	s.Process.Path = program
	r := NewRegistry(Options{Dir: t.TempDir()})
	defer r.Close(within10s(t))
	p, _ := r.Acquire(s)
	awaitReady(t, p)
	if r.Outdated(s) {
		t.Error("outdated from the beginning")
	}
	install()
	again, fresh := r.Acquire(s)
	if again != p || fresh {
		t.Error("a new version was made another pool")
	}
	if !r.Outdated(s) {
		t.Error("a new version was not noticed")
	}
	if err := r.Restart(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	if r.Outdated(s) {
		t.Error("outdated after a restart")
	}
}
