package process

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// busyRetry is how long Start tries again while somebody has the program's file open for writing: a fork elsewhere in
// this process may hold such a descriptor until its exec, a deployment a little longer.
const busyRetry = 500 * time.Millisecond

// Process is a process that was started, and its group. Safe for concurrent use.
type Process struct {
	pid    int
	pidfd  int // belongs to who has set watched; -1 where the kernel has none
	onExit func(State)
	one    bool // Spec.OneLife
	done   chan struct{}
	state  State // valid once done is closed

	watched atomic.Bool // somebody waits for the end

	guard   *Guard // may be nil
	guarded int    // the place in it

	mu     sync.Mutex
	reaped bool // the number may belong to someone else from here on
	asked  bool // SIGTERM was sent
	killed bool // SIGKILL was sent
	killAt time.Time
	timer  *time.Timer
}

// launch starts a process in a group of its own. The child has exactly three descriptors (as long as everything in this
// process is opened close-on-exec; see SealInherited), default signals and none of them blocked. (Go leaves SIGHUP and
// SIGINT ignored if it finds them so, under nohup for example, until signal.Notify asks for them; so do children.) The
// error wraps a syscall.Errno; Explain tells what it means. A program whose file is busy is tried again for half a
// second.
func launch(s Spec, guard *Guard) (*Process, error) {
	files, opened, err := s.descriptors()
	if err != nil {
		return nil, err
	}
	defer closeAll(opened)
	if len(s.Args) == 0 {
		s.Args = []string{s.Path}
	}
	s.User.give(files)
	fork := fork
	if s.needsShim() {
		fork = forkShim
	}
	pid, pidfd, err := fork(&s, files)
	for wait, begun := time.Millisecond, time.Now(); errors.Is(err, unix.ETXTBSY) && time.Since(begun) < busyRetry; wait *= 2 {
		time.Sleep(wait)
		pid, pidfd, err = fork(&s, files)
	}
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Path, err)
	}
	p := &Process{pid: pid, pidfd: pidfd, onExit: s.OnExit, one: s.OneLife, done: make(chan struct{}), guard: guard, guarded: guard.add(pid)}
	if !s.Unwatched {
		p.Watch()
	}
	return p, nil
}

// fork starts the child; pidfd is -1 where the kernel has none.
func fork(s *Spec, files []uintptr) (pid, pidfd int, err error) {
	pidfd = -1
	restore, err := unblockSignals()
	if err != nil {
		return 0, -1, err
	}
	defer restore()
	pid, err = syscall.ForkExec(s.Path, s.Args, &syscall.ProcAttr{
		Dir:   s.Dir,
		Env:   s.Env,
		Files: files,
		Sys: &syscall.SysProcAttr{
			Setpgid:    true,
			PidFD:      &pidfd,
			Credential: s.User.credential(),
			Pdeathsig:  s.deathSignal(),
		},
	})
	runtime.KeepAlive(s)
	if err != nil {
		return 0, -1, err
	}
	return pid, pidfd, nil
}

// deathSignal is for a child that the Guard does not know of yet when this process is killed. The kernel sends it when the
// thread that has forked ends, and Go's runtime ends no thread before the process but those that a goroutine has left
// locked, which none does here.
func (s *Spec) deathSignal() syscall.Signal {
	if s.outlives {
		return 0
	}
	return syscall.SIGKILL
}

// startedMasked says whether whoever started this process has blocked signals. Go's threads all have the mask that the
// first one was started with.
var startedMasked = sync.OnceValue(func() bool {
	var mask, none unix.Sigset_t
	err := unix.PthreadSigmask(unix.SIG_SETMASK, nil, &mask)
	return err != nil || mask != none
})

// unblockSignals empties the mask of the thread that is about to fork, if that is needed: a child inherits it.
func unblockSignals() (restore func(), err error) {
	if !startedMasked() {
		return func() {}, nil
	}
	runtime.LockOSThread()
	var old, none unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &old); err != nil {
		runtime.UnlockOSThread()
		return func() {}, err
	}
	return func() {
		unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil)
		runtime.UnlockOSThread()
	}, nil
}

// descriptors are the child's 0, 1 and 2; opened is what the caller must close.
func (s *Spec) descriptors() (fds []uintptr, opened []*os.File, err error) {
	fds = make([]uintptr, 3)
	for i, f := range [3]*os.File{s.Stdin, s.Stdout, s.Stderr} {
		if f == nil {
			flag := os.O_RDONLY
			if i > 0 {
				flag = os.O_WRONLY
			}
			if f, err = os.OpenFile(os.DevNull, flag, 0); err != nil {
				closeAll(opened)
				return nil, nil, err
			}
			opened = append(opened, f)
		}
		fds[i] = f.Fd()
	}
	return fds, opened, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

// Pid is the number of the process and of its group. After Done it may be someone else's.
func (p *Process) Pid() int { return p.pid }

// Done is closed when the process has ended and has been reaped, for which it must be watched.
func (p *Process) Done() <-chan struct{} { return p.done }

// State is how the process ended; ok is false while it runs.
func (p *Process) State() (s State, ok bool) {
	select {
	case <-p.done:
		return p.state, true
	default:
		return State{}, false
	}
}

// Signal sends sig to the process group; it does nothing once the process has ended.
func (p *Process) Signal(sig syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.signal(sig)
}

func (p *Process) signal(sig syscall.Signal) {
	if !p.reaped {
		syscall.Kill(-p.pid, sig)
	}
}

// Stop ends the process group: SIGTERM at once, SIGKILL when grace has passed, or at once for what is left of the group
// when the process itself has ended. It returns without waiting (see Done), may be called any number of times, and the
// shortest grace wins. A process that has ended by itself leaves its group alone, and so does Stop afterwards.
func (p *Process) Stop(grace time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped || p.killed {
		return
	}
	if grace <= 0 {
		p.kill()
		return
	}
	killAt := time.Now().Add(grace)
	switch {
	case !p.asked:
		p.asked = true
		p.signal(syscall.SIGTERM)
		p.signal(syscall.SIGCONT) // a stopped process cannot act on SIGTERM
		p.timer = time.AfterFunc(grace, p.killNow)
	case killAt.After(p.killAt):
		return
	default:
		p.timer.Reset(grace)
	}
	p.killAt = killAt
}

func (p *Process) killNow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kill()
}

func (p *Process) kill() {
	p.killed = true
	p.signal(syscall.SIGKILL)
}
