package config

import (
	"slices"
	"strings"
)

// Nearest is the word that s was probably meant to be, "" if none is close.
func Nearest(s string, words []string) string { return nearest(s, words) }

// nearest is the word that s was probably meant to be, "" if none is close: few edits away, or longer or shorter.
func nearest(s string, words []string) string {
	best, distance := "", closeEnough(s)+1
	for _, w := range words {
		if d := editDistance(s, w, distance); d < distance {
			best, distance = w, d
		}
	}
	if best != "" || len(s) < 3 {
		return best
	}
	for _, w := range words {
		if len(w) >= 3 && (strings.HasPrefix(s, w) || strings.HasPrefix(w, s)) {
			return w
		}
	}
	return ""
}

// closeEnough is how many edits a word of this length may be away.
func closeEnough(s string) int {
	switch n := len(s); {
	case n <= 1:
		return 0
	case n <= 4:
		return 1
	case n <= 8:
		return 2
	}
	return 3
}

// editDistance counts the bytes to insert, delete, replace or swap with their neighbour to make b of a. It gives up,
// returning limit, when the lengths alone say that there are as many.
func editDistance(a, b string, limit int) int {
	if d := len(a) - len(b); d >= limit || -d >= limit || len(a) > 64 || len(b) > 64 {
		return limit
	}
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// didYouMean is the end of a sentence: `; did you mean "static"?`, or nothing.
func didYouMean(s string, words []string) string {
	if w := nearest(s, words); w != "" {
		return "; did you mean " + quote(w) + "?"
	}
	return ""
}

// oneOf lists words as a sentence does: "a, b or c".
func oneOf(words []string) string {
	if len(words) < 2 {
		return slices.Concat(words, []string{""})[0]
	}
	out := words[0]
	for _, w := range words[1 : len(words)-1] {
		out += ", " + w
	}
	return out + " or " + words[len(words)-1]
}
