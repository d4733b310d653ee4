package static

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const alphabet = "abcdefghijklmnopqrstuvwxyz"

func TestParseRange(t *testing.T) {
	many := func(n int) string { return "bytes=0-0" + strings.Repeat(",5-5", n-1) }
	tests := []struct {
		field  string
		size   int64
		want   string
		result outcome
	}{
		{"bytes=0-0", 26, "0+1", partial},
		{"bytes=25-25", 26, "25+1", partial},
		{"bytes=0-", 26, "0+26", partial},
		{"bytes=10-", 26, "10+16", partial},
		{"bytes=-1", 26, "25+1", partial},
		{"bytes=-26", 26, "0+26", partial},
		{"bytes=-27", 26, "0+26", partial},
		{"bytes=20-99", 26, "20+6", partial},
		{"bytes=0005-0006", 26, "5+2", partial},
		{"BYTES=1-2", 26, "1+2", partial},
		{"bytes=0-99999999999999999999999999", 26, "0+26", partial},
		{"bytes=0-9223372036854775807", 26, "0+26", partial},
		{"bytes=-99999999999999999999999999", 26, "0+26", partial},
		{"bytes=26-", 26, "", unsatisfiable},
		{"bytes=26-30", 26, "", unsatisfiable},
		{"bytes=9223372036854775807-", 26, "", unsatisfiable},
		{"bytes=9223372036854775808-18446744073709551616", 26, "", unsatisfiable},
		{"bytes=18446744073709551616-", 26, "", unsatisfiable}, // 2^64 is not 0
		{"bytes=-0", 26, "", unsatisfiable},
		{"bytes=-000", 26, "", unsatisfiable},
		{"bytes=0-", 0, "", unsatisfiable},
		{"bytes=-0", 0, "", unsatisfiable},
		{"bytes=-5", 0, "", whole},

		{"", 26, "", whole},
		{"bytes", 26, "", whole},
		{"bytes=", 26, "", whole},
		{"bytes=,", 26, "", whole},
		{"bytes 0-1", 26, "", whole},
		{"bytes =0-1", 26, "", whole},
		{"items=0-1", 26, "", whole},
		{"bytes=-", 26, "", whole},
		{"bytes=1", 26, "", whole},
		{"bytes=2-1", 26, "", whole},
		{"bytes=99999999999999999999-99999999999999999998", 26, "", whole},
		{"bytes=--1", 26, "", whole},
		{"bytes=1--2", 26, "", whole},
		{"bytes=1-2-3", 26, "", whole},
		{"bytes=+1-2", 26, "", whole},
		{"bytes=1-+2", 26, "", whole},
		{"bytes=0x1-2", 26, "", whole},
		{"bytes=1_0-12", 26, "", whole},
		{"bytes=1 - 2", 26, "", whole},
		{"bytes=1-2;3-4", 26, "", whole},
		{"bytes=a-b", 26, "", whole},
		{"bytes=\u0661-", 26, "", whole},
		{"bytes=0-1,x", 26, "", whole},
		{"bytes=0-1,2-1", 26, "", whole},

		{"bytes=0-1,4-5", 26, "0+2 4+2", partial},
		{"bytes=4-5,0-1", 26, "4+2 0+2", partial},
		{"bytes= 0-1 ,\t4-5 ,, 8-8,", 26, "0+2 4+2 8+1", partial},
		{"bytes=0-3,4-5", 26, "0+6", partial},
		{"bytes=4-5,0-3", 26, "0+6", partial},
		{"bytes=0-3,2-5", 26, "0+6", partial},
		{"bytes=0-9,2-5", 26, "0+10", partial},
		{"bytes=0-1,3-4,2-2", 26, "0+5", partial},
		{"bytes=20-21,0-1,10-11,2-3", 26, "20+2 0+4 10+2", partial},
		{"bytes=0-1,-2", 26, "0+2 24+2", partial},
		{"bytes=0-1,99-", 26, "0+2", partial},
		{"bytes=99-,0-1,-0", 26, "0+2", partial},
		{"bytes=99-,100-", 26, "", unsatisfiable},
		{"bytes=0-12,13-25", 26, "0+26", partial},
		{"bytes=0-,0-", 26, "", whole},
		{"bytes=0-12,12-25", 26, "", whole}, // 27 bytes of 26
		{"bytes=0-" + strings.Repeat(",0-", 199), 26, "", whole},
		{many(16), 26, "0+1 5+1", partial},
		{many(17), 26, "", whole},
	}
	for _, test := range tests {
		spans, result := parseRange(test.field, test.size)
		if got := show(spans); got != test.want || result != test.result {
			t.Errorf("%.60q of %d: %q, %d, want %q, %d", test.field, test.size, got, result, test.want, test.result)
		}
	}
}

func TestEveryPairOfBoundaries(t *testing.T) {
	boundaries := []int64{0, 1, 2, 7, 8, 9, 15, 16, 17, 24, 25, 26, 27, 1 << 31, 1<<63 - 2, 1<<63 - 1}
	for _, first := range boundaries {
		for _, last := range boundaries {
			field := fmt.Sprintf("bytes=%d-%d", first, last)
			spans, result := parseRange(field, 26)
			wantSpans, want := slowRange(field, 26)
			if !slices.Equal(spans, wantSpans) || result != want {
				t.Errorf("%s: %v, %d, want %v, %d", field, spans, result, wantSpans, want)
			}
		}
	}
}

func show(spans []span) string {
	var parts []string
	for _, s := range spans {
		parts = append(parts, fmt.Sprintf("%d+%d", s.start, s.length))
	}
	return strings.Join(parts, " ")
}

var (
	rangeField = regexp.MustCompile(`^(?i:bytes)=(.*)$`)
	rangeSpec  = regexp.MustCompile(`^(?:([0-9]+)-([0-9]*)|-([0-9]+))$`)
)

// slowRange is parseRange done byte by byte with numbers of any size: each byte of the file is marked with the first
// range that wants it.
func slowRange(field string, size int) ([]span, outcome) {
	m := rangeField.FindStringSubmatch(field)
	if m == nil {
		return nil, whole
	}
	wantedBy := make([]int, size) // 0 is nobody
	specs, asked := 0, 0
	for _, element := range strings.Split(m[1], ",") {
		element = strings.Trim(element, " \t")
		if element == "" {
			continue
		}
		specs++
		part := rangeSpec.FindStringSubmatch(element)
		if part == nil {
			return nil, whole
		}
		first, last := big.NewInt(0), big.NewInt(int64(size)-1)
		if part[3] != "" {
			suffix, _ := new(big.Int).SetString(part[3], 10)
			if size == 0 && suffix.Sign() > 0 {
				return nil, whole
			}
			if first.Sub(big.NewInt(int64(size)), suffix).Sign() < 0 {
				first.SetInt64(0)
			}
		} else {
			first.SetString(part[1], 10)
			if part[2] != "" {
				last.SetString(part[2], 10)
				if last.Cmp(first) < 0 {
					return nil, whole
				}
			}
		}
		for i := range wantedBy {
			if at := big.NewInt(int64(i)); at.Cmp(first) >= 0 && at.Cmp(last) <= 0 {
				asked++
				if wantedBy[i] == 0 {
					wantedBy[i] = specs
				}
			}
		}
	}
	switch {
	case specs == 0 || specs > 16 || asked > size:
		return nil, whole
	case asked == 0:
		return nil, unsatisfiable
	}
	return runs(wantedBy), partial
}

// runs are the runs of wanted bytes, in the order of the earliest range in each.
func runs(wantedBy []int) []span {
	type run struct {
		span
		earliest int
	}
	var all []run
	for i, by := range wantedBy {
		switch {
		case by == 0:
		case i > 0 && wantedBy[i-1] != 0:
			last := &all[len(all)-1]
			last.length++
			last.earliest = min(last.earliest, by)
		default:
			all = append(all, run{span{int64(i), 1}, by})
		}
	}
	slices.SortFunc(all, func(a, b run) int { return a.earliest - b.earliest })
	var spans []span
	for _, r := range all {
		spans = append(spans, r.span)
	}
	return spans
}

// FuzzRange compares parseRange with slowRange.
func FuzzRange(f *testing.F) {
	for _, seed := range []string{
		"bytes=0-0", "bytes=0-", "bytes=-5", "bytes=-0", "bytes=5-2", "bytes=0-3,2-5,7-7", "bytes=9-,0-1", "BYTES=1-2 , ,3-4",
		"bytes=18446744073709551616-18446744073709551617", "bytes=-99999999999999999999", "bytes=00-01,03-2", "items=0-1", "bytes=4-5,0-3",
		"bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32",
	} {
		for _, size := range []uint8{0, 1, 26, 200} {
			f.Add(seed, size)
		}
	}
	f.Fuzz(func(t *testing.T, field string, size uint8) {
		spans, result := parseRange(field, int64(size))
		wantSpans, want := slowRange(field, int(size))
		if result != want || !slices.Equal(spans, wantSpans) {
			t.Fatalf("%q of %d: %v, %d, want %v, %d", field, size, spans, result, wantSpans, want)
		}
	})
}
