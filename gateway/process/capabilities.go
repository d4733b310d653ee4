package process

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// SealCapabilities sees to it that no program inherits a capability of this process: without it, one that was started by
// a plain user with ambient capabilities (AmbientCapabilities= in a systemd unit) would hand them on to every program,
// and whoever has CAP_SETUID is root if he likes. This process itself keeps what it has. It is for the first lines of
// main, behind Init. In a binary that uses cgo it fails with ENOTSUP if there is anything to seal.
func SealCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("capget: %w", err)
	}
	if data[0].Inheritable|data[1].Inheritable == 0 {
		return nil
	}
	data[0].Inheritable, data[1].Inheritable = 0, 0 // and what is ambient must be inheritable
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0); errno != 0 {
		return fmt.Errorf("capset: %w", errno)
	}
	return nil
}
