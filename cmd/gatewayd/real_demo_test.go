package main

import (
	"image/color"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestDemoLooks opens the welcome page in a browser: the style sheet is used, and its script has run.
func TestDemoLooks(t *testing.T) {
	t.Parallel()
	s := serveIn(t, t.TempDir(), os.Getenv("PATH"), "--listen", "127.0.0.1:0")

	text := browse(t, "--dump-dom", s.url+"/")
	wantText(t, "the page in the browser", text, "It works.", `href="/cgi-bin/hello.sh"`, `href="/counter/"`)
	// live.js puts the address that the demo listens on in the place of the usual one.
	wantText(t, "the page after its script", text, s.url)

	shot := filepath.Join(t.TempDir(), "demo.png")
	browse(t, "--window-size=1280,1000", "--screenshot="+shot, s.url+"/")
	if keep := os.Getenv("GATEWAYD_SCREENSHOTS"); keep != "" {
		keepCopy(t, shot, filepath.Join(keep, "demo.png"))
	}
	if n := count(decodePNG(t, shot), color.RGBA{0x0b, 0x6e, 0x69, 0xff}); n < 2000 { // --accent, of the mark and a button
		t.Errorf("%d points have the accent colour: the style sheet was not used", n)
	}
	for _, name := range []string{"style.css", "live.js"} {
		if !regexp.MustCompile(`"GET /` + regexp.QuoteMeta(name) + ` HTTP/1.1" (200|304) `).MatchString(s.stderr.String()) {
			t.Errorf("the browser did not get %s", name)
		}
	}
}
