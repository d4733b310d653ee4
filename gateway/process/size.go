package process

import (
	"sync/atomic"
	"syscall"
)

// Size tells which programs were larger than this process: of the others the kernel keeps no trace. The zero Size is
// ready. Safe for concurrent use.
type Size struct{ known atomic.Int64 } // KiB that this process has had at least; it never has had less

// Own is s.MaxRSS where that is the program's own doing, else 0.
func (z *Size) Own(s State) int64 {
	if s.Usage.Maxrss <= z.known.Load() {
		return 0
	}
	var ours syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &ours) != nil {
		return 0
	}
	z.known.Store(ours.Maxrss)
	if s.Usage.Maxrss <= ours.Maxrss {
		return 0
	}
	return s.MaxRSS()
}
