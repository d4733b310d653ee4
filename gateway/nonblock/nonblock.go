// Package nonblock reads and writes descriptors that are in non-blocking mode, without telling Go's scheduler: a call
// that cannot wait is over before another thread could take its place, and to hand the processor on and back for it costs
// more than a small call does. That is only true of small ones: more than Small bytes go the usual way.
package nonblock

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Small is the size up to which a call is over soon.
const Small = 64 << 10

// Read is read(2); it is done again after EINTR. n is 0 with an error.
func Read(fd uintptr, p []byte) (n int, err error) {
	return again(func() (int, error) {
		if len(p) == 0 || len(p) > Small {
			return unix.Read(int(fd), p)
		}
		return result(unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
	})
}

// Write is write(2), likewise.
func Write(fd uintptr, p []byte) (n int, err error) {
	return again(func() (int, error) {
		if len(p) == 0 || len(p) > Small {
			return unix.Write(int(fd), p)
		}
		return result(unix.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))))
	})
}

func again(call func() (int, error)) (n int, err error) {
	for {
		if n, err = call(); err != unix.EINTR { //nolint:errorlint // as the system gives it
			return max(n, 0), err
		}
	}
}

func result(n, _ uintptr, errno unix.Errno) (int, error) {
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
