package cgi

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/process"
	"gatewayd/gateway/stderr"
)

// linesOf is what the log should get of text, the slow way.
func linesOf(text string) (lines []string) {
	for text != "" {
		line, rest, ended := strings.Cut(text, "\n")
		text = rest
		long := len(line) >= stderr.MaxLine
		for len(line) >= stderr.MaxLine {
			lines, line = append(lines, line[:stderr.MaxLine]), line[stderr.MaxLine:]
		}
		if ended && !(long && line == "") {
			lines = append(lines, strings.TrimSuffix(line, "\r"))
		} else if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

func spawn(f func()) { go f() }

// However the text is cut into writes, the log gets the same lines.
func FuzzStandardError(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), 3, 1)
	f.Add([]byte("long"), 1, 5000)
	f.Add([]byte("\n"), 2, 100)
	f.Add([]byte(strings.Repeat("y", stderr.MaxLine)+"\nx"), 700, 1)
	f.Add([]byte(strings.Repeat("y", stderr.MaxLine-1)+"\r\nx"), 8191, 1)
	f.Fuzz(func(t *testing.T, text []byte, step, times int) {
		text = bytes.Repeat(text, min(max(times, 1), 5000))
		if step = max(step, 1); len(text)/step > 2000 {
			step = len(text) / 100
		}
		if len(text) > 200_000 || bytes.Count(text, []byte("\n")) > stderr.MaxLines-50 {
			return // the bounds have tests of their own
		}
		ours, theirs, err := process.QuietPipe("stderr")
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		l := newStderrLog(ours, func(line string) { got = append(got, line) }, func() {})
		// Reading begins at some time while a pipe still takes everything, or only with the end.
		const pipe = 60_000
		begin := (len(text) * times) % pipe
		written := 0
		for piece := range slices.Chunk(text, step) {
			if written >= begin || written+len(piece) > pipe {
				l.begin(spawn)
			}
			if _, err := theirs.Write(piece); err != nil {
				t.Fatal(err)
			}
			written += len(piece)
		}
		if times%2 == 0 {
			l.finish(time.Now().Add(time.Minute), spawn)
		}
		theirs.Close()
		l.finish(time.Now().Add(time.Minute), spawn)
		<-l.done
		if want := linesOf(string(text)); !slices.Equal(got, want) {
			t.Errorf("%d lines, want %d: %.200q, want %.200q", len(got), len(want), got, want)
		}
	})
}
