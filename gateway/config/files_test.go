package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestRefers: whoever waits for a config to be good must learn of the files that it lacks, too.
func TestRefers(t *testing.T) {
	for _, c := range []struct{ route, want string }{
		{"respond: 404", ""},
		{"static: ./public", ""},
		{"cgi: ./app", ""}, // which is started anew for each request
		{"respond: 404, error_pages: { 404: 404.html, 5xx: sorry.txt }", "404.html sorry.txt"},
		{"respond: 404, error_pages: { 404: nothing.html }", "nothing.html"},
		{"respond: 404, auth: { basic: users.htpasswd }", "users.htpasswd"},
		{"respond: 404, auth: { basic: nobody }", "nobody"},
		{"respond: 404, auth: { basic: bad.htpasswd }", "bad.htpasswd"},
		{"fastcgi: ./app", "app"},
		{"fastcgi: ./later", "later"},
		{"fastcgi: ./noexec.cgi", "noexec.cgi"},
		{"fastcgi: { run: [./app, plain.pl, public, --flag, current/index.html, later.pl] }", "app current/index.html later.pl plain.pl"},
		{"cgi: ./later", "later"}, // it is told of what is missing, all the same
		{"cgi: ./noexec.cgi", "noexec.cgi"},
		{"cgi: { run: ./plain.pl, interpreters: { .pl: ./app } }", ""},
		{"static: ./folder", "folder"},
		{"fastcgi: { connect: 'unix:./app.sock' }", ""},
	} {
		w, told := newWorld(t), map[string]bool{}
		src := w.source("c.yaml", []byte("routes: { /*: { "+c.route+" } }"))
		src.Refers = func(path string) {
			name, err := filepath.Rel(w.dir, path)
			if err != nil || !filepath.IsAbs(path) {
				t.Errorf("%s: %s: %v", c.route, path, err)
			}
			told[name] = true
		}
		Load(src)
		if got := strings.Join(slices.Sorted(maps.Keys(told)), " "); got != c.want {
			t.Errorf("%s: %q, want %q", c.route, got, c.want)
		}
	}
}
