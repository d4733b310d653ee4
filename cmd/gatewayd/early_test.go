package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// earlyBody is the length of a body that nobody wants.
const earlyBody = 100 << 20

// An answer that comes before the body is whole reaches the client: curl prints it, and sees no reset.
func TestEarlyAnswers(t *testing.T) {
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "cgi-bin", "enough.sh"), `#!/bin/sh
head -c 1024 >/dev/null
printf 'Status: 413\nContent-Type: text/plain\n\n1 KiB is enough\n'
`, 0o755)
	s := serveConfig(t, dir, `
admin: off
routes:
  "/*": { cgi: ./cgi-bin, max_body: 1MiB }
  "/stream/*": { cgi: ./cgi-bin, buffer: none }
`)
	body := filepath.Join(dir, "body")
	writeTestFile(t, body, "", 0o644)
	if err := os.Truncate(body, earlyBody); err != nil {
		t.Fatal(err)
	}
	times := 5
	if soak() {
		times = 100
	}
	for _, from := range []struct{ who, target, says string }{
		{"gatewayd", "/enough.sh", "max_body"},
		{"a program", "/stream/enough.sh", "1 KiB is enough\n"},
	} {
		for _, chunked := range []bool{false, true} {
			for _, expect := range []string{"", "100-continue"} {
				t.Run(fmt.Sprintf("%s, chunked=%t, expect=%t", from.who, chunked, expect != ""), func(t *testing.T) {
					args := []string{"--silent", "--show-error", "--max-time", "60", "--data-binary", "@" + body,
						"--header", "Expect: " + expect, "--write-out", "\n%{http_code}", s.url + from.target}
					if chunked {
						args = slices.Insert(args, 0, "--header", "Transfer-Encoding: chunked")
					}
					longest := time.Duration(0)
					for range times {
						begun := time.Now()
						answer, err := (client{t: t, dir: dir}).try("curl", args...)
						if err != nil || !strings.Contains(answer, from.says) || !strings.HasSuffix(answer, "\n413") {
							t.Fatalf("curl: %v\n%s", err, answer)
						}
						longest = max(longest, time.Since(begun))
					}
					t.Logf("the longest of %d took %v", times, longest.Round(time.Millisecond))
				})
			}
		}
	}
}
