package process

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/descriptors"
)

// OutputPipe makes a pipe for what a child writes. ours is read with deadlines; child is in blocking mode, as programs
// expect, and to be closed once the child has been started. The caller closes both.
func OutputPipe(name string) (ours, child *os.File, err error) {
	fd, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	return endOf(fd[0], name), os.NewFile(uintptr(fd[1]), name), nil
}

// QuietPipe is OutputPipe for what will most likely stay empty: ours is a bare descriptor in non-blocking mode, not under
// the poller until os.NewFile puts it there.
func QuietPipe(name string) (ours int, child *os.File, err error) {
	fd, err := pipe()
	if err != nil {
		return -1, nil, err
	}
	unix.FcntlInt(uintptr(fd[0]), unix.F_SETFL, unix.O_NONBLOCK)
	return fd[0], os.NewFile(uintptr(fd[1]), name), nil
}

// InputPipe makes a pipe for what a child reads: as OutputPipe, ours is the end to write to.
func InputPipe(name string) (ours, child *os.File, err error) {
	fd, err := pipe()
	if err != nil {
		return nil, nil, err
	}
	return endOf(fd[1], name), os.NewFile(uintptr(fd[0]), name), nil
}

func pipe() (fd [2]int, err error) {
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC); err != nil {
		return fd, os.NewSyscallError("pipe2", err)
	}
	if err := descriptors.Check(max(fd[0], fd[1])); err != nil {
		unix.Close(fd[0])
		unix.Close(fd[1])
		return fd, fmt.Errorf("pipe2: %w", err)
	}
	return fd, nil
}

// endOf puts a pipe's end under the poller. The two ends have file descriptions of their own, so the other end keeps
// its mode. A fresh pipe has no other status flag that could be lost.
func endOf(fd int, name string) *os.File {
	unix.FcntlInt(uintptr(fd), unix.F_SETFL, unix.O_NONBLOCK)
	return os.NewFile(uintptr(fd), name)
}
