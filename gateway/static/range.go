package static

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// maxRanges is how many ranges a request may ask for; one that asks for more gets the whole file.
const maxRanges = 16

// span is a part of a file: length bytes, at least one, from start.
type span struct{ start, length int64 }

func (s span) end() int64 { return s.start + s.length }

func (s span) contentRange(size int64) string {
	b := make([]byte, 0, 64)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, s.start, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.end()-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, size, 10))
}

// outcome is what a Range field leads to.
type outcome int

const (
	whole         outcome = iota // 200: the field does not count
	partial                      // 206
	unsatisfiable                // 416
)

// parseRange reads a Range field (RFC 9110 section 14.2) for a file of size bytes. Ranges that overlap or touch become
// one. A field that is not well formed, asks for more than maxRanges ranges or for more bytes than the file has, does
// not count.
func parseRange(field string, size int64) ([]span, outcome) {
	const unit = "bytes="
	if len(field) < len(unit) || !strings.EqualFold(field[:len(unit)], unit) {
		return nil, whole
	}
	var spans []span
	count, total := 0, int64(0)
	for spec := range strings.SplitSeq(field[len(unit):], ",") {
		if spec = strings.Trim(spec, " \t"); spec == "" {
			continue // an empty list element, RFC 9110 section 5.6.1
		}
		s, ok := parseSpec(spec, size)
		if count++; !ok || count > maxRanges {
			return nil, whole
		}
		if s.length > size-total {
			return nil, whole
		}
		if s.length > 0 {
			spans, total = append(spans, s), total+s.length
		}
	}
	switch {
	case count == 0:
		return nil, whole
	case len(spans) == 0:
		return nil, unsatisfiable
	}
	return merge(spans), partial
}

// parseSpec reads "first-last", "first-" or "-length". The span is empty if the file has none of the bytes.
func parseSpec(spec string, size int64) (s span, ok bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok || !isDigits(first) || !isDigits(last) || first == "" && last == "" {
		return span{}, false
	}
	if first == "" {
		n := number(last, size)
		// The last bytes of an empty file are all of it, which no Content-Range can say.
		return span{size - n, n}, size > 0 || strings.Trim(last, "0") == ""
	}
	if last != "" && less(last, first) {
		return span{}, false
	}
	start := number(first, size)
	if start == size {
		return span{}, true
	}
	if last == "" {
		return span{start, size - start}, true
	}
	return span{start, number(last, size-1) + 1 - start}, true
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// less says whether the number a is less than b, whatever their lengths.
func less(a, b string) bool {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) < len(b)
	}
	return a < b
}

// number is the value of digits, or most if it is more.
func number(digits string, most int64) int64 {
	n := int64(0)
	for i := range len(digits) {
		d := int64(digits[i] - '0')
		if n > (most-d)/10 || d > most {
			return most
		}
		n = n*10 + d
	}
	return n
}

// merge joins ranges that overlap or touch. Each takes the place of the first of those it was made of, so that what the
// client wants first comes first.
func merge(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	type placed struct {
		span
		place int
	}
	sorted := make([]placed, len(spans))
	for i, s := range spans {
		sorted[i] = placed{s, i}
	}
	slices.SortFunc(sorted, func(a, b placed) int { return cmp.Compare(a.start, b.start) })
	joined := sorted[:1]
	for _, s := range sorted[1:] {
		last := &joined[len(joined)-1]
		if s.start > last.end() {
			joined = append(joined, s)
			continue
		}
		last.length = max(last.end(), s.end()) - last.start
		last.place = min(last.place, s.place)
	}
	slices.SortFunc(joined, func(a, b placed) int { return cmp.Compare(a.place, b.place) })
	spans = spans[:0]
	for _, s := range joined {
		spans = append(spans, s.span)
	}
	return spans
}
