package static_test

import (
	"fmt"
	"io/fs"
	"math"
	"regexp"
	"strings"
	"testing"

	"gatewayd/static"
)

// TestSelfContained: nothing of the page comes from elsewhere.
func TestSelfContained(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?:(?:href|src|action)="|url\(["']?|@import\s*["']?)(?:https?:)?//`)
	for _, name := range []string{"index.html", "style.css", "live.js"} {
		if found := elsewhere.FindString(read(t, name)); found != "" {
			t.Errorf("%s refers to %s", name, found)
		}
	}
}

// TestContrast holds the colours that text has to at least 4.5:1, light and dark (WCAG 2.2, 1.4.3).
func TestContrast(t *testing.T) {
	modes := regexp.MustCompile(`:root \{([^}]*)\}`).FindAllStringSubmatch(read(t, "style.css"), -1)
	if len(modes) != 2 {
		t.Fatalf("%d sets of colours", len(modes))
	}
	for mode, m := range modes {
		colours := map[string]string{}
		for _, c := range regexp.MustCompile(`--([\w-]+): (#[0-9a-f]{6});`).FindAllStringSubmatch(m[1], -1) {
			colours[c[1]] = c[2]
		}
		for _, pair := range []string{
			"ink page", "ink card", "soft page", "soft card", "soft tint", "ink tint", "accent page", "accent card", "accent tint",
			"warn card", "accent-ink accent", "code-ink code", "code-soft code",
		} {
			text, ground, _ := strings.Cut(pair, " ")
			if c := contrast(t, colours[text], colours[ground]); c < 4.5 {
				t.Errorf("mode %d: %s on %s is %.2f:1", mode, text, ground, c)
			}
		}
	}
}

func contrast(t *testing.T, a, b string) float64 {
	t.Helper()
	la, lb := luminance(t, a), luminance(t, b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

func luminance(t *testing.T, colour string) float64 {
	t.Helper()
	var rgb [3]int
	if _, err := fmt.Sscanf(colour, "#%02x%02x%02x", &rgb[0], &rgb[1], &rgb[2]); err != nil {
		t.Fatalf("colour %q: %v", colour, err)
	}
	var sum float64
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(rgb[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := fs.ReadFile(static.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
