package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
)

// column is one of the table of a workload.
type column struct {
	title string // "": the suite's
	cell  func(p, base *peer, by figure) string
}

var (
	rateColumn     = column{"requests/s", func(p, _ *peer, _ figure) string { return fmt.Sprintf("%.0f", p.median(rateOf)) }}
	ownColumn      = column{"by our own client", func(p, _ *peer, _ figure) string { return fmt.Sprintf("%.0f", p.median(ownOf)) }}
	cpuColumn      = column{"CPU time of a request", micros(cpuOf)}
	p50Column      = column{"p50", micros(p50Of)}
	p99Column      = column{"p99", micros(p99Of)}
	relativeColumn = column{"", func(p, base *peer, by figure) string {
		if base == nil {
			return ""
		}
		return fmt.Sprintf("%.2f", ratio(p, base, by))
	}}
)

func micros(f figure) func(p, base *peer, by figure) string {
	return func(p, _ *peer, _ figure) string {
		if v := microseconds(p.median(f)); v > 0 {
			return fmt.Sprintf("%d µs", v)
		}
		return ""
	}
}

// report is the result in Markdown.
func (b *bench) report(s suite, results []*result) string {
	var t strings.Builder
	if len(s.goals) > 0 {
		fmt.Fprintf(&t, "%s\n", s.verdicts(results))
	}
	for _, r := range results {
		fmt.Fprintf(&t, "## %s\n\n", r.name)
		if r.about != "" {
			fmt.Fprintf(&t, "%s\n\n", r.about)
		}
		fmt.Fprintf(&t, "%s\n", s.table(r))
	}
	fmt.Fprintf(&t, "## How it was measured\n\n%s.\n%s", b.circumstances(results), s.method)
	return t.String()
}

// table is the servers of one workload.
func (s *suite) table(r *result) string {
	var t strings.Builder
	t.WriteString("| server | version |")
	for _, c := range s.columns {
		if c.title == "" {
			c.title = s.relative
		}
		fmt.Fprintf(&t, " %s |", c.title)
	}
	t.WriteString("\n|---|---|" + strings.Repeat("--:|", len(s.columns)) + "\n")
	base := r.best(s.base)
	for _, p := range r.peers {
		fmt.Fprintf(&t, "| %s | %s |", p.name, p.released)
		if p.void != nil {
			fmt.Fprintf(&t, " void: %s |\n", strings.SplitN(p.void.Error(), "\n", 2)[0])
			continue
		}
		for _, c := range s.columns {
			fmt.Fprintf(&t, " %s |", c.cell(p, base, s.by))
		}
		t.WriteByte('\n')
	}
	return t.String()
}

func (b *bench) circumstances(results []*result) string {
	return fmt.Sprintf("%d CPUs, Linux %s, %s. Medians of %d interleaved rounds of %v for each server, %d clients over kept connections. %s",
		runtime.NumCPU(), kernel(), runtime.Version(), b.rounds, b.time, b.clients, elsewhere(results))
}

// muchElsewhere is a share of the processors from which on figures are noise.
const muchElsewhere = 0.05

func elsewhere(results []*result) string {
	share := others(results)
	text := fmt.Sprintf("Other programs took %.0f %% of the processors' time meanwhile", 100*share)
	if share >= muchElsewhere {
		text += ": **the figures are noise**"
	}
	return text
}

func kernel() string {
	text, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.TrimSpace(string(text))
}
