package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"image"
	"image/color"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const gitwebFiles = "/usr/share/gitweb"

// serveGitweb serves a repository of three commits, project.git, with gitweb.
func serveGitweb(t *testing.T) (s *served, repository client) {
	dir := t.TempDir()
	git := gitClient(t)
	git.run("git", "init", "-q", "-b", "main", "work")
	work := git.in("work")
	for _, text := range []string{"first\n", "first\nzweite Zeile: Grüße, Zoë\n", "first\nzweite Zeile: Grüße, Zoë\n<third> & last\n"} {
		writeTestFile(t, filepath.Join(work.dir, "docs", "naïve.txt"), text, 0o644)
		work.run("git", "add", ".")
		work.run("git", "commit", "-q", "-m", "now "+strings.ReplaceAll(strings.TrimSpace(text), "\n", ", "))
	}
	repository = git
	repository.dir = filepath.Join(dir, "repos", "project.git")
	git.run("git", "clone", "-q", "--bare", "work", repository.dir)
	writeTestFile(t, filepath.Join(repository.dir, "description"), "A project of ours\n", 0o644)
	writeTestFile(t, filepath.Join(dir, "gitweb.conf"), `$projectroot = "`+filepath.Join(dir, "repos")+`"; $site_name = "Our sources"; $default_text_plain_charset = "utf-8";`+"\n", 0o644)
	return serveReal(t, dir, `
admin: off
routes:
  "/gitweb/*":
    cgi: { root: `+gitwebFiles+`, ext: [.cgi], index: [index.cgi] }
    env: { GITWEB_CONFIG: `+dir+`/gitweb.conf }
`), repository
}

func TestGitweb(t *testing.T) {
	t.Parallel()
	s, repository := serveGitweb(t)
	base := s.url + "/gitweb/"
	head := repository.head()

	projects := get(t, base, 200)
	if got := projects.Header.Get("Content-Type"); got != "application/xhtml+xml; charset=utf-8" && got != "text/html; charset=utf-8" {
		t.Errorf("gitweb's pages are %s", got)
	}
	wantText(t, "the list of projects", projects.body, "Our sources", "project.git", "A project of ours", `href="static/gitweb.css"`)
	wantText(t, "the summary", get(t, base+"?p=project.git;a=summary", 200).body, "now first", "shortlog", `<span class="head"`)
	wantText(t, "the log", get(t, base+"?p=project.git;a=log", 200).body, "zweite Zeile: Grüße, Zoë", "&lt;third&gt;")
	wantText(t, "the tree", get(t, base+"?p=project.git;a=tree;f=docs;hb=HEAD", 200).body, "naïve.txt")
	wantText(t, "the blob", get(t, base+"?p=project.git;a=blob;f=docs/na%C3%AFve.txt;hb=HEAD", 200).body, "zweite&nbsp;Zeile:&nbsp;Grüße,&nbsp;Zoë", "&lt;third&gt;")
	wantText(t, "the commit", get(t, base+"?p=project.git;a=commitdiff;h="+head, 200).body, head, `<div class="diff add"`)
	get(t, base+"?p=missing.git;a=summary", 404)

	const text = "first\nzweite Zeile: Grüße, Zoë\n<third> & last\n"
	for _, plain := range []string{base + "?p=project.git;a=blob_plain;f=docs/na%C3%AFve.txt;hb=HEAD", base + "index.cgi/project.git/blob_plain/HEAD:/docs/na%C3%AFve.txt"} {
		r := get(t, plain, 200)
		if got := r.Header.Get("Content-Type"); r.body != text || got != "text/plain; charset=utf-8" {
			t.Errorf("%s: %s, %q", plain, got, r.body)
		}
	}

	snapshot := get(t, base+"?p=project.git;a=snapshot;h=HEAD;sf=tgz", 200)
	if got := snapshot.Header.Get("Content-Type"); !strings.HasPrefix(got, "application/x-gzip") {
		t.Errorf("the snapshot is %s", got)
	}
	if got := unpack(t, snapshot.body, "/docs/naïve.txt"); got != text {
		t.Errorf("the snapshot has %q", got)
	}
	modifiedSince(t, base+"?p=project.git;a=snapshot;h=HEAD;sf=tgz", snapshot.Header.Get("Last-Modified"))
}

// modifiedSince asks for url again with its own date; gitweb compares dates only with a Perl module that reads them.
func modifiedSince(t *testing.T, url, date string) {
	t.Helper()
	if date == "" {
		t.Fatalf("%s has no date", url)
	}
	status := 200
	if exec.Command("/usr/bin/perl", "-e", "exit !(eval { require HTTP::Date } || eval { require Time::ParseDate })").Run() == nil {
		status = 304
	}
	for since, want := range map[string]int{date: status, "Mon, 01 Jan 2001 00:00:00 GMT": 200} {
		again := request(t, "GET", url, nil)
		again.Header.Set("If-Modified-Since", since)
		r := fetch(t, again)
		if r.StatusCode != want || (want == 304) != (r.body == "") {
			t.Errorf("with If-Modified-Since %s: status %d, %d bytes, want status %d", since, r.StatusCode, len(r.body), want)
		}
	}
}

func unpack(t *testing.T, archive, suffix string) string {
	t.Helper()
	gz, err := gzip.NewReader(strings.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(gz); ; {
		h, err := files.Next()
		if err != nil {
			t.Fatalf("%s: %v", suffix, err)
		}
		if strings.HasSuffix(h.Name, suffix) {
			text, err := io.ReadAll(files)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
}

func TestGitwebFiles(t *testing.T) {
	t.Parallel()
	s, _ := serveGitweb(t)
	for name, kind := range map[string]string{
		"gitweb.css":      "text/css; charset=utf-8",
		"git-logo.png":    "image/png",
		"git-favicon.png": "image/png",
		"gitweb.js":       "text/javascript; charset=utf-8",
	} {
		url := s.url + "/gitweb/static/" + name
		r := get(t, url, 200)
		want, err := os.ReadFile(filepath.Join(gitwebFiles, "static", name))
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Header.Get("Content-Type"); r.body != string(want) || got != kind {
			t.Errorf("%s: %s, %d bytes, want %s, %d bytes", name, got, len(r.body), kind, len(want))
		}
		again := request(t, "GET", url, nil)
		again.Header.Set("If-Modified-Since", r.Header.Get("Last-Modified"))
		if r := fetch(t, again); r.StatusCode != 304 {
			t.Errorf("%s again: status %d", name, r.StatusCode)
		}
	}
}

// TestGitwebLooks opens gitweb in a browser: its style sheet and logo arrive and are used.
func TestGitwebLooks(t *testing.T) {
	t.Parallel()
	s, _ := serveGitweb(t)
	summary := s.url + "/gitweb/?p=project.git;a=summary"

	text := browse(t, "--dump-dom", summary)
	wantText(t, "the page in the browser", text, "<title>Our sources - project.git/summary</title>", "A project of ours", "now first")

	shot := filepath.Join(t.TempDir(), "gitweb.png")
	browse(t, "--window-size=1280,1000", "--screenshot="+shot, summary)
	if keep := os.Getenv("GATEWAYD_SCREENSHOTS"); keep != "" {
		keepCopy(t, shot, filepath.Join(keep, "gitweb.png"))
	}
	page := decodePNG(t, shot)
	header := color.RGBA{0xd9, 0xd8, 0xd1, 0xff} // div.page_header
	if n := count(page, header); n < 1280*25/2 {
		t.Errorf("%d points have the colour of the page's header: the style sheet was not used", n)
	}
	if logo := (color.RGBA{0xc0, 0x00, 0x00, 0xff}); !hasNear(page, logo) {
		t.Error("the red of the logo is nowhere to be seen")
	}
	log := s.stderr.String()
	for _, name := range []string{"gitweb.css", "gitweb.js", "git-logo.png"} {
		if !regexp.MustCompile(`"GET /gitweb/static/` + regexp.QuoteMeta(name) + ` HTTP/1.1" (200|304) `).MatchString(log) {
			t.Errorf("the browser did not get %s", name)
		}
	}
}

// browse runs a headless browser that keeps to itself and returns what it prints.
func browse(t *testing.T, args ...string) string {
	t.Helper()
	profile := t.TempDir()
	c := client{t, profile, []string{"PATH=/usr/bin:/bin", "HOME=" + profile, "LC_ALL=C.UTF-8"}}
	deadline := time.Now().Add(patience)
	for {
		out, err := c.try("/usr/bin/chromium", append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
			"--disable-sync", "--disable-quic", "--disable-dev-shm-usage", "--user-data-dir=" + profile,
		}, args...)...)
		if err == nil {
			return out
		}
		if time.Now().After(deadline) {
			t.Fatalf("chromium: %v\n%s", err, last(out, 4<<10))
		}
	}
}

func keepCopy(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, to, string(text), 0o644)
}

func decodePNG(t *testing.T, name string) image.Image {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	page, err := png.Decode(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// count is how many points of a picture have a colour.
func count(page image.Image, c color.RGBA) (n int) {
	each(page, func(at color.RGBA) {
		if at == c {
			n++
		}
	})
	return n
}

// hasNear reports whether a colour is somewhere in a picture, more or less.
func hasNear(page image.Image, c color.RGBA) (found bool) {
	near := func(a, b uint8) bool { return max(a, b)-min(a, b) < 0x20 }
	each(page, func(at color.RGBA) {
		found = found || near(at.R, c.R) && near(at.G, c.G) && near(at.B, c.B)
	})
	return found
}

func each(page image.Image, do func(color.RGBA)) {
	b := page.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			r, g, b, a := page.At(x, y).RGBA()
			do(color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), uint8(a >> 8)})
		}
	}
}
