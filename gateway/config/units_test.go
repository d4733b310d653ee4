package config

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want time.Duration
		err  string
	}{
		{"30s", 30 * time.Second, ""},
		{"5m", 5 * time.Minute, ""},
		{"1h30m", 90 * time.Minute, ""},
		{"250ms", 250 * time.Millisecond, ""},
		{"1h1m1s1ms", time.Hour + time.Minute + time.Second + time.Millisecond, ""},
		{"0s", 0, ""},
		{"007s", 7 * time.Second, ""},
		{"2562047h", 2562047 * time.Hour, ""},
		{"2562048h", 0, "too long"},
		{"2562047h48m", 0, "too long"},
		{"99999999999999999999ms", 0, "too long"},
		{"", 0, "is not a duration"},
		{"30", 0, `did you mean "30s"?`},
		{"-5s", 0, "is negative"},
		{"+5s", 0, "is not a duration"},
		{"5 s", 0, `did you mean "5s"?`},
		{"5S", 0, `did you mean "5s"?`},
		{"5sec", 0, `did you mean "5s"?`},
		{"5min", 0, `did you mean "5m"?`},
		{"1.5h", 0, `did you mean "1h30m"?`},
		{"0.25s", 0, `did you mean "250ms"?`},
		{"1d", 0, `did you mean "24h"?`},
		{"1m1h", 0, "is not a duration"},
		{"1s1s", 0, "is not a duration"},
		{"s", 0, "is not a duration"},
		{"5us", 0, "is not a duration"},
		{"1_000s", 0, "is not a duration"},
		{"0x5s", 0, "is not a duration"},
		{"５s", 0, "is not a duration"},
	} {
		got, err := parseDuration(tt.in)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %v, %v", tt.in, got, err)
		}
		if err == nil {
			if slow, err := time.ParseDuration(tt.in); err != nil || slow != got {
				t.Errorf("%q: %v, the library has %v, %v", tt.in, got, slow, err)
			}
		}
	}
}

func TestParseSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int64
		err  string
	}{
		{"1B", 1, ""},
		{"64KiB", 64 << 10, ""},
		{"10MiB", 10 << 20, ""},
		{"1GiB", 1 << 30, ""},
		{"2TiB", 2 << 40, ""},
		{"0B", 0, ""},
		{"8388607TiB", 8388607 << 40, ""},
		{"8388608TiB", 0, "too big"},
		{"99999999999999999999B", 0, "too big"},
		{"", 0, "is not a size"},
		{"1024", 0, `has no unit; did you mean "1KiB"?`},
		{"1000", 0, `has no unit; did you mean "1000B"?`},
		{"64K", 0, `did you mean "64KiB"?`},
		{"64k", 0, `did you mean "64KiB"?`},
		{"64KB", 0, `did you mean "64KiB"?`},
		{"64kib", 0, `did you mean "64KiB"?`},
		{"1024M", 0, `did you mean "1GiB"?`},
		{"5 MiB", 0, `did you mean "5MiB"?`},
		{"1.5GiB", 0, `did you mean "1536MiB"?`},
		{"-1MiB", 0, "is negative"},
		{"KiB", 0, "is not a size"},
		{"1PiB", 0, "is not a size"},
		{"NaNKiB", 0, "is not a size"},
		{"1KiB1B", 0, "is not a size"},
	} {
		got, err := parseSize(tt.in)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %v, %v", tt.in, got, err)
		}
	}
}

// TestFormats: what is suggested can be read, and is what was meant.
func TestFormats(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		d := time.Duration(r.Int64N(int64(1000*time.Hour)/int64(time.Millisecond))) * time.Millisecond >> r.IntN(20) / time.Millisecond * time.Millisecond
		if got, err := parseDuration(formatDuration(d)); err != nil || got != d {
			t.Fatalf("%v is written %s, which is %v, %v", d, formatDuration(d), got, err)
		}
		n := r.Int64() >> r.IntN(62)
		if got, err := parseSize(formatSize(n)); err != nil || got != n {
			t.Fatalf("%d is written %s, which is %d, %v", n, formatSize(n), got, err)
		}
	}
}

func TestExpand(t *testing.T) {
	getenv := func(name string) (string, bool) {
		v, ok := map[string]string{"A": "one", "B_2": "two", "EMPTY": "", "NESTED": "${A}"}[name]
		return v, ok
	}
	for _, tt := range []struct{ in, want, err string }{
		{"", "", ""},
		{"plain $A $ {A} $$ $}", "plain $A $ {A} $$ $}", ""},
		{"${A}", "one", ""},
		{"x${A}y${B_2}z", "xoneytwoz", ""},
		{"${EMPTY}", "", ""},
		{"${EMPTY:-d}", "d", ""},
		{"${NONE:-d}", "d", ""},
		{"${NONE:-}", "", ""},
		{"${NONE:-a:-b $ {}", "a:-b $ {", ""},
		{"${A:-d}", "one", ""},
		{"${NESTED}", "${A}", ""},
		{"$${A}", "${A}", ""},
		{"$$${A}", "$${A}", ""},
		{"$${A}${A}", "${A}one", ""},
		{"$${", "${", ""},
		{"é${A}é", "éoneé", ""},
		{"${NONE}", "", "NONE is not set"},
		{"${A", "", `has no "}"`},
		{"${}", "", "is not a variable"},
		{"${A B}", "", "is not a variable"},
		{"${1A}", "", "is not a variable"},
		{"${A-d}", "", "is not a variable"},
		{"${A:d}", "", "is not a variable"},
		{"${é}", "", "is not a variable"},
	} {
		got, err := expand(tt.in, getenv)
		if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%q: %q, %v", tt.in, got, err)
		}
	}
}

// slowDistance is the textbook recursion of editDistance.
func slowDistance(a, b string) int {
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	cost := 1
	if a[len(a)-1] == b[len(b)-1] {
		cost = 0
	}
	a1, b1 := a[:len(a)-1], b[:len(b)-1]
	d := min(slowDistance(a1, b)+1, slowDistance(a, b1)+1, slowDistance(a1, b1)+cost)
	if len(a) > 1 && len(b) > 1 && a[len(a)-1] == b[len(b)-2] && a[len(a)-2] == b[len(b)-1] {
		d = min(d, slowDistance(a[:len(a)-2], b[:len(b)-2])+1)
	}
	return d
}

func TestEditDistance(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	word := func() string {
		b := make([]byte, r.IntN(6))
		for i := range b {
			b[i] = "abc"[r.IntN(3)]
		}
		return string(b)
	}
	for range 3000 {
		a, b := word(), word()
		if got, want := editDistance(a, b, 100), slowDistance(a, b); got != want {
			t.Fatalf("%q, %q: %d, want %d", a, b, got, want)
		}
		if got, want := editDistance(a, b, 2), slowDistance(a, b); got != want && (got < 2 || want < 2) {
			t.Fatalf("%q, %q with a limit of 2: %d, want %d", a, b, got, want)
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"static", "cgi", "redirect", "respond", "env", "pass_env", "timeout", "idle_timeout", "max_body", "dir", "warn"}
	for in, want := range map[string]string{
		"statc": "static", "sttaic": "static", "Static": "static", "cg": "cgi", "cig": "cgi", "redirct": "redirect", "timeuot": "timeout",
		"idletimeout": "idle_timeout", "maxbody": "max_body", "max-body": "max_body", "warning": "warn", "idle": "idle_timeout",
		"": "", "x": "", "xyz": "", "directory_of_files": "dir", "entirely": "", "enviro": "env", strings.Repeat("static", 100): "static",
	} {
		if got := nearest(in, words); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
