package static

import (
	"regexp"
	"strings"
	"testing"
)

var (
	slowTag  = `(?:W/)?"[!\x23-\x7e\x80-\xff]*"`
	slowList = regexp.MustCompile(`(?s)^[ \t,]*` + slowTag + `(?:[ \t]*,[ \t,]*(?:` + slowTag + `)?)*[ \t]*$`)
	slowTags = regexp.MustCompile(`(?s)` + slowTag)
)

// FuzzMatches compares the reading of entity tag lists with the grammar as a regular expression over Latin-1.
func FuzzMatches(f *testing.F) {
	for _, seed := range []string{`"x"`, `W/"x"`, `"a", "x"`, `*`, `,"x",,`, `"a" "x"`, `x`, `"x`, `"a b"`, `"",W/"x" ,`, "\"\xff\",\"x\"", ` * `, `*,"x"`, `w/"x"`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, field string) {
		latin := make([]rune, len(field)) // a regular expression sees runes: one for each byte
		for i := range len(field) {
			latin[i] = rune(field[i])
		}
		wantOK, wantStrong, wantWeak := field == "*", field == "*", field == "*"
		if slowList.MatchString(string(latin)) {
			wantOK = true
			for _, tag := range slowTags.FindAllString(string(latin), -1) {
				wantStrong = wantStrong || tag == `"x"`
				wantWeak = wantWeak || strings.TrimPrefix(tag, "W/") == `"x"`
			}
		}
		strong, strongOK := matches([]string{field}, `"x"`, true)
		weak, weakOK := matches([]string{field}, `"x"`, false)
		if strongOK != wantOK || weakOK != wantOK || wantOK && (strong != wantStrong || weak != wantWeak) {
			t.Fatalf("%q: strong %t %t, weak %t %t, want %t %t, ok %t", field, strong, strongOK, weak, weakOK, wantStrong, wantWeak, wantOK)
		}
	})
}
