package process

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain is also the program of tests that need a parent with odd signal settings, see helper.
func TestMain(m *testing.M) {
	Shim()
	GuardMain()
	SealInherited()
	// Under nohup, or in the background of a script, the tests are started with these ignored, and so would their
	// children be. gatewayd takes both over.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	switch os.Getenv("PROCESS_TEST_HELPER") {
	case "":
	case "init":
		Init()
		initHelper()
	case "capabilities":
		capabilitiesHelper()
		return
	case "threads":
		threadsHelper()
		return
	case "guarded":
		guardedHelper()
		return
	default:
		helper()
		return
	}
	code := m.Run()
	if left := children(); len(left) > 0 {
		fmt.Println("children left behind:", left)
		code = 1
	}
	os.Exit(code)
}

// helper starts one process and shows what it was given.
func helper() {
	p, err := Start(Spec{Path: "/bin/cat", Args: []string{"cat", "/proc/self/status"}, Stdout: os.Stdout, Stderr: os.Stderr})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	<-p.Done()
}

// children are the processes whose parent is this one, zombies among them.
func children() (all []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		after := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
		if f := strings.Fields(after); len(f) > 1 && f[1] == fmt.Sprint(os.Getpid()) {
			all = append(all, string(stat))
		}
	}
	return all
}

// eventually waits until ok, and fails when that takes longer than it may.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 5s: %s", what)
		}
	}
}

func sh(script string, args ...string) Spec {
	return Spec{Path: "/bin/sh", Args: append([]string{"sh", "-c", script, "sh"}, args...)}
}

func start(t *testing.T, s Spec) *Process {
	t.Helper()
	return startBy(t, Exec{}, s)
}

func startBy(t *testing.T, launcher Launcher, s Spec) *Process {
	t.Helper()
	p, err := launcher.Start(s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop(0); p.Watch(); <-p.Done() })
	return p
}

func wait(t *testing.T, p *Process) State {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the process does not end")
	}
	s, ok := p.State()
	if !ok {
		t.Fatal("Done is closed and there is no State")
	}
	return s
}

// output runs s to its end and returns what it wrote.
func output(t *testing.T, s Spec) string {
	t.Helper()
	ours, theirs, err := OutputPipe("stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	s.Stdout = theirs
	p := start(t, s)
	theirs.Close()
	ours.SetReadDeadline(time.Now().Add(10 * time.Second))
	var b strings.Builder
	if _, err := ours.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	wait(t, p)
	return b.String()
}

func alive(pid int) bool {
	state := processState(pid)
	return state != "" && state != "Z"
}

// processState is the letter of /proc/PID/stat, "" for a process that is not there.
func processState(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	after := string(stat[strings.LastIndexByte(string(stat), ')')+1:])
	return strings.Fields(after)[0]
}
