package config

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// unlimited is how the file spells that there is no bound; a Config has 0 for it.
const unlimited = "none"

// durationUnit takes the unit at the start of s.
func durationUnit(s string) (time.Duration, string) {
	switch {
	case strings.HasPrefix(s, "ms"):
		return time.Millisecond, s[2:]
	case strings.HasPrefix(s, "s"):
		return time.Second, s[1:]
	case strings.HasPrefix(s, "m"):
		return time.Minute, s[1:]
	case strings.HasPrefix(s, "h"):
		return time.Hour, s[1:]
	}
	return 0, s
}

// parseDuration reads "30s", "1h30m", "250ms": whole numbers with units, each unit smaller than the one before it.
func parseDuration(s string) (time.Duration, error) {
	var total time.Duration
	unit := time.Duration(math.MaxInt64)
	for rest := s; rest != "" || s == ""; {
		n, after, ok := leadingNumber(rest)
		if !ok {
			return 0, badDuration(s)
		}
		next, tail := durationUnit(after)
		if next == 0 || next >= unit {
			return 0, badDuration(s)
		}
		if n > int64((math.MaxInt64-total)/next) {
			return 0, fmt.Errorf(`%s is too long for a duration; write "none" if there is to be no limit`, quote(s))
		}
		total += time.Duration(n) * next
		unit, rest = next, tail
	}
	return total, nil
}

// leadingNumber takes the digits at the start of s; numbers too big for an int64 come back as the biggest.
func leadingNumber(s string) (n int64, rest string, ok bool) {
	i := 0
	for ; i < len(s) && '0' <= s[i] && s[i] <= '9'; i++ {
		if n > (math.MaxInt64-9)/10 {
			n = math.MaxInt64
			continue
		}
		if n != math.MaxInt64 {
			n = n*10 + int64(s[i]-'0')
		}
	}
	return n, s[i:], i > 0
}

// badDuration says what is wrong with s and, where that can be told, what was meant.
func badDuration(s string) error {
	if strings.HasPrefix(s, "-") {
		return fmt.Errorf("%s is negative; a duration is at least 1ms", quote(s))
	}
	if strings.TrimLeft(s, "0123456789") == "" && s != "" {
		return fmt.Errorf("%s has no unit; did you mean %s?", quote(s), quote(s+"s"))
	}
	if meant, ok := meantDuration(s); ok {
		return fmt.Errorf("%s is not a duration; did you mean %s?", quote(s), quote(meant))
	}
	return fmt.Errorf(`%s is not a duration; write it as "30s", "5m", "1h30m" or "250ms"`, quote(s))
}

// meantDuration reads what other programs call a duration: "30 sec", "2d", "1.5h", "5min".
func meantDuration(s string) (string, bool) {
	digits := strings.TrimSpace(strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ "))
	word := strings.ToLower(strings.TrimSpace(s[len(digits):]))
	number, err := strconv.ParseFloat(digits, 64)
	if err != nil || number <= 0 || number > 1e6 {
		return "", false
	}
	unit, ok := map[string]time.Duration{
		"ms": time.Millisecond, "msec": time.Millisecond, "milliseconds": time.Millisecond,
		"s": time.Second, "sec": time.Second, "secs": time.Second, "second": time.Second, "seconds": time.Second,
		"m": time.Minute, "min": time.Minute, "mins": time.Minute, "minute": time.Minute, "minutes": time.Minute,
		"h": time.Hour, "hr": time.Hour, "hour": time.Hour, "hours": time.Hour,
		"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour, "w": 7 * 24 * time.Hour, "weeks": 7 * 24 * time.Hour,
	}[word]
	d := time.Duration(number * float64(unit)).Round(time.Millisecond)
	return formatDuration(d), ok && d > 0
}

// formatDuration writes d as the file does: without units that are zero.
func formatDuration(d time.Duration) string {
	if d == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range []struct {
		span time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := d / u.span; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.span
		}
	}
	return b.String()
}

func sizeUnit(s string) int64 {
	switch s {
	case "B":
		return 1
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	case "TiB":
		return 1 << 40
	}
	return 0
}

// parseSize reads "512B", "64KiB", "1GiB": one whole number and one unit.
func parseSize(s string) (int64, error) {
	n, rest, ok := leadingNumber(s)
	unit := sizeUnit(rest)
	switch {
	case !ok || unit == 0:
		return 0, badSize(s)
	case n > (math.MaxInt64-1)/unit: // MaxInt64 itself stands for all that is more
		return 0, fmt.Errorf(`%s is too big for a size; write "none" if there is to be no limit`, quote(s))
	}
	return n * unit, nil
}

func badSize(s string) error {
	if strings.HasPrefix(s, "-") {
		return fmt.Errorf("%s is negative; a size is at least 1B", quote(s))
	}
	digits := strings.TrimSpace(strings.TrimRight(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ "))
	word := strings.ToLower(strings.TrimSpace(s[len(digits):]))
	number, err := strconv.ParseFloat(digits, 64)
	unit, ok := map[string]int64{
		"": 1, "b": 1, "byte": 1, "bytes": 1, "k": 1 << 10, "kb": 1 << 10, "kib": 1 << 10, "ki": 1 << 10, "m": 1 << 20, "mb": 1 << 20, "mib": 1 << 20, "mi": 1 << 20,
		"g": 1 << 30, "gb": 1 << 30, "gib": 1 << 30, "gi": 1 << 30, "t": 1 << 40, "tb": 1 << 40, "tib": 1 << 40, "ti": 1 << 40,
	}[word]
	size := number * float64(unit)
	if err != nil || !ok || !(size >= 1 && size < 1<<60) {
		return fmt.Errorf(`%s is not a size; write it as "64KiB", "10MiB" or "1GiB"`, quote(s))
	}
	what := "is not a size"
	if word == "" {
		what = "has no unit"
	}
	return fmt.Errorf("%s %s; did you mean %s?", quote(s), what, quote(formatSize(int64(size))))
}

// formatSize writes n with the biggest unit that needs no fraction.
func formatSize(n int64) string {
	for _, u := range []string{"TiB", "GiB", "MiB", "KiB"} {
		if size := sizeUnit(u); n >= size && n%size == 0 {
			return strconv.FormatInt(n/size, 10) + u
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}
