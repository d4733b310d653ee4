package stderr

import (
	"strings"
	"testing"
)

func TestLastWords(t *testing.T) {
	var l Lines
	all := ""
	for i := range 500 {
		piece := strings.Repeat(string(rune('a'+i%26)), i*7%900)
		l.remember([]byte(piece))
		all += piece
		want := all[max(0, len(all)-MaxLastWords):]
		if got := l.LastWords(); got != want {
			t.Fatalf("after %d bytes: %d bytes, not the last ones", len(all), len(got))
		}
	}
	l.remember([]byte(strings.Repeat("z", 3*MaxLastWords)))
	if got := l.LastWords(); got != strings.Repeat("z", MaxLastWords) {
		t.Errorf("%d bytes", len(got))
	}
}
