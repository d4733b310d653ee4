package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// table is the result in Markdown.
func (b *bench) table(all []*peer, results map[string][]sample) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%d CPUs, Linux %s, %s. %d clients over kept connections, %d requests in each of %d interleaved rounds; medians.\n\n",
		runtime.NumCPU(), kernel(), runtime.Version(), b.clients, b.requests, b.rounds)
	t.WriteString("| server | version | CPU time of a request | of the loop's | requests/s | p50 | p99 |\n|---|---|--:|--:|--:|--:|--:|\n")
	loop := results[spawnLoopName]
	fmt.Fprintf(&t, "| %s | | %s | 1.00 | %.0f | | |\n", spawnLoopName, micros(median(loop, cpuOf)), median(loop, rateOf))
	for _, p := range all {
		s := results[p.name]
		fmt.Fprintf(&t, "| %s | %s | %s | %.2f | %.0f | %s | %s |\n", p.name, p.released, micros(median(s, cpuOf)), median(ratios(s, loop), func(r float64) float64 { return r }),
			median(s, rateOf), micros(median(s, p50Of)), micros(median(s, p99Of)))
	}
	return t.String()
}

// ratios are those of the processor times, round by round: what disturbs a round disturbs all of it.
func ratios(s, loop []sample) (all []float64) {
	for i := range s {
		all = append(all, float64(s[i].cpu)/float64(loop[i].cpu))
	}
	return all
}

func cpuOf(s sample) time.Duration { return s.cpu }
func rateOf(s sample) float64      { return s.rate }
func p50Of(s sample) time.Duration { return s.p50 }
func p99Of(s sample) time.Duration { return s.p99 }

func median[S any, T cmp.Ordered](all []S, of func(S) T) T {
	values := make([]T, len(all))
	for i, s := range all {
		values[i] = of(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func micros(d time.Duration) string { return fmt.Sprintf("%d µs", d.Microseconds()) }

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}
