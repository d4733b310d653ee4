package process

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Moment is how long ReadySoon may hold up its thread.
const Moment = 300 * time.Microsecond

// ReadySoon waits a Moment for a descriptor to become readable, or to be closed at its other end. It waits without a
// word to Go's scheduler: to give the processor away and get it back costs more than most such waits take.
func ReadySoon(fd int) bool {
	limit := unix.NsecToTimespec(int64(Moment))
	poll := unix.PollFd{Fd: int32(fd), Events: unix.POLLIN}
	n, _, errno := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	return errno == 0 && n > 0
}
