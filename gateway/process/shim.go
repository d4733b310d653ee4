package process

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a child needs beyond what the kernel's clone and Go's fork can give it, limits above all, it must do itself before
// it becomes the program. Such a child is this executable once more, under a name that Shim knows: only programs that
// have limits pay for its start.
const shimName = "gatewayd: start a program"

const (
	reportFD      = 3 // where the shim says what failed; it closes when the program is executed
	shimTime      = 10 * time.Second
	selfExe       = "/proc/self/exe"
	shimArguments = 3 // its name, its order, the program's path; then the program's own
)

// shimOrder is what the shim is told, in JSON: its reader is this same executable.
type shimOrder struct {
	Parent   int
	Dir      string
	User     *User
	Limits   []Limit
	Umask    *int
	Priority int
}

func (s *Spec) needsShim() bool { return len(s.Limits) > 0 || s.Umask != nil || s.Priority != 0 }

// stageError is a failure of the shim. In the stages before the last the program has not been tried.
type stageError struct {
	stage stage
	errno syscall.Errno
}

type stage byte

const (
	stageLimits stage = iota + 1
	stagePriority
	stageUser
	stageDir
	stageExec
)

func (e *stageError) Error() string { return e.stage.String() + ": " + e.errno.Error() }
func (e *stageError) Unwrap() error { return e.errno }

func (s stage) String() string {
	switch s {
	case stageLimits:
		return "set its limits"
	case stagePriority:
		return "set its priority"
	case stageUser:
		return "become its user"
	case stageDir:
		return "enter its directory"
	}
	return "execute it"
}

// forkShim is fork by way of the shim. It returns when the program has been executed.
func forkShim(s *Spec, files []uintptr) (pid, pidfd int, err error) {
	shim := &Spec{Path: selfExe, Env: masked(s.Env)}
	user := s.User
	if os.Geteuid() != 0 {
		shim.User, user = user, nil // it inherits no capability (see SealCapabilities) by which it could do so itself
	}
	order, err := json.Marshal(shimOrder{os.Getpid(), s.Dir, user, s.Limits, s.Umask, s.Priority})
	if err != nil {
		return 0, -1, err
	}
	report, theirs, err := OutputPipe("report")
	if err != nil {
		return 0, -1, err
	}
	defer report.Close()
	shim.Args = append([]string{shimName, string(order), s.Path}, s.Args...)
	pid, pidfd, err = fork(shim, append(files[:3:3], theirs.Fd()))
	theirs.Close()
	if err != nil {
		return 0, -1, err
	}
	if err := readReport(report); err != nil {
		unix.Close(pidfd)
		syscall.Kill(-pid, syscall.SIGKILL)
		for wait := error(syscall.EINTR); wait == syscall.EINTR; {
			_, wait = syscall.Wait4(pid, nil, 0, nil)
		}
		return 0, -1, err
	}
	return pid, pidfd, nil
}

// envMask stands before the name of each of the program's variables on its way through the shim. There they must not
// mean anything: LD_PRELOAD does to a loader and GODEBUG to Go's runtime, and the shim is not the program's user yet.
const envMask = "_"

func masked(env []string) []string {
	all := make([]string, len(env))
	for i, v := range env {
		all[i] = envMask + v
	}
	return all
}

func unmasked(env []string) []string {
	for i, v := range env {
		env[i] = v[min(len(v), len(envMask)):]
	}
	return env
}

// shimReady is what the shim says before it executes the program: if nothing follows, that has worked. A shim that ends
// without a word has met a shortage, such as that of threads, which Go's runtime does not survive.
const shimReady = 0

const reportSize = 5 // a stage and an errno

// readReport waits until the program is executed, nil, or the shim has failed.
func readReport(report *os.File) error {
	report.SetReadDeadline(time.Now().Add(shimTime))
	text, err := io.ReadAll(report)
	failed, ready := bytes.CutPrefix(text, []byte{shimReady})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("the process was not ready to execute it within %s: %w", shimTime, syscall.EAGAIN)
	case err != nil:
		return err
	case len(failed) == reportSize:
		return &stageError{stage(failed[0]), syscall.Errno(binary.NativeEndian.Uint32(failed[1:]))}
	case ready && len(failed) == 0:
		return nil
	}
	return fmt.Errorf("the process ended before it could execute it: %w", syscall.EAGAIN)
}

// Shim is for the first line of main: in a process that was started as the shim it becomes the program, or ends; in any
// other it does nothing.
func Shim() {
	if len(os.Args) <= shimArguments || os.Args[0] != shimName {
		return
	}
	unix.CloseOnExec(reportFD)
	// Identity and priority are changed for this thread alone. execve ends the others and goes on with it. That none
	// else runs meanwhile keeps the runtime from making threads, for which there may be no memory any more.
	runtime.LockOSThread()
	runtime.GOMAXPROCS(1)
	var order shimOrder
	if err := json.Unmarshal([]byte(os.Args[1]), &order); err != nil {
		os.Exit(exitShim)
	}
	path, args := os.Args[2], os.Args[shimArguments:]
	failed := order.become(path, args)
	var text [reportSize]byte
	text[0] = byte(failed.stage)
	binary.NativeEndian.PutUint32(text[1:], uint32(failed.errno))
	unix.Write(reportFD, text[:])
	os.Exit(exitShim)
}

const exitShim = 127

// become executes the program; it returns only when something has failed.
func (o *shimOrder) become(path string, args []string) *stageError {
	env := unmasked(os.Environ())
	dir := append([]byte(o.Dir), 0)
	prewarm(path, args, env)
	if err := o.setLimits(); err != nil {
		return failedIn(stageLimits, err)
	}
	if o.Umask != nil {
		unix.Umask(*o.Umask)
	}
	if o.Priority != 0 {
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, o.Priority); err != nil {
			return failedIn(stagePriority, err)
		}
	}
	if errno := o.User.assume(); errno != 0 {
		return &stageError{stageUser, errno}
	}
	// A change of identity has cleared it.
	unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	if unix.Getppid() != o.Parent {
		unix.Kill(unix.Getpid(), unix.SIGKILL)
	}
	if len(dir) > 1 {
		if _, _, errno := unix.RawSyscall(unix.SYS_CHDIR, uintptr(unsafe.Pointer(&dir[0])), 0, 0); errno != 0 {
			return &stageError{stageDir, errno}
		}
	}
	unix.Write(reportFD, []byte{shimReady})
	return failedIn(stageExec, syscall.Exec(path, args, env))
}

func failedIn(s stage, err error) *stageError {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		errno = syscall.EINVAL
	}
	return &stageError{s, errno}
}

// prewarm allocates what syscall.Exec will, and frees it: once there is a limit on memory, Go's heap may not be able to
// grow any more.
func prewarm(path string, args, env []string) {
	debug.SetGCPercent(-1)
	for range 2 {
		syscall.BytePtrFromString(path)
		syscall.SlicePtrFromStrings(args)
		syscall.SlicePtrFromStrings(env)
	}
	runtime.GC()
}

// setLimits sets memory last: whatever comes after must do without new memory.
func (o *shimOrder) setLimits() error {
	for _, memory := range []bool{false, true} {
		for _, l := range o.Limits {
			if (l.Resource == unix.RLIMIT_AS) != memory {
				continue
			}
			if err := setLimit(l); err != nil {
				return err
			}
		}
	}
	return nil
}

// setLimit sets a limit by package syscall: then syscall.Exec knows that the limit of files is no longer the one that
// Go's runtime has raised for itself and must take back.
func setLimit(l Limit) error {
	limit := syscall.Rlimit{Cur: l.Max, Max: l.Max}
	if l.Resource == unix.RLIMIT_CPU && l.Max != unix.RLIM_INFINITY {
		// At the soft limit the kernel sends SIGXCPU, which says what has happened; at the hard one SIGKILL, which
		// does not, and with both the same only that.
		limit.Max++
		if err := syscall.Setrlimit(l.Resource, &limit); err == nil {
			return nil
		}
		limit.Max--
	}
	return syscall.Setrlimit(l.Resource, &limit)
}

// assume makes the calling thread one of the user's. It allocates nothing.
func (u *User) assume() syscall.Errno {
	if u == nil || u.isCurrent() {
		return 0
	}
	groups := unsafe.Pointer(unsafe.SliceData(u.Groups))
	if _, _, errno := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(u.Groups)), uintptr(groups), 0); errno != 0 {
		return errno
	}
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(u.GID), uintptr(u.GID), uintptr(u.GID)); errno != 0 {
		return errno
	}
	_, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(u.UID), uintptr(u.UID), uintptr(u.UID))
	return errno
}
