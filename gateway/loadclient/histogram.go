package loadclient

import (
	"math"
	"math/bits"
	"time"
)

// subBits is how many bits of a duration a histogram keeps: one part in 32, or 3 %.
const subBits = 5

// histogram counts durations by their leading bits, so that its size does not depend on how many there are.
type histogram struct {
	counts [64 << subBits]int64
	total  int64
	max    time.Duration
}

func (h *histogram) add(d time.Duration) {
	h.counts[slot(d)]++
	h.total++
	h.max = max(h.max, d)
}

func (h *histogram) merge(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}

// quantile is the duration that the share q of all does not exceed, rounded up by 3 % at most; 0 if there are none.
func (h *histogram) quantile(q float64) time.Duration {
	want, seen := int64(math.Ceil(q*float64(h.total))), int64(0)
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= want {
			return min(upper(i), h.max)
		}
	}
	return 0
}

// slot is exact up to 1<<subBits; above, it is the exponent and the subBits bits that follow the first one.
func slot(d time.Duration) int {
	v := uint64(max(d, 0))
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// upper is the largest duration of a slot.
func upper(slot int) time.Duration {
	if slot < 2<<subBits {
		return time.Duration(slot)
	}
	shift := slot>>subBits - 1
	return time.Duration((uint64(slot-shift<<subBits)+1)<<shift - 1)
}
