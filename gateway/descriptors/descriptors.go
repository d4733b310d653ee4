// Package descriptors keeps some file descriptors for the operator: what serves requests leaves the last ones alone, so
// that a reload, the admin socket and new log files still get theirs when clients have taken all the others.
package descriptors

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// maxReserve is how many are kept; of a small limit it is a quarter.
const maxReserve = 64

// ErrReserved is the limit of open files as requests know it. It is a unix.EMFILE.
var ErrReserved = fmt.Errorf("what is left is kept for the operator: %w", unix.EMFILE)

// Check says whether a descriptor that has just been opened for a request is one of the reserve: then it is ErrReserved
// and the caller closes it. Nothing is counted: the kernel always gives the lowest number that is free, so a high one
// says that all below it are in use.
func Check(fd int) error {
	if fd >= public() {
		return ErrReserved
	}
	return nil
}

// public is the first number of the reserve. The limit is asked for each time: an operator may raise it with prlimit.
func public() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return int(^uint(0) >> 1)
	}
	soft := min(limit.Cur, 1<<30)
	return int(soft - min(soft/4, maxReserve))
}

// Room says whether requests could have another descriptor now.
func Room() bool {
	fd, err := unix.Open("/", unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return Check(fd) == nil
}
