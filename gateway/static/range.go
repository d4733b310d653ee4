package static

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRanges is how many ranges a request may ask for; one that asks for more gets the whole file.
const maxRanges = 16

// span is a part of a file: length bytes, at least one, from start.
type span struct{ start, length int64 }

func (s span) contentRange(size int64) string {
	b := make([]byte, 0, 64)
	b = append(b, "bytes "...)
	b = strconv.AppendInt(b, s.start, 10)
	b = append(b, '-')
	b = strconv.AppendInt(b, s.start+s.length-1, 10)
	b = append(b, '/')
	return string(strconv.AppendInt(b, size, 10))
}

// outcome is what a Range field leads to.
type outcome int

const (
	whole outcome = iota // 200: no range, or one that does not count
	partial
	unsatisfiable // 416
)

// wanted is which parts of a file a request gets.
func wanted(r *http.Request, size int64, etag string, modified time.Time) ([]span, outcome) {
	values := r.Header["Range"]
	if len(values) != 1 || r.Method != http.MethodGet || !rangeHolds(r, etag, modified) {
		return nil, whole
	}
	return parseRange(values[0], size)
}

// parseRange reads a Range field (RFC 9110 section 14.2) for a file of size bytes. Ranges that overlap or touch become
// one. A field that is not well formed, has more than maxRanges, or would send more bytes than the file has, counts as
// none.
func parseRange(field string, size int64) ([]span, outcome) {
	unit, set, ok := strings.Cut(field, "=")
	if !ok || !strings.EqualFold(strings.Trim(unit, " \t"), "bytes") {
		return nil, whole
	}
	var spans []span
	total, count, specs := int64(0), 0, 0
	for spec := range strings.SplitSeq(set, ",") {
		spec = strings.Trim(spec, " \t")
		if spec == "" {
			continue // an empty list element, RFC 9110 section 5.6.1
		}
		if specs++; specs > maxRanges {
			return nil, whole
		}
		s, satisfiable, ok := parseSpec(spec, size)
		if !ok {
			return nil, whole
		}
		if satisfiable {
			spans = append(spans, s)
			total += s.length
			count++
		}
	}
	switch {
	case specs == 0:
		return nil, whole
	case count == 0:
		return nil, unsatisfiable
	case total > size:
		return nil, whole
	}
	return merge(spans), partial
}

// parseSpec reads "first-last", "first-" or "-length".
func parseSpec(spec string, size int64) (s span, satisfiable, ok bool) {
	first, last, ok := strings.Cut(spec, "-")
	if !ok {
		return span{}, false, false
	}
	if first == "" {
		n, ok := digits(last)
		n = min(n, size)
		return span{size - n, n}, n > 0, ok
	}
	from, ok := digits(first)
	if !ok {
		return span{}, false, false
	}
	to := size - 1
	if last != "" {
		n, ok := digits(last)
		if !ok || n < from {
			return span{}, false, false
		}
		to = min(n, to)
	}
	return span{from, to - from + 1}, from < size, true
}

// digits reads a number of digits alone. One that is too large for any file stays so.
func digits(s string) (n int64, ok bool) {
	const most = int64(1)<<62 - 1
	if s == "" {
		return 0, false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		n = min(n, (most-9)/10)*10 + int64(c-'0')
	}
	return n, true
}

// merge joins ranges that overlap or touch. What stays apart keeps the client's order.
func merge(spans []span) []span {
	if len(spans) < 2 {
		return spans
	}
	sorted := slices.Clone(spans)
	slices.SortFunc(sorted, func(a, b span) int { return int(min(max(a.start-b.start, -1), 1)) })
	joined := sorted[:1]
	for _, s := range sorted[1:] {
		last := &joined[len(joined)-1]
		if s.start > last.start+last.length {
			joined = append(joined, s)
			continue
		}
		last.length = max(last.length, s.start+s.length-last.start)
	}
	if len(joined) == len(spans) {
		return spans
	}
	return joined
}
