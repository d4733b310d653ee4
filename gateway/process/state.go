package process

import (
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// State is how a process ended and what it used. The zero State is a process that ended with status 0.
type State struct {
	Status syscall.WaitStatus
	Usage  syscall.Rusage // of the process and those of its children that it waited for
}

// Success says whether the process ended by itself with status 0.
func (s State) Success() bool { return s.Status == 0 }

// ExitCode is the exit status, -1 if a signal ended the process.
func (s State) ExitCode() int { return s.Status.ExitStatus() }

// Signal is the signal that ended the process, 0 if none did.
func (s State) Signal() syscall.Signal {
	if s.Status.Signaled() {
		return s.Status.Signal()
	}
	return 0
}

// CPU is the processor time used, in user and system mode together.
func (s State) CPU() time.Duration {
	return time.Duration(s.Usage.Utime.Nano() + s.Usage.Stime.Nano())
}

// MaxRSS is the largest resident size that the process had, in bytes. The kernel counts what it was a part of before
// it executed its program: this process, as large as it was by then.
func (s State) MaxRSS() int64 { return s.Usage.Maxrss << 10 }

// String is for the log: "exit status 3", "killed by SIGSEGV (core dumped)".
func (s State) String() string {
	if !s.Status.Signaled() {
		return fmt.Sprintf("exit status %d", s.Status.ExitStatus())
	}
	name := unix.SignalName(s.Status.Signal())
	if name == "" {
		name = fmt.Sprintf("signal %d", int(s.Status.Signal()))
	}
	if s.Status.CoreDump() {
		return "killed by " + name + " (core dumped)"
	}
	return "killed by " + name
}
