package process

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// SealInherited marks every descriptor above 2 that this process was started with close-on-exec, so that children do
// not get what a careless parent left open. It is for the first lines of main: what Go opens later is marked anyway.
func SealInherited() error {
	if unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC) == nil {
		return nil
	}
	return sealOneByOne() // a kernel before 5.11
}

func sealOneByOne() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}
