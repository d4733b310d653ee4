package worker

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// backlog is how many connections may wait for a worker to accept them.
const backlog = 256

// listen makes the listening socket of a slot. It never meets Go's poller: it is in blocking mode, as programs expect of
// their descriptor 0, and shares that mode with every process that has it.
func listen(path string) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	if err := bind(fd, path); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func bind(fd int, path string) error {
	unix.Unlink(path) // of the socket before
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return os.NewSyscallError("bind", err)
	}
	if err := unix.Chmod(path, 0o600); err != nil { // our umask may forbid it to ourselves
		return os.NewSyscallError("chmod", err)
	}
	return os.NewSyscallError("listen", unix.Listen(fd, backlog))
}
