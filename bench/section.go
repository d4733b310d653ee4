package main

import (
	"fmt"
	"os"
	"strings"
)

// writeSection puts text between the lines <!-- NAME --> and <!-- /NAME --> of a file; without them it is added at the
// end, in such lines.
func writeSection(file, name, text string) error {
	old, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.WriteFile(file, []byte(withSection(string(old), name, text)), 0o644)
}

func withSection(old, name, text string) string {
	begin, end := fmt.Sprintf("<!-- %s -->\n", name), fmt.Sprintf("<!-- /%s -->\n", name)
	before, rest, found := strings.Cut(old, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		before, after = old, ""
		if before != "" {
			before = strings.TrimRight(before, "\n") + "\n\n"
		}
	}
	return before + begin + strings.TrimRight(text, "\n") + "\n" + end + after
}
