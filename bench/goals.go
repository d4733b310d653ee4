package main

import (
	"fmt"
	"strings"
)

// goal is what the best of our own variants is to reach over the best of some families.
type goal struct {
	workload string // the beginning of names of workloads
	least    float64
	over     []string
}

// check says in one line of Markdown how far a goal is reached.
func (g goal) check(r *result) string {
	ours, theirs := r.best("gatewayd"), r.best(g.over...)
	if ours == nil || theirs == nil {
		return fmt.Sprintf("| %s | %s | %.2f | not measured | |\n", r.name, strings.Join(g.over, ", "), g.least)
	}
	reached := ratio(ours, theirs, rateOf)
	verdict := "reached"
	if reached < g.least {
		verdict = "**missed**"
	}
	return fmt.Sprintf("| %s | %s | %.2f | %.2f | %s |\n", r.name, theirs.name, g.least, reached, verdict)
}

// verdicts are the goals as a table.
func (s *suite) verdicts(results []*result) string {
	var t strings.Builder
	t.WriteString("| workload | gatewayd over | goal | ratio | |\n|---|---|--:|--:|---|\n")
	for _, r := range results {
		for _, g := range s.goals {
			if strings.HasPrefix(r.name, g.workload) {
				t.WriteString(g.check(r))
			}
		}
	}
	return t.String()
}
