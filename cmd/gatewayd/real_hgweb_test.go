package main

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHgweb runs Mercurial's web interface: a Python program that speaks WSGI behind CGI.
func TestHgweb(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hg := client{t, dir, []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "HGRCPATH=", "HGPLAIN=1", "LC_ALL=C.UTF-8"}}
	hg.run("hg", "init", "repos/project")
	copyProgram(t, "hgweb/hgweb.cgi", dir)
	writeTestFile(t, filepath.Join(dir, "hgweb.config"), `[paths]
/ = repos/*
[web]
allow_push = *
push_ssl = false
allow-archive = gz
encoding = UTF-8
`, 0o644)
	s := serveReal(t, dir, `
admin: off
routes:
  "/hg/*": { cgi: ./hgweb.cgi }
`)
	project := s.url + "/hg/project"

	hg.run("hg", "clone", "-q", project, "work")
	work := hg
	work.dir = filepath.Join(dir, "work")
	writeTestFile(t, filepath.Join(work.dir, "naïve <file>.txt"), "Grüße\n", 0o644)
	writeTestFile(t, filepath.Join(work.dir, "read me;v=1 <now>.txt"), "Grüße\n", 0o644)
	randomFile(t, filepath.Join(work.dir, "large.bin"), 3<<20)
	work.run("hg", "commit", "-q", "-A", "-u", "Zoë", "-m", "first ünïcode")
	work.run("hg", "push", "-q")
	id := strings.TrimSpace(work.run("hg", "log", "-r", ".", "-T", "{node}"))

	server := hg
	server.dir = filepath.Join(dir, "repos", "project")
	server.run("hg", "verify", "-q")
	if got := strings.TrimSpace(server.run("hg", "log", "-r", "tip", "-T", "{node}")); got != id {
		t.Errorf("after the push the server has %s, want %s", got, id)
	}

	hg.run("hg", "clone", "-q", project, "other")
	sent, err := os.ReadFile(filepath.Join(work.dir, "large.bin"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "other", "large.bin"))
	if err != nil || string(got) != string(sent) {
		t.Errorf("a clone has another large.bin (%v)", err)
	}

	list := get(t, s.url+"/hg/", 200)
	wantText(t, "the list of repositories", list.body, `href="/hg/project/"`)
	page := get(t, project, 200)
	wantText(t, "the page", page.body, "first ünïcode", "Zoë", `href="/hg/project/static/style-paper.css"`)
	style := get(t, project+"/static/style-paper.css", 200)
	if got := style.Header.Get("Content-Type"); got != "text/css" {
		t.Errorf("hgweb's style sheet is %s", got)
	}
	raw := get(t, project+"/raw-file/tip/"+url.PathEscape("read me;v=1 <now>.txt"), 200)
	if raw.body != "Grüße\n" {
		t.Errorf("raw-file: %q", raw.body)
	}
	wantText(t, "a file's page", get(t, project+"/file/tip/"+url.PathEscape("naïve <file>.txt"), 200).body, "naïve &lt;file&gt;.txt", "Grüße")
	get(t, project+"/rev/123456789", 404)

	again := request(t, "GET", project, nil)
	again.Header.Set("If-None-Match", page.Header.Get("Etag"))
	if r := fetch(t, again); page.Header.Get("Etag") == "" || r.StatusCode != 304 || r.body != "" {
		t.Errorf("the same page again with its ETag %q: status %d, %d bytes", page.Header.Get("Etag"), r.StatusCode, len(r.body))
	}
}
