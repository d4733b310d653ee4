package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestState(t *testing.T) {
	tests := []struct {
		script string
		code   int
		signal syscall.Signal
		text   string
	}{
		{"exit 0", 0, 0, "exit status 0"},
		{"exit 3", 3, 0, "exit status 3"},
		{"exit 255", 255, 0, "exit status 255"},
		{"kill -TERM $$", -1, syscall.SIGTERM, "killed by SIGTERM"},
		{"kill -KILL $$", -1, syscall.SIGKILL, "killed by SIGKILL"},
	}
	for _, tt := range tests {
		s := wait(t, start(t, sh(tt.script)))
		if s.ExitCode() != tt.code || s.Signal() != tt.signal || s.String() != tt.text || s.Success() != (tt.text == "exit status 0") {
			t.Errorf("%s: code %d, signal %v, %q, success %v", tt.script, s.ExitCode(), s.Signal(), s, s.Success())
		}
		if s.MaxRSS() < 64<<10 {
			t.Errorf("%s: largest resident size %d bytes", tt.script, s.MaxRSS())
		}
	}
	if s := wait(t, start(t, sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done"))); s.CPU() <= 0 {
		t.Errorf("a busy process used %v of processor time", s.CPU())
	}
}

func TestSpecReachesTheChild(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET_OF_THE_SERVER", "1")
	s := sh(`pwd; echo "$#:$1:$2"; env | grep -v '^PWD=\|^_=\|^SHLVL=\|^OLDPWD='; cat`, "a b", "-x")
	s.Dir, s.Env = dir, []string{"ONE=1", "TWO=two words"}
	if got, want := output(t, s), dir+"\n2:a b:-x\nONE=1\nTWO=two words\n"; got != want {
		t.Errorf("the child says %q, want %q", got, want)
	}
}

func TestArgsDefaultToThePath(t *testing.T) {
	file := script(t, "#!/bin/sh\necho $0 $#\n", 0o755)
	if got, want := output(t, Spec{Path: file}), file+" 0\n"; got != want {
		t.Errorf("the child says %q, want %q", got, want)
	}
}

func TestChildIsClean(t *testing.T) {
	leak, err := os.Open("/proc/self/status") // close-on-exec, as everything in Go
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	ours, theirs, err := InputPipe("stdin")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	p := start(t, Spec{Path: "/bin/cat", Stdin: theirs})
	theirs.Close()

	proc := fmt.Sprintf("/proc/%d/", p.Pid())
	eventually(t, "the child has three descriptors", func() bool { // while it is loaded it opens its libraries
		fds, err := os.ReadDir(proc + "fd")
		return err == nil && len(fds) == 3
	})
	for i, want := range []string{"pipe:", os.DevNull, os.DevNull} {
		if to, _ := os.Readlink(proc + "fd/" + strconv.Itoa(i)); !strings.HasPrefix(to, want) {
			t.Errorf("descriptor %d is %q, want %s", i, to, want)
		}
	}
	info, err := os.ReadFile(proc + "fdinfo/0")
	if err != nil || !strings.Contains(string(info), "flags:\t00\n") {
		t.Errorf("the child's end of the pipe is not in blocking mode: %q %v", info, err)
	}
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		t.Fatal(err)
	}
	checkSignals(t, string(status))
	mine, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := statusLine(string(status), "Umask"), statusLine(string(mine), "Umask"); got != want {
		t.Errorf("umask %s, want ours: %s", got, want)
	}
	if pgid, err := syscall.Getpgid(p.Pid()); err != nil || pgid != p.Pid() {
		t.Errorf("process group %d of process %d: %v", pgid, p.Pid(), err)
	}
	ours.Close()
	wait(t, p)
}

func TestSignalsAreResetWhateverOurParentDid(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const odd = `$SIG{PIPE} = $SIG{USR1} = $SIG{TERM} = "IGNORE";
		sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGUSR2, SIGTERM, SIGCHLD)) or die; exec @ARGV or die`
	status := output(t, Spec{Path: "/usr/bin/perl", Args: []string{"perl", "-MPOSIX", "-e", odd, self}, Env: []string{"PROCESS_TEST_HELPER=1"}})
	checkSignals(t, status)
}

func checkSignals(t *testing.T, status string) {
	t.Helper()
	for _, name := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		if set := statusLine(status, name); set != "0000000000000000" {
			t.Errorf("%s of the child is %q, want none", name, set)
		}
	}
}

func statusLine(status, name string) string {
	_, after, _ := strings.Cut(status, name+":\t")
	value, _, _ := strings.Cut(after, "\n")
	return value
}

func TestStop(t *testing.T) {
	tests := []struct {
		name, script string
		grace        time.Duration
		want         syscall.Signal
		code         int
		longest      time.Duration
	}{
		{"dies of SIGTERM", "echo; read x", 10 * time.Second, syscall.SIGTERM, -1, 5 * time.Second},
		{"handles SIGTERM", "trap 'exit 7' TERM; echo; read x", 10 * time.Second, 0, 7, 5 * time.Second},
		{"ignores SIGTERM", "trap '' TERM; echo; read x; read x", 100 * time.Millisecond, syscall.SIGKILL, -1, 5 * time.Second},
		{"is stopped", "echo; kill -STOP $$", 8 * time.Second, syscall.SIGTERM, -1, 5 * time.Second},
		{"no grace", "trap '' TERM; echo; read x", 0, syscall.SIGKILL, -1, 5 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, _ := startReady(t, tt.script)
			if strings.Contains(tt.script, "-STOP") {
				eventually(t, "the process is stopped", func() bool { return processState(p.Pid()) == "T" })
			}
			begun := time.Now()
			p.Stop(tt.grace)
			if took := time.Since(begun); took > time.Second {
				t.Errorf("Stop waited %v", took)
			}
			s := wait(t, p)
			if s.Signal() != tt.want || s.ExitCode() != tt.code {
				t.Errorf("ended with %v", s)
			}
			if took := time.Since(begun); took > tt.longest || tt.want == syscall.SIGKILL && took < tt.grace {
				t.Errorf("took %v", took)
			}
			p.Stop(tt.grace)
			p.Stop(0)
		})
	}
}

// startReady starts a script that holds its standard input open and returns once it has written a line.
func startReady(t *testing.T, script string) (*Process, string) {
	t.Helper()
	in, theirIn, err := InputPipe("stdin")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	out, theirOut, err := OutputPipe("stdout")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	s := sh(script)
	s.Stdin, s.Stdout = theirIn, theirOut
	p := start(t, s)
	theirIn.Close()
	theirOut.Close()
	buf := make([]byte, 100)
	out.SetReadDeadline(time.Now().Add(10 * time.Second))
	n, err := out.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return p, strings.TrimSpace(string(buf[:n]))
}

func TestStopTakesTheWholeGroup(t *testing.T) {
	for _, tt := range []struct {
		name, script string
		grace        time.Duration
	}{
		{"children die with their parent", "sleep 60 & echo $!; wait", 10 * time.Second},
		{"children that ignore SIGTERM die when their parent has", `sh -c "trap '' TERM; echo \$\$; sleep 60; sleep 60" & wait`, 10 * time.Second},
		{"everybody ignores SIGTERM", `trap '' TERM; sleep 60 & echo $!; wait`, 50 * time.Millisecond},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, line := startReady(t, tt.script)
			child, err := strconv.Atoi(line)
			if err != nil || !alive(child) {
				t.Fatalf("no child: %q", line)
			}
			p.Stop(tt.grace)
			wait(t, p)
			eventually(t, "the child is gone", func() bool { return !alive(child) })
		})
	}
}

// A group whose leader has been reaped is nobody's to signal: its number may be given away.
func TestAfterTheEndNobodyIsSignalled(t *testing.T) {
	p, line := startReady(t, "sleep 60 & echo $!")
	child, err := strconv.Atoi(line)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(child, syscall.SIGKILL)
	if s := wait(t, p); !s.Success() {
		t.Fatalf("ended with %v", s)
	}
	if pgid, _ := syscall.Getpgid(child); pgid != p.Pid() {
		t.Fatalf("the child is in group %d, not %d: this test shows nothing", pgid, p.Pid())
	}
	p.Stop(0)
	p.Stop(time.Millisecond)
	p.Signal(syscall.SIGKILL)
	p.killNow()
	time.Sleep(20 * time.Millisecond) // a signal would have been delivered
	if !alive(child) {
		t.Error("the group was signalled after its leader had been reaped")
	}
}

func TestShortestGraceWins(t *testing.T) {
	p, _ := startReady(t, "trap '' TERM; echo; read x")
	begun := time.Now()
	p.Stop(time.Hour)
	p.Stop(50 * time.Millisecond)
	p.Stop(2 * time.Hour)
	if s := wait(t, p); s.Signal() != syscall.SIGKILL || time.Since(begun) > 5*time.Second {
		t.Errorf("%v after %v", s, time.Since(begun))
	}
}

func TestOnExit(t *testing.T) {
	calls := make(chan State, 2)
	var p *Process
	ready := make(chan struct{})
	s := sh("exit 5")
	s.OnExit = func(s State) {
		<-ready
		if _, ok := p.State(); ok {
			t.Error("Done was closed before OnExit returned")
		}
		calls <- s
	}
	p = start(t, s)
	close(ready)
	wait(t, p)
	if got := <-calls; got.ExitCode() != 5 || len(calls) != 0 {
		t.Errorf("OnExit got %v and %d more calls", got, len(calls))
	}
}

func TestManyProcessesTakeNoThreads(t *testing.T) {
	const n = 60
	before := threads(t)
	var all []*Process
	for range n {
		all = append(all, start(t, Spec{Path: "/bin/sleep", Args: []string{"sleep", "60"}}))
	}
	if grown := threads(t) - before; grown > n/3 {
		t.Errorf("%d threads more for %d processes", grown, n)
	}
	for _, p := range all {
		p.Stop(time.Minute)
	}
	for _, p := range all {
		wait(t, p)
	}
}

func threads(t *testing.T) int {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	return len(tasks)
}

func TestWithoutPidfd(t *testing.T) {
	s := sh("exit 4")
	pid, pidfd, err := fork(&s, []uintptr{0, 1, 2})
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(pidfd)
	p := &Process{pid: pid, pidfd: -1, done: make(chan struct{})}
	if p.Await() {
		t.Error("Await has seen the end without a pidfd")
	}
	p.Watch()
	if s := wait(t, p); s.ExitCode() != 4 {
		t.Errorf("ended with %v", s)
	}
}

func TestUnwatched(t *testing.T) {
	unwatched := func(script string) (*Process, chan State) {
		ended := make(chan State, 2)
		s := sh(script)
		s.Unwatched, s.OnExit = true, func(s State) { ended <- s }
		return start(t, s), ended
	}
	p, ended := unwatched("exit 3")
	eventually(t, "it is a zombie", func() bool { return processState(p.Pid()) == "Z" })
	if _, ok := p.State(); ok {
		t.Error("an end was noticed that nobody looked for")
	}
	if !p.Await() || (<-ended).ExitCode() != 3 || wait(t, p).ExitCode() != 3 {
		t.Error("the end was not noticed")
	}
	if p.Await() {
		t.Error("it has ended twice")
	}
	p.Watch()

	p, ended = unwatched("sleep 60")
	if p.Await() {
		t.Error("it has ended")
	}
	p.Watch()
	p.Stop(time.Minute)
	if s := wait(t, p); s.Signal() != syscall.SIGTERM || (<-ended).Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", s)
	}

	for range 100 { // both at once
		p, ended := unwatched(":")
		go p.Watch()
		p.Await()
		wait(t, p)
		<-ended
		if len(ended) > 0 {
			t.Fatal("told twice")
		}
	}
}

func TestStopRacesWithTheEnd(t *testing.T) {
	var wg sync.WaitGroup
	var killed atomic.Int32
	for i := range 100 {
		p := start(t, Spec{Path: "/bin/true"})
		for range 3 {
			wg.Go(func() {
				p.Stop(time.Duration(i%3) * time.Millisecond)
				if wait(t, p).Signal() != 0 {
					killed.Add(1)
				}
			})
		}
		wg.Wait()
	}
	t.Logf("%d of 100 were stopped", killed.Load()/3)
}

func TestBusyFileIsTriedAgain(t *testing.T) {
	file := copyOf(t, "/bin/true", 0o755)
	writer, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	_, err = Start(Spec{Path: file})
	if !errors.Is(err, unix.ETXTBSY) || time.Since(begun) < busyRetry || time.Since(begun) > 10*busyRetry {
		t.Errorf("a file that stays busy: %v after %v", err, time.Since(begun))
	}
	time.AfterFunc(busyRetry/10, func() { writer.Close() })
	if s := wait(t, start(t, Spec{Path: file})); !s.Success() {
		t.Errorf("a file that was busy: %v", s)
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	before, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if _, err := Start(Spec{Path: "/does/not/exist"}); !errors.Is(err, unix.ENOENT) {
			t.Fatalf("error %v", err)
		}
	}
	if after, _ := os.ReadDir("/proc/self/fd"); len(after) > len(before) {
		t.Errorf("%d descriptors before, %d after", len(before), len(after))
	}
}

func TestPipeEndsHaveDeadlines(t *testing.T) {
	r, theirs, err := OutputPipe("out")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer theirs.Close()
	r.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read from an empty pipe: %v", err)
	}
	w, theirs2, err := InputPipe("in")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	defer theirs2.Close()
	w.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := w.Write(make([]byte, 1<<20)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("write to a full pipe: %v", err)
	}
}

func TestSealInherited(t *testing.T) {
	for name, seal := range map[string]func() error{"at once": SealInherited, "one by one": sealOneByOne} {
		fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if err := seal(); err != nil {
			t.Error(name, err)
		}
		if flags, _ := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
			t.Errorf("%s: the descriptor would be inherited", name)
		}
		if flags, _ := unix.FcntlInt(1, unix.F_GETFD, 0); flags&unix.FD_CLOEXEC != 0 {
			t.Errorf("%s: standard output would not be inherited", name)
		}
	}
}

func script(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "prog")
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return file
}

func copyOf(t *testing.T, file string, mode os.FileMode) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return script(t, string(data), mode)
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p, err := Start(Spec{Path: "/bin/true"})
		if err != nil {
			b.Fatal(err)
		}
		<-p.Done()
	}
}
