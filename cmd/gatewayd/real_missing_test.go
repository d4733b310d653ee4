package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPHPFindsNoFile: when PHP does not find what it was told to run, it says next to nothing; the log says why.
func TestPHPFindsNoFile(t *testing.T) {
	needRoot(t)
	const (
		fpmSays = "File not found.\n"
		cgiSays = "No input file specified.\n"
		denied  = "Access denied.\n"
	)
	shut := func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "site"), 0o700) }
	for name, c := range map[string]struct {
		pool        string // of php-fpm; "own" are workers of gatewayd's own
		route       string
		set         func(t *testing.T, dir string)
		status      int
		says        string
		error, hint string // DIR is the test's directory
	}{
		"a folder is shut": {
			"", "", shut, 404, fpmSays,
			`fastcgi: run DIR/site/index\.php: the application \(process \d+ of www-data\) may not search DIR/site`,
			`let www-data in: chmod o\+x DIR/site, or`,
		},
		"the file is closed": {
			"", "", func(t *testing.T, dir string) { chmod(t, filepath.Join(dir, "site/index.php"), 0o600) }, 403, denied,
			`the application \(process \d+ of www-data\) may not read DIR/site/index\.php`, `chmod o\+r DIR/site/index\.php`,
		},
		"a chroot": {
			"chroot = DIR", "", nil, 404, fpmSays,
			`\(process \d+ of www-data\) sees another file system, as in a container or a chroot, where /tmp does not exist; here the file is DIR/site/index\.php`,
			"set `worker_root: /site`",
		},
		"a chroot and a wrong worker_root": {
			"chroot = DIR", "worker_root: /www, ", nil, 404, fpmSays,
			`fastcgi: run /www/index\.php: .* where /www does not exist; here the file is DIR/site/index\.php`, "set `worker_root: /site`",
		},
		"limited extensions": {
			"security.limit_extensions = .php7", "", nil, 403, denied, "php-fpm runs no file with this extension", `add \.php to security\.limit_extensions`,
		},
		"own workers": {
			"own", "", shut, 404, cgiSays, `the application \(of www-data\) may not search DIR/site`, `let www-data in: chmod o\+x DIR/site, or`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := openTempDir(t)
			writeTestFile(t, filepath.Join(dir, "site", "index.php"), "<?php echo 'found';\n", 0o644)
			application := "run: [php-cgi], workers: 1"
			if c.pool != "own" {
				application = "connect: " + startFPM(t, "unix", strings.ReplaceAll(c.pool, "DIR", dir)).address
			}
			user := ""
			if c.pool == "own" {
				user = ", user: www-data, dir: /"
			}
			s := serveReal(t, dir, fmt.Sprintf("admin: off\nroutes:\n  \"/*\": { fastcgi: { %s, root: ./site, %sext: [.php], index: [index.php] }%s }\n", application, c.route, user))
			if c.set != nil {
				c.set(t, dir)
			}
			resp, err := http.Get(s.url + "/")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != c.status || string(body) != c.says {
				t.Errorf("the client gets %d %q, %v", resp.StatusCode, body, err)
			}
			quoted := func(pattern string) string { return strings.ReplaceAll(pattern, "DIR", regexp.QuoteMeta(dir)) }
			line := s.awaitLog(t, `.*request failed.*`)
			for _, want := range []string{c.error, c.hint} {
				if !regexp.MustCompile(quoted(want)).MatchString(line) {
					t.Errorf("the log says\n%s\nwant %s", line, quoted(want))
				}
			}
		})
	}
}

func chmod(t *testing.T, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
}
