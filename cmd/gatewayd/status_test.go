package main

import (
	"strings"
	"testing"
)

func TestStatusTellsOfLostLogLines(t *testing.T) {
	for status, want := range map[string]bool{`{"log_lines_lost": 0}`: false, `{"log_lines_lost": 12}`: true} {
		var out strings.Builder
		if err := printStatus(&out, status); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "log lines lost: 12,") != want {
			t.Errorf("%s: %s", status, &out)
		}
	}
}
