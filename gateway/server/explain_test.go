package server

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatewayd/gateway/config"
)

// tree writes files below a new directory and returns it. A name that ends in "/" is a directory; a file whose text
// begins with "#!" may be executed.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		mode := fs.FileMode(0o644)
		if strings.HasPrefix(text, "#!") {
			mode = 0o755
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func load(t testing.TB, dir, text string) *config.Config {
	t.Helper()
	conf, problems := config.Load(config.Source{File: filepath.Join(dir, "gatewayd.yaml"), Text: []byte(text)})
	if problems.Failed() {
		t.Fatal(problems)
	}
	return conf
}

const aProgram = "#!/bin/sh\nexit 0\n"

// pathTree has what the rows on path splitting ask for: a CGI directory, a document root with scripts and look-alikes,
// and static files.
var pathTree = map[string]string{
	"cgi-bin/pi":                aProgram,
	"cgi-bin/a/deep":            aProgram,
	"cgi-bin/x.cgi":             aProgram,
	"cgi-bin/sub.php/x.txt":     "text",
	"php":                       aProgram,
	"www/x.php":                 "<?php",
	"www/index.php":             "<?php",
	"www/sub.php/x.txt":         "text",
	"www/dir/index.php":         "<?php",
	"www/empty/":                "",
	"www/notphp.php.txt":        "text",
	"www/foo.php.php/index.php": "<?php",
	"www/test.php.bak":          "<?php",
	"www/photo.jpg":             "photo",
	"www/upper.PHP":             "text",
	"www/ȺȺȺȺshell.php.txt.php": "<?php",
	"www/ȺȺȺȺshell.php.txt":     "text",
	"www/full.ｐhp":              "text",
	"www/%2e":                   "text",
	"www/a;params":              "text",
	"www/plus+plus":             "text",
	"www/\xc0":                  "text",
	`www/back\slash`:            "text",
	"git":                       aProgram,
	"github.txt":                "text",
	"static/a.txt":              "text",
	"static/github":             "text",
	"static/args":               "text",
	"root.sh":                   aProgram,
}

const pathConfig = `
routes:
  "/*":         { static: ./static }
  "/cgi-bin/*": { cgi: ./cgi-bin }
  "/git/*":     { cgi: ./git }
  "/php/*":     { cgi: { root: ./www, ext: [.php], index: [index.php], run: ./php } }
  "/front/*":   { cgi: { root: ./www, ext: [.php], index: [index.php], fallback: /index.php, run: ./php } }
sites:
  root.example:
    routes:
      "/*": { cgi: ./root.sh }
`

func TestExplainPathSplitting(t *testing.T) {
	dir := tree(t, pathTree)
	conf := load(t, dir, pathConfig)
	for _, c := range []struct {
		row, url string
		status   int
		file     string // below the tree
		name     string // SCRIPT_NAME
		info     string // PATH_INFO
	}{
		{"D1 script with extra path", "/php/x.php/path/info", 200, "www/x.php", "/php/x.php", "/path/info"},
		{"D1 script alone", "/php/x.php", 200, "www/x.php", "/php/x.php", ""},
		{"D2 a directory with the extension", "/php/sub.php/x.txt", 200, "www/sub.php/x.txt", "", ""},
		{"D2 a directory with the extension is no script", "/cgi-bin/sub.php/x.txt", 403, "", "", ""},
		{"D2 the extension inside the name", "/php/notphp.php.txt", 200, "www/notphp.php.txt", "", ""},
		{"D2 the extension inside the name, slash", "/php/notphp.php.txt/", 404, "", "", ""},
		{"D2 a script below a look-alike directory", "/php/foo.php.php/index.php", 200, "www/foo.php.php/index.php", "/php/foo.php.php/index.php", ""},
		{"D2 a text never runs because of what follows it", "/php/sub.php/x.txt/evil.php", 404, "", "", ""},
		{"D2 an upload never runs", "/php/photo.jpg/x.php", 404, "", "", ""},
		{"D3 capitals are another extension", "/php/upper.PHP", 200, "www/upper.PHP", "", ""},
		{"D3 capitals with extra path", "/php/upper.PHP/info", 404, "", "", ""},
		{"D3 letters that grow when folded", "/php/%C8%BA%C8%BA%C8%BA%C8%BAshell.php.txt.php/i", 200, "www/ȺȺȺȺshell.php.txt.php", "/php/ȺȺȺȺshell.php.txt.php", "/i"},
		{"D3 the text beside it", "/php/%C8%BA%C8%BA%C8%BA%C8%BAshell.php.txt", 200, "www/ȺȺȺȺshell.php.txt", "", ""},
		{"D3 a fullwidth letter is no p", "/php/full.%EF%BD%90hp", 200, "www/full.ｐhp", "", ""},
		{"D4 missing script", "/php/missing.php", 404, "", "", ""},
		{"D4 missing script with a fallback", "/front/missing.php", 200, "www/index.php", "/front/index.php", ""},
		{"D4 missing in a script directory", "/cgi-bin/missing", 404, "", "", ""},
		{"D5 slashes merge before matching", "//cgi-bin//pi/a", 200, "cgi-bin/pi", "/cgi-bin/pi", "/a"},
		{"D5 slashes merge behind the script", "/cgi-bin/pi//a", 200, "cgi-bin/pi", "/cgi-bin/pi", "/a"},
		{"D6 an encoded slash is a slash in PATH_INFO", "/cgi-bin/pi/a%2Fb", 200, "cgi-bin/pi", "/cgi-bin/pi", "/a/b"},
		{"D6 an encoded slash at the boundary", "/cgi-bin%2Fpi", 200, "cgi-bin/pi", "/cgi-bin/pi", ""},
		{"D7 dot segments", "/x/../cgi-bin/./pi", 200, "cgi-bin/pi", "/cgi-bin/pi", ""},
		{"D7 encoded dots", "/x/%2e%2e/cgi-bin/pi", 200, "cgi-bin/pi", "/cgi-bin/pi", ""},
		{"D7 out of the script directory", "/cgi-bin/..%2f..%2fbin/sh", 400, "", "", ""},
		{"D7 out of the script directory, inside the root", "/cgi-bin/.%2e/a.txt", 200, "static/a.txt", "", ""},
		{"D7 above the root", "/../etc/passwd", 400, "", "", ""},
		{"D7 dots behind a script", "/cgi-bin/pi/../x.cgi", 200, "cgi-bin/x.cgi", "/cgi-bin/x.cgi", ""},
		{"D7 twice encoded is a literal name", "/cgi-bin/%252e%252e/%252e%252e/bin/sh", 404, "", "", ""},
		{"D7 double trick", "/%%32%65", 400, "", "", ""},
		{"D7 a literal name that looks encoded", "/php/%252e", 200, "www/%2e", "", ""},
		{"D8 NUL", "/cgi-bin/pi%00.txt", 400, "", "", ""},
		{"D8 bare percent", "/cgi-bin/%", 400, "", "", ""},
		{"D8 bad digits", "/cgi-bin/%zz", 400, "", "", ""},
		{"D8 one digit", "/cgi-bin/%1", 400, "", "", ""},
		{"D9 semicolon", "/php/a;params", 200, "www/a;params", "", ""},
		{"D9 plus", "/php/plus+plus", 200, "www/plus+plus", "", ""},
		{"D9 invalid UTF-8", "/php/%C0", 200, "www/\xc0", "", ""},
		{"D9 invalid UTF-8 in PATH_INFO", "/cgi-bin/pi/%C0%AF", 200, "cgi-bin/pi", "/cgi-bin/pi", "/\xc0\xaf"},
		{"D9 backslash", `/php/back%5Cslash`, 200, `www/back\slash`, "", ""},
		{"D10 trailing blank", "/cgi-bin/x.cgi%20", 404, "", "", ""},
		{"D10 trailing dot", "/cgi-bin/x.cgi.", 404, "", "", ""},
		{"D10 capitals", "/cgi-bin/X.CGI", 404, "", "", ""},
		{"D10 stream", "/cgi-bin/x.cgi::$DATA", 404, "", "", ""},
		{"D10 capitals of a php script", "/php/X.PHP", 404, "", "", ""},
		{"D10 backup of a script", "/php/test.php.bak", 404, "", "", ""},
		{"D11 PATH_INFO that is a slash", "/cgi-bin/pi/", 200, "cgi-bin/pi", "/cgi-bin/pi", "/"},
		{"D11 mounted at the root", "http://root.example/a/b", 200, "root.sh", "", "/a/b"},
		{"D11 mounted at the root, nothing more", "http://root.example/", 200, "root.sh", "", "/"},
		{"D12 a prefix ends at a slash", "/github", 200, "static/github", "", ""},
		{"D12 the prefix itself", "/git", 200, "git", "/git", ""},
		{"D12 below the prefix", "/git/x", 200, "git", "/git", "/x"},
		{"D13 a static file takes no extra path", "/a.txt/extra", 404, "", "", ""},
		{"D13 nor a slash", "/a.txt/", 404, "", "", ""},
		{"D13 nor one beside scripts", "/php/photo.jpg/extra", 404, "", "", ""},
		{"D13 a script does", "/cgi-bin/pi/extra", 200, "cgi-bin/pi", "/cgi-bin/pi", "/extra"},
		{"D14 absolute form", "http://other.example/cgi-bin/pi/a?b=c", 200, "cgi-bin/pi", "/cgi-bin/pi", "/a"},
		{"D14 target that is a query", "http://other.example?args", 403, "", "", ""},
		{"D14 fragment", "/cgi-bin/pi#frag", 400, "", "", ""},
		{"folder in a script directory", "/cgi-bin/a/", 403, "", "", ""},
		{"below a folder in a script directory", "/cgi-bin/a/deep/x", 200, "cgi-bin/a/deep", "/cgi-bin/a/deep", "/x"},
		{"index of a directory", "/php/dir/", 200, "www/dir/index.php", "/php/dir/index.php", ""},
		{"directory without its slash", "/php/dir", 301, "", "", ""},
		{"directory without an index", "/php/empty/", 403, "", "", ""},
		{"directory without an index, fallback", "/front/empty/", 200, "www/index.php", "/front/index.php", ""},
		{"route without its slash", "/php", 301, "", "", ""},
		{"fallback for what is not there", "/front/a/b/c?d", 200, "www/index.php", "/front/index.php", ""},
	} {
		t.Run(c.row, func(t *testing.T) {
			e, err := Explain(conf, "test", "GET", c.url)
			if err != nil {
				t.Fatal(err)
			}
			file := c.file
			if file != "" {
				file = filepath.Join(dir, file)
			}
			if e.Status != c.status || e.File != file {
				t.Errorf("%s: status %d file %q (%s), want %d %q", c.url, e.Status, e.File, e.Reason, c.status, file)
			}
			vars := map[string]string{}
			for _, v := range e.Vars {
				vars[v.Name] = v.Value
			}
			if vars["SCRIPT_NAME"] != c.name || vars["PATH_INFO"] != c.info {
				t.Errorf("%s: SCRIPT_NAME %q PATH_INFO %q, want %q %q", c.url, vars["SCRIPT_NAME"], vars["PATH_INFO"], c.name, c.info)
			}
			if translated, want := vars["PATH_TRANSLATED"], ""; c.info == "" && translated != want {
				t.Errorf("PATH_TRANSLATED %q without PATH_INFO", translated)
			}
			if c.status >= 400 && e.Reason == "" {
				t.Error("no reason is given")
			}
		})
	}
}
