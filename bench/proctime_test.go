package main

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const times = " S 7 1 1 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 1 2 3"
	for _, name := range []string{"(sh)", "(a b)", "(a) R 9 9 (b)", "(\n)", "()"} {
		p, err := parseStat([]byte("42 " + name + times))
		if want := (process{42, 7, 127 * tick}); err != nil || p != want {
			t.Errorf("%q: %+v (%v), want %+v", name, p, err, want)
		}
	}
	for _, bad := range []string{"", "42", "42 (sh", "x (sh)" + times, "42 (sh) S", "42 (sh)" + strings.Replace(times, "100", "x", 1), "42 (sh)" + strings.Replace(times, "7", "x", 1)} {
		if p, err := parseStat([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, p)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("42 (sh) S 7 1 1 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1"))
	f.Fuzz(func(t *testing.T, stat []byte) { parseStat(stat) })
}

// What the children of a child have used counts, of those that run and of those that have been waited for.
func TestTreeTime(t *testing.T) {
	const spin = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done"
	for _, tt := range []struct{ name, script string }{
		{"waited for", "sh -c '" + spin + "'; echo; read x"},
		{"still running", "sh -c '" + spin + "; echo; read x'; :"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cmd := exec.Command("sh", "-c", tt.script)
			in, err := cmd.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer cmd.Wait()
			defer in.Close()
			out.Read(make([]byte, 1))
			if used, err := treeTime(cmd.Process.Pid); err != nil || used < 5*tick || used > time.Minute {
				t.Errorf("%v (%v)", used, err)
			}
		})
	}
}

func TestIgnoresChildren(t *testing.T) {
	if ignoresChildren(os.Getpid()) {
		t.Error("the test does not ignore SIGCHLD")
	}
	cmd := exec.Command("env", "--ignore-signal=CHLD", "sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Signal(syscall.SIGKILL)
	for deadline := time.Now().Add(10 * time.Second); !ignoresChildren(cmd.Process.Pid); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the child ignores SIGCHLD, and that is not seen")
		}
	}
	if _, err := treeTime(cmd.Process.Pid); err == nil {
		t.Error("its figures are taken for whole")
	}
}
