package process

import "golang.org/x/sys/unix"

// SealInherited marks every descriptor above 2 that this process was started with close-on-exec, so that children do
// not get what a careless parent left open. It is for the first lines of main: what Go opens later is marked anyway.
func SealInherited() error {
	return unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}
