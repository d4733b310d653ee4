package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	systemd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"gatewayd/gateway/server"
)

// A gatewayd that is started to take over from another has the names of the listening sockets that it is given in this
// variable, as JSON, and from descriptor 3 on: a pipe in which it says that it serves, what is to become its standard
// error then, and the sockets.
const successorVar = "GATEWAYD_SUCCESSOR"

const (
	readyFD = 3 + iota
	stderrFD
	firstSocketFD
)

// adminSocketName is the name of the admin socket among those that are handed over.
const adminSocketName = "admin"

// inheritance is what the process was started with by the gatewayd before it, or by systemd.
type inheritance struct {
	sockets []server.Inherited
	admin   *os.File // nil if there is none
	ready   *os.File // nil unless this process is to take over
	stderr  *os.File
}

// inherit takes what was inherited out of the environment.
func inherit() (*inheritance, error) {
	text, isSuccessor := os.LookupEnv(successorVar)
	os.Unsetenv(successorVar)
	h := &inheritance{}
	if !isSuccessor {
		for _, file := range activation.Files(true) {
			h.sockets = append(h.sockets, server.Inherited{File: file})
		}
		return h, nil
	}
	var names []string
	if err := json.Unmarshal([]byte(text), &names); err != nil {
		return nil, fmt.Errorf("%s: %w", successorVar, err)
	}
	h.ready, h.stderr = os.NewFile(readyFD, "ready"), os.NewFile(stderrFD, "stderr")
	for i, name := range names {
		file := os.NewFile(uintptr(firstSocketFD+i), name)
		if name == adminSocketName {
			h.admin = file
		} else {
			h.sockets = append(h.sockets, server.Inherited{Name: name, File: file})
		}
	}
	return h, nil
}

// takeOver says that this process serves now: to the one before it, which then ends, or to systemd.
func (h *inheritance) takeOver() {
	if h.ready == nil {
		systemd.SdNotify(false, systemd.SdNotifyReady)
		return
	}
	unix.Dup3(int(h.stderr.Fd()), 2, 0)
	h.stderr.Close()
	io.WriteString(h.ready, readyWord)
	h.ready.Close()
}

const readyWord = "ready\n"

// upgrader starts this program anew, as its file is by then, and hands the sockets over to it.
type upgrader struct {
	program string // the path of this program, from before it was replaced
	server  *server.Server
	door    *door
	over    chan struct{} // closed when another gatewayd serves
}

func newUpgrader(s *server.Server, d *door) *upgrader {
	return &upgrader{program: programPath(), server: s, door: d, over: make(chan struct{})}
}

// programPath is where this program was started from: a link, if it was one, since that may lead to the next version
// later. A program that was started under another name is sought where the kernel says.
func programPath() string {
	self, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	named, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self
	}
	if named, err = filepath.Abs(named); err != nil {
		return self
	}
	if leadsTo, err := filepath.EvalSymlinks(named); err != nil || leadsTo != self {
		return self
	}
	return named
}

var errContainer = errors.New("this gatewayd is the first program of a container, which would end with it; start a container with the new version instead")

// Upgrade has a new process of the program take over. It returns once that serves, or says why it does not: then
// nothing has changed.
func (u *upgrader) Upgrade() (report string, err error) {
	if isContainer() {
		return "", errContainer
	}
	began := time.Now()
	pid := 0
	err = u.server.HandOver(func(ctx context.Context, sockets []server.Socket) error {
		pid, err = u.start(ctx, sockets)
		return err
	})
	if errors.Is(err, server.ErrSucceeded) {
		return "", err
	}
	if err != nil {
		u.server.Log().Error().Err(err).Msg("upgrade: the new process does not serve, and this one goes on")
		return "", err
	}
	u.door.handedOver()
	report = fmt.Sprintf("process %d has taken over, after %dms; process %d ends when its requests do", pid, time.Since(began).Milliseconds(), os.Getpid())
	u.server.Log().Info().Msg("upgrade: " + report)
	systemd.SdNotify(false, fmt.Sprintf("MAINPID=%d\n%s", pid, systemd.SdNotifyReady))
	close(u.over)
	return report, nil
}

// isContainer says whether process 1 is this program, which then only waits for this process: see process.Init.
func isContainer() bool {
	if os.Getppid() != 1 {
		return false
	}
	first, err := os.Stat("/proc/1/exe")
	self, selfErr := os.Stat("/proc/self/exe")
	return err == nil && selfErr == nil && os.SameFile(first, self)
}

// upgradeTime is how long a new process may take beside what its workers may.
const upgradeTime = 10 * time.Second

func (u *upgrader) start(ctx context.Context, sockets []server.Socket) (pid int, err error) {
	ready, childReady, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer ready.Close()
	defer childReady.Close()
	words, err := newLastWords()
	if err != nil {
		return 0, err
	}
	defer words.Close()
	if admin, ok := u.door.duplicate(); ok {
		defer admin.Close()
		sockets = append(sockets, admin)
	}
	process, err := u.run(sockets, childReady, words.File)
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", u.program, err)
	}
	childReady.Close()
	ended := make(chan string, 1)
	go func() { ended <- howItEnded(process.Wait()) }()
	err = u.await(ctx, ready, ended)
	said := words.pass()
	if err != nil {
		syscall.Kill(-process.Pid, syscall.SIGKILL) // with all that it has started
		return 0, fmt.Errorf("%s: %w%s", u.program, err, said)
	}
	return process.Pid, nil
}

// run starts the program. Its signals are its own, once it serves, not those of the terminal of this process.
func (u *upgrader) run(sockets []server.Socket, ready, stderr *os.File) (*os.Process, error) {
	names := make([]string, len(sockets))
	files := []uintptr{0, 1, stderr.Fd(), ready.Fd(), 2}
	for i, s := range sockets {
		names[i], files = s.Name, append(files, uintptr(s.FD))
	}
	text, err := json.Marshal(names)
	if err != nil {
		return nil, err
	}
	pid, err := syscall.ForkExec(u.program, os.Args, &syscall.ProcAttr{
		Env: append(os.Environ(), successorVar+"="+string(text)), Files: files, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return nil, err
	}
	return os.FindProcess(pid)
}

func howItEnded(state *os.ProcessState, err error) string {
	if err != nil {
		return err.Error()
	}
	return state.String()
}

// await returns when the new process has said that it serves.
func (u *upgrader) await(ctx context.Context, ready io.Reader, ended <-chan string) error {
	limit := upgradeTime + u.server.StartTimeout()
	serves := make(chan struct{})
	go func() {
		if text, _ := io.ReadAll(io.LimitReader(ready, int64(len(readyWord)))); string(text) == readyWord {
			close(serves)
		}
	}()
	select {
	case <-serves:
		return nil
	case how := <-ended:
		return fmt.Errorf("it ended without serving: %s", how)
	case <-time.After(limit):
		return fmt.Errorf("it did not serve within %s and was stopped", limit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// lastWords takes what a process writes until it serves. It is no pipe: what that process has started may have it as its
// standard error when nobody reads any more.
type lastWords struct{ *os.File }

func newLastWords() (lastWords, error) {
	fd, err := unix.MemfdCreate("stderr", unix.MFD_CLOEXEC)
	if err != nil {
		return lastWords{}, os.NewSyscallError("memfd_create", err)
	}
	return lastWords{os.NewFile(uintptr(fd), "stderr")}, nil
}

const maxLastWords = 2000

// pass writes what was said to our own standard error, and returns the end of it as something to append to an error.
func (w lastWords) pass() string {
	text, err := io.ReadAll(io.NewSectionReader(w, 0, 1<<20))
	if err != nil {
		return ""
	}
	os.Stderr.Write(text)
	if over := len(text) - maxLastWords; over > 0 {
		text = text[over:]
	}
	if text = bytes.TrimSpace(bytes.ToValidUTF8(text, nil)); len(text) == 0 {
		return ""
	}
	return "; its last words:\n" + string(text)
}
