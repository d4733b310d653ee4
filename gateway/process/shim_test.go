package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nobody is somebody without rights.
func nobody() *User { return &User{Name: "nobody", UID: 65534, GID: 65534} }

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, as scripts/test.sh does")
	}
}

func ptr[T any](v T) *T { return &v }

// statusOf are fields of the child's /proc/self/status, one a line.
func statusOf(t *testing.T, s Spec, fields string) string {
	t.Helper()
	s.Path, s.Args = "/bin/grep", []string{"grep", "-E", "^(" + fields + "):", "/proc/self/status"}
	return strings.ReplaceAll(output(t, s), "\t", " ")
}

func TestUser(t *testing.T) {
	needRoot(t)
	user := &User{Name: "somebody", UID: 12345, GID: 12346, Groups: []uint32{12347, 12348}}
	want := "Uid: 12345 12345 12345 12345\nGid: 12346 12346 12346 12346\nGroups: 12347 12348 \nCapPrm: 0000000000000000\nCapEff: 0000000000000000\n"
	const fields = "Uid|Gid|Groups|CapEff|CapPrm"
	if got := statusOf(t, Spec{User: user}, fields); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := statusOf(t, Spec{User: user, Umask: ptr(0)}, fields); got != want {
		t.Errorf("by the shim: got %q, want %q", got, want)
	}
	for _, s := range []Spec{{User: nobody()}, {User: nobody(), Umask: ptr(0)}} {
		if got := statusOf(t, s, "Groups"); got != "Groups:  \n" {
			t.Errorf("groups are left over: %q", got)
		}
	}
}

func TestDirectoryIsEnteredAsTheUser(t *testing.T) {
	needRoot(t)
	closed := t.TempDir() // 0700, root's
	for _, s := range []Spec{{User: nobody()}, {User: nobody(), Umask: ptr(0)}} {
		s.Path, s.Dir = "/bin/true", closed
		_, err := Start(s)
		if !errors.Is(err, unix.EACCES) {
			t.Fatalf("got %v", err)
		}
		if d := Explain(s, err); !strings.Contains(d.Cause, "may not be") || !strings.Contains(d.Cause, "by nobody") || !strings.Contains(d.Hint, "chmod o+x") {
			t.Errorf("%+v", d)
		}
	}
}

// limited runs ulimit in a shell with the limits.
func limited(t *testing.T, flags string, s Spec) string {
	t.Helper()
	s.Path, s.Args = "/bin/bash", []string{"bash", "-c", "for f in " + flags + "; do ulimit -S$f; ulimit -H$f; done"}
	return strings.Join(strings.Fields(output(t, s)), " ")
}

func TestLimits(t *testing.T) {
	needRoot(t)
	for _, tt := range []struct {
		limits []Limit
		flags  string
		want   string
	}{
		{[]Limit{{unix.RLIMIT_CPU, 7}}, "t", "7 8"},
		{[]Limit{{unix.RLIMIT_AS, 64 << 20}}, "v", "65536 65536"},
		{[]Limit{{unix.RLIMIT_NOFILE, 77}}, "n", "77 77"},
		{[]Limit{{unix.RLIMIT_NPROC, 99}}, "u", "99 99"},
		{[]Limit{{unix.RLIMIT_CORE, 0}}, "c", "0 0"},
		{[]Limit{{unix.RLIMIT_AS, 96 << 20}, {unix.RLIMIT_CPU, unix.RLIM_INFINITY}, {unix.RLIMIT_NOFILE, 20}}, "v t n", "98304 98304 unlimited unlimited 20 20"},
	} {
		for _, user := range []*User{nil, nobody()} {
			if got := limited(t, tt.flags, Spec{Limits: tt.limits, User: user}); got != tt.want {
				t.Errorf("%v as %v: got %s, want %s", tt.limits, user, got, tt.want)
			}
		}
	}
}

// What is not limited is as if there were no shim: the limit of files above all, which Go raises for itself.
func TestShimChangesNothingElse(t *testing.T) {
	const flags = "c d f l m n s t u v"
	plain := limited(t, flags, Spec{})
	if got := limited(t, flags, Spec{Umask: ptr(0o22)}); got != plain {
		t.Errorf("limits %s, want %s", got, plain)
	}
	const show = `tr '\0' '\n' < /proc/self/environ; tr '\0' ' ' < /proc/self/cmdline; pwd; ls /proc/self/fd; grep -E '^(Sig(Blk|Ign|Cgt|Q)|ShdPnd|NoNewPrivs|Seccomp):' /proc/self/status | grep -v SigQ`
	s := Spec{Path: "/bin/sh", Args: []string{"odd name", "-c", show, "a b", ""}, Env: []string{"B=2", "A=1 \xff", "EMPTY="}, Dir: "/usr"}
	want := output(t, s)
	s.Umask = ptr(0o22)
	if got := output(t, s); got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// What the program's variables mean to the loader or to Go's runtime is none of the shim's business: it may be root's.
func TestShimDoesNotObeyTheProgramsVariables(t *testing.T) {
	ours, theirs, err := OutputPipe("stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	s := sh("env >&2")
	s.Umask, s.Stderr, s.Env = ptr(0o22), theirs, []string{"GODEBUG=inittrace=1", "LD_DEBUG_OUTPUT=/dev/null"}
	p := start(t, s)
	theirs.Close()
	got, err := io.ReadAll(ours)
	wait(t, p)
	if err != nil || !strings.Contains(string(got), "GODEBUG=inittrace=1\nLD_DEBUG_OUTPUT=/dev/null\n") || strings.Contains(string(got), "init ") {
		t.Errorf("%v, %s", err, got)
	}
}

func TestUmaskAndPriority(t *testing.T) {
	needRoot(t)
	for _, user := range []*User{nil, nobody()} {
		s := sh("umask; cut -d' ' -f19 /proc/self/stat")
		s.Umask, s.Priority, s.User = ptr(0o027), -3, user
		if got := output(t, s); got != "0027\n-3\n" {
			t.Errorf("as %v: %q", user, got)
		}
	}
}

func TestMemoryLimitHolds(t *testing.T) {
	needRoot(t)
	s := Spec{Path: "/usr/bin/perl", Args: []string{"perl", "-e", "my $x = 'x' x (200 << 20); print length $x"}, Limits: []Limit{{unix.RLIMIT_AS, 100 << 20}}}
	if got := output(t, s); got != "" {
		t.Errorf("200 MiB were to be had: %s", got)
	}
	s.Limits[0].Max = 600 << 20
	if got := output(t, s); got != fmt.Sprint(200<<20) {
		t.Errorf("got %q", got)
	}
}

func TestShimReportsFailures(t *testing.T) {
	needRoot(t)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tt := range map[string]struct {
		spec  Spec
		errno error
		cause string
		hint  string
	}{
		"missing":        {Spec{Path: dir + "/missing"}, unix.ENOENT, "does not exist", ""},
		"not executable": {Spec{Path: file("plain", "#!/bin/sh\n", 0o644)}, unix.EACCES, "is not executable", ""},
		"no interpreter": {Spec{Path: file("odd", "#!/no/such\n", 0o755)}, unix.ENOENT, "/no/such", ""},
		"no directory":   {Spec{Path: "/bin/true", Dir: dir + "/missing"}, unix.ENOENT, "working directory", ""},
		"no format":      {Spec{Path: file("text", "hello\n", 0o755)}, unix.ENOEXEC, "#!", ""},
		"too many files": {Spec{Path: "/bin/true", Limits: []Limit{{unix.RLIMIT_NOFILE, 1 << 40}}}, unix.EPERM, "limits could not be set", "the hard limit of gatewayd itself is lower"},
		"too long":       {Spec{Path: "/bin/true", Env: []string{"A=" + strings.Repeat("x", 200<<10)}}, unix.E2BIG, "larger than the system allows", ""},
	} {
		t.Run(name, func(t *testing.T) {
			tt.spec.Umask = ptr(0)
			p, err := Start(tt.spec)
			if err == nil {
				p.Stop(0)
				<-p.Done()
				t.Fatal("it was started")
			}
			if d := Explain(tt.spec, err); !errors.Is(err, tt.errno) || !strings.Contains(d.Cause, tt.cause) || !strings.Contains(d.Hint, tt.hint) {
				t.Errorf("%v: %+v", err, d)
			}
		})
	}
	if left := children(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// The limit of processes counts those of the user: with two already there and a limit of one, the next is refused.
func TestProcessLimitIsBusy(t *testing.T) {
	needRoot(t)
	user := &User{Name: "somebody", UID: 23456, GID: 23456}
	first := Spec{Path: "/bin/sleep", Args: []string{"sleep", "60"}, User: user}
	start(t, first)
	start(t, first) // the kernel looks at how many there were before
	second := Spec{Path: "/bin/true", User: user, Limits: []Limit{{unix.RLIMIT_NPROC, 1}}}
	_, err := Start(second)
	if !errors.Is(err, unix.EAGAIN) || !Explain(second, err).Busy {
		t.Errorf("got %v", err)
	}
}

func TestShimBelongsToTheGroup(t *testing.T) {
	s := sh("sleep 60 & echo; wait")
	s.Umask = ptr(0)
	ours, theirs, err := OutputPipe("stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	s.Stdout = theirs
	p := start(t, s)
	theirs.Close()
	ours.Read(make([]byte, 1)) // the child has been started
	p.Stop(time.Second)
	wait(t, p)
	eventually(t, "the group is gone", func() bool { return unix.Kill(-p.Pid(), 0) == unix.ESRCH })
}

// publicCopy is a copy of this test's executable that everybody may run.
func publicCopy(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/test", self, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir + "/test"
}

func TestUnprivilegedBecomesNobodyElse(t *testing.T) {
	needRoot(t)
	// A copy of this test, as nobody, tries to start a program as another.
	if os.Getenv("PROCESS_TEST_UNPRIVILEGED") == "" {
		got := output(t, Spec{Path: publicCopy(t), Args: []string{"test", "-test.run=^TestUnprivilegedHelper$", "-test.v"}, User: nobody(), Dir: "/tmp",
			Env: []string{"PROCESS_TEST_UNPRIVILEGED=1", "GOCOVERDIR=/tmp"}})
		if !strings.Contains(got, "--- PASS: TestUnprivilegedHelper") {
			t.Errorf("got %s", got)
		}
	}
}

// TestUnprivilegedHelper is the copy.
func TestUnprivilegedHelper(t *testing.T) {
	if os.Getenv("PROCESS_TEST_UNPRIVILEGED") == "" {
		return
	}
	for _, s := range []Spec{{Path: "/bin/true", User: &User{Name: "daemon", UID: 1, GID: 1}}, {Path: "/bin/true", User: &User{Name: "daemon", UID: 1, GID: 1}, Umask: ptr(0)}} {
		_, err := Start(s)
		if d := Explain(s, err); err == nil || !strings.Contains(d.Cause, "only root may") {
			t.Errorf("%v: %+v", err, d)
		}
		if d, ok := Check(s); !ok || !strings.Contains(d.Cause, "only root may") {
			t.Errorf("Check: %+v", d)
		}
	}
	if got := statusOf(t, Spec{User: nobody()}, "Uid"); got != "Uid: 65534 65534 65534 65534\n" {
		t.Errorf("as who it is already: %q", got)
	}
}

func BenchmarkShim(b *testing.B) {
	for name, s := range map[string]Spec{"plain": {Path: "/bin/true"}, "by the shim": {Path: "/bin/true", Umask: ptr(0)}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				p, err := Start(s)
				if err != nil {
					b.Fatal(err)
				}
				<-p.Done()
			}
		})
	}
}

func TestReadReport(t *testing.T) {
	for name, tt := range map[string]struct {
		report string
		errno  error
	}{
		"executed":        {"\x00", nil},
		"failed early":    {"\x01\x01\x00\x00\x00", unix.EPERM},
		"failed late":     {"\x00\x05\x02\x00\x00\x00", unix.ENOENT},
		"ended":           {"", unix.EAGAIN},
		"ended in a word": {"\x00\x05\x02", unix.EAGAIN},
	} {
		ours, theirs, err := OutputPipe("report")
		if err != nil {
			t.Fatal(err)
		}
		theirs.WriteString(tt.report)
		theirs.Close()
		if err := readReport(ours); !errors.Is(err, tt.errno) {
			t.Errorf("%s: %v", name, err)
		}
		ours.Close()
	}
}
