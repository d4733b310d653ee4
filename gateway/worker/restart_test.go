package worker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway"
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
	if err := p.Restart(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil {
		t.Error("it has answered")
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

// TestRestartOfWhatHangs: a new worker that never listens leaves the old one alone, for as long as it may take.
func TestRestartOfWhatHangs(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	s := spec(t, "serves")
	if err := os.Symlink(s.Process.Path, program); err != nil {
		t.Fatal(err)
	}
	s.Process.Path, s.StartTimeout = program, 300*time.Millisecond
	p, _ := readyPool(t, s)
	pid := pidOf(t, p)
	script := filepath.Join(t.TempDir(), "hangs")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	os.Remove(program)
	if err := os.Symlink(script, program); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context(), 0); err == nil || !strings.Contains(err.Error(), "not ready within 300ms") {
		t.Error(err)
	}
	if pidOf(t, p) != pid {
		t.Error("the old worker was replaced")
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

// TestRestartWhileNewWorkersDie: killed before it is ready, a new one fails the restart; killed afterwards it is started
// again as always.
func TestRestartWhileNewWorkersDie(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	pid := pidOf(t, p)
	syscall.Kill(pid, syscall.SIGKILL)
	eventually(t, "another takes its place", func() bool {
		stats := p.Stats().Workers[0]
		return stats.PID != 0 && stats.PID != pid && stats.State == "ready"
	})
	if err := p.Restart(t.Context(), 0); err != nil {
		t.Error(err)
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
	if r.Outdated(p) {
		t.Error("outdated from the beginning")
	}
	install()
	again, fresh := r.Acquire(s)
	if again != p || fresh {
		t.Error("a new version was made another pool")
	}
	if !r.Outdated(p) {
		t.Error("a new version was not noticed")
	}
	if err := r.Restart(t.Context(), p, 0); err != nil {
		t.Fatal(err)
	}
	if r.Outdated(p) {
		t.Error("outdated after a restart")
	}
}
