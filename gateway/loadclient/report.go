package loadclient

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// maxErrors is how many errors a report keeps of each kind of failure.
const maxErrors = 3

// Report is what a crowd has seen.
type Report struct {
	Requests    int
	Failed      map[Failure]int // without None
	Statuses    map[int]int     // of answers, as wanted or not
	Errors      []error         // the first few of each kind
	Connections int             // opened
	Dropped     int             // closed by the server between two requests, which is no failure
	Bytes       int64           // of bodies that came
	Took        time.Duration
	Stall       time.Duration // the longest time in which no request of the crowd was done
	Pause       time.Duration // the longest wait of a client for bytes of an answer that had been asked for
	Late        time.Duration // with a Rate: by how much the latest request began too late, for want of a free client
	latency     histogram
}

func (r *Report) init() {
	r.Failed, r.Statuses = map[Failure]int{}, map[int]int{}
}

func (r *Report) add(result *Result) {
	r.Requests++
	r.Bytes += result.Bytes
	r.Pause = max(r.Pause, result.Pause)
	if result.Dropped {
		r.Dropped++
	}
	r.latency.add(result.Took)
	if result.Status > 0 {
		r.Statuses[result.Status]++
	}
	if result.Failure == None {
		return
	}
	if r.Failed[result.Failure]++; r.Failed[result.Failure] <= maxErrors {
		r.Errors = append(r.Errors, fmt.Errorf("%s %s: %w", result.Request.method(), result.Request.target(), result.Err))
	}
}

// Sum is what several crowds have seen that were there at the same time; Stall is that of the crowd with the longest.
func Sum(crowds ...*Report) *Report {
	sum := &Report{}
	sum.init()
	for _, r := range crowds {
		sum.merge(r)
		sum.Took = max(sum.Took, r.Took)
	}
	return sum
}

func (r *Report) merge(other *Report) {
	r.Requests += other.Requests
	r.Connections += other.Connections
	r.Dropped += other.Dropped
	r.Bytes += other.Bytes
	r.Stall = max(r.Stall, other.Stall)
	r.Pause = max(r.Pause, other.Pause)
	r.Late = max(r.Late, other.Late)
	r.latency.merge(&other.latency)
	for status, n := range other.Statuses {
		r.Statuses[status] += n
	}
	for kind, n := range other.Failed {
		r.Failed[kind] += n
	}
	r.Errors = append(r.Errors, other.Errors[:min(len(other.Errors), max(0, int(numFailures)*maxErrors-len(r.Errors)))]...)
}

// OK is how many requests were answered as wanted.
func (r *Report) OK() int { return r.Requests - r.Failures() }

// Failures is how many were not.
func (r *Report) Failures() (n int) {
	for _, count := range r.Failed {
		n += count
	}
	return n
}

// Latency is the time that the share q (0.99) of all requests, failed ones too, did not exceed, within 3 %; 1 is exact.
func (r *Report) Latency(q float64) time.Duration { return r.latency.quantile(q) }

// String is for people: "1000 ok, 2 failed (2 reset), 3121/s, p50 1.1ms p90 ...", with the first errors on lines of
// their own.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d ok, %d failed", r.OK(), r.Failures())
	for i, kind := range slices.Sorted(maps.Keys(r.Failed)) {
		fmt.Fprintf(&b, "%s%d %s", [...]string{" (", ", "}[min(i, 1)], r.Failed[kind], kind)
	}
	if len(r.Failed) > 0 {
		b.WriteByte(')')
	}
	fmt.Fprintf(&b, ", %.0f/s, p50 %s p90 %s p99 %s max %s, longest stall %s, %d connections, %d dropped", float64(r.Requests)/r.Took.Seconds(),
		round(r.Latency(0.5)), round(r.Latency(0.9)), round(r.Latency(0.99)), round(r.Latency(1)), round(r.Stall), r.Connections, r.Dropped)
	for _, err := range r.Errors {
		fmt.Fprintf(&b, "\n\t%v", err)
	}
	return b.String()
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
