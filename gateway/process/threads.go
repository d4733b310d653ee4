package process

import (
	"runtime"
	"sync"

	"golang.org/x/sys/unix"
)

// maxThreads is how many threads ReserveThreads makes; of a small limit on processes it takes an eighth.
const maxThreads = 64

// ReserveThreads makes threads for later. Go's runtime ends the whole process when it needs one more and the system has
// none to give, as when programs of the same user have used up its limit of processes. It never gives a thread back, so
// those that are there early are there for good.
func ReserveThreads() {
	var limit unix.Rlimit
	n := uint64(maxThreads)
	if unix.Getrlimit(unix.RLIMIT_NPROC, &limit) == nil {
		n = min(n, limit.Cur/8)
	}
	var begun, ended sync.WaitGroup
	begun.Add(int(n))
	for range n {
		ended.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			begun.Done()
			begun.Wait() // all at once, so that each has a thread of its own
		})
	}
	ended.Wait()
}
