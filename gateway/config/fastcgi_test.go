package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// routesOf are the routes of a file of the corpus by pattern.
func routesOf(t *testing.T, w world, file string) map[string]Route {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Route{}
	for _, r := range mustLoad(t, w, string(text)).Sites[0].Routes {
		out[r.Pattern] = r
	}
	return out
}

// usualFastCGI is what a route has that says no more than it must.
func usualFastCGI(change func(*FastCGI)) *FastCGI {
	f := &FastCGI{Symlinks: "inside", MaxHeader: 64 << 10, StopTimeout: 2 * time.Second, ConnectTimeout: 5 * time.Second}
	if change(f); f.Run != nil && f.Workers == 0 {
		f.Workers = max(4, runtime.NumCPU())
	}
	if f.Run != nil && f.Concurrency == 0 {
		f.Concurrency, f.Keepalive = 1, 1
	}
	return f
}

func checkFastCGIs(t *testing.T, got map[string]Route, handler string, want map[string]*FastCGI) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%d routes, want %d", len(got), len(want))
	}
	for pattern, want := range want {
		if r := got[pattern]; r.Handler != handler || !reflect.DeepEqual(r.FastCGI, want) {
			t.Errorf("%s: %s\ngot  %+v\nwant %+v", pattern, r.Handler, r.FastCGI, want)
		}
	}
}

func TestFastCGIForms(t *testing.T) {
	w := newWorld(t)
	at := func(name string) string { return filepath.Join(w.dir, name) }
	run := func(words ...string) *FastCGI { return usualFastCGI(func(f *FastCGI) { f.Run = words }) }
	connect := func(addresses ...Address) *FastCGI {
		return usualFastCGI(func(f *FastCGI) { f.Connect = addresses })
	}
	got := routesOf(t, w, "good_fastcgi.yaml")
	checkFastCGIs(t, got, "fastcgi", map[string]*FastCGI{
		"/a": run(at("app.fcgi")),
		"/b": run(at("app.fcgi")),
		"/c": connect(Address{"unix", at("app.sock")}),
		"/d": connect(Address{"unix", "/run/nobody/listens.sock"}),
		"/e": connect(Address{"unix", "@app"}),
		"/f": connect(Address{"tcp", "localhost:9000"}),
		"/g": connect(Address{"tcp", "[::1]:9000"}),
		"/h": usualFastCGI(func(f *FastCGI) {
			f.Run, f.Workers, f.Concurrency = []string{at("bin/perl"), "./app.pl", "${NOT_EXPANDED}"}, 2, 8
		}),
		"/i": usualFastCGI(func(f *FastCGI) {
			f.Connect = []Address{{"unix", at("app.sock")}, {"tcp", "[::1]:9000"}, {"tcp", "php_fpm:9000"}}
			f.Keepalive, f.ConnectTimeout = 16, 250*time.Millisecond
		}),
		"/j": connect(Address{"unix", at("app.sock")}),
		"/k": run(at("9001")),
		"/l": run(at("9001")),
		"/m/*": usualFastCGI(func(f *FastCGI) {
			f.Connect, f.Root, f.WorkerRoot = []Address{{"tcp", "php:9000"}}, at("blog"), "/var/www/html"
			f.Ext, f.Index, f.Fallback = []string{".php", ".phtml"}, []string{"index.php"}, "/index.php"
			f.Hidden, f.Symlinks, f.Sendfile, f.MaxHeader, f.StopTimeout = true, "any", []string{at("files")}, 1<<20, 10*time.Second
		}),
		"/n/*": usualFastCGI(func(f *FastCGI) {
			f.Run, f.Root, f.Ext = []string{at("bin/php-cgi")}, at("blog"), []string{".php"}
		}),
		"/o": usualFastCGI(func(f *FastCGI) { f.Run, f.Workers = []string{at("app.fcgi")}, 3 }),
	})
	for pattern, want := range map[string]string{
		"/a": fmt.Sprint(max(4, runtime.NumCPU()), " "), "/c": "0 ", "/h": fmt.Sprint(16, " ", w.dir), "/m/*": "0 ", "/n/*": fmt.Sprint(max(4, runtime.NumCPU()), " "), "/o": "100 " + at("tmp"),
	} {
		if o := got[pattern].Options; fmt.Sprint(o.MaxRunning, " ", o.Dir) != want {
			t.Errorf("%s: %d at once in %q, want %s", pattern, o.MaxRunning, o.Dir, want)
		}
	}
}

func TestPHPForms(t *testing.T) {
	w := newWorld(t)
	at := func(name string) string { return filepath.Join(w.dir, name) }
	php := func(root string, change func(*FastCGI)) *FastCGI {
		return usualFastCGI(func(f *FastCGI) {
			f.Run, f.Root, f.Ext, f.Index, f.Fallback = []string{at("bin/php-cgi")}, at(root), []string{".php"}, []string{"index.php"}, "/index.php"
			if change != nil {
				change(f)
			}
		})
	}
	checkFastCGIs(t, routesOf(t, w, "good_php.yaml"), "php", map[string]*FastCGI{
		"/a/*": php("wiki", nil),
		"/b/*": php("public", nil),
		"/c/*": php("wiki", func(f *FastCGI) {
			f.Run, f.Connect, f.WorkerRoot, f.Keepalive = nil, []Address{{"unix", "/run/php/php-fpm.sock"}}, "/srv/wiki", 4
		}),
		"/d/*": php("wiki", func(f *FastCGI) {
			f.Run, f.Workers, f.Ext, f.Index = append(f.Run, "-d", "memory_limit=1G"), 8, []string{".php", ".phtml"}, []string{"index.php", "index.html"}
			f.Fallback, f.Hidden, f.Symlinks, f.StopTimeout, f.Sendfile = "/page.php", true, "any", 5*time.Second, []string{at("files")}
		}),
		"/e/*": php("wiki", func(f *FastCGI) { f.Fallback, f.Index = "", []string{} }),
		"/f/*": php("wiki", nil),
		"/g/*": php("current", nil),
	})
}

// TestPHPChildren: a worker of gatewayd never becomes a master of its own workers; elsewhere the variable is like others.
func TestPHPChildren(t *testing.T) {
	cfg := mustLoad(t, newWorld(t), `
env: { PHP_FCGI_CHILDREN: 4, A: b }
pass_env: [PHP_FCGI_CHILDREN, TZ]
routes:
  /a/*: { php: ./wiki }
  /b: { fastcgi: ./app.fcgi }
  /c: { fastcgi: "tcp:a:9000" }
  /d: { cgi: ./app }
`)
	for _, r := range cfg.Sites[0].Routes {
		_, given := r.Options.Env[phpChildren]
		passed := slices.Contains(r.Options.PassEnv, phpChildren)
		if ours := r.FastCGI != nil && r.FastCGI.Run != nil; given == ours || passed == ours || r.Options.Env["A"] != "b" {
			t.Errorf("%s: %v, %v", r.Pattern, r.Options.Env, r.Options.PassEnv)
		}
	}
}

// TestSwitch: one word is another, and the file still loads.
func TestSwitch(t *testing.T) {
	w := newWorld(t)
	for _, value := range []string{
		"./app", "{ run: ./app, workers: 4, concurrency: 2, keepalive: 1, connect_timeout: 1s, worker_root: /srv }", "{ run: [perl, ./x], interpreters: { .py: python3 }, sendfile: ./files }",
		"{ run: [php-cgi], root: ./blog, ext: .php, index: index.php, fallback: /index.php, hidden: true, symlinks: any, max_header: 1MiB, stop_timeout: 1s }",
	} {
		options := ", env: { A: b }, dir: ./tmp, user: deploy, rlimits: { cpu: 1s }, umask: 022, priority: 1, timeout: 5s, buffer: request, max_running: 3 } }"
		a := mustLoad(t, w, "routes: { /*: { cgi: "+value+options).Sites[0].Routes[0]
		b := mustLoad(t, w, "routes: { /*: { fastcgi: "+value+options).Sites[0].Routes[0]
		if !reflect.DeepEqual(a.Options, b.Options) || !slices.Equal(a.CGI.Run, b.FastCGI.Run) || a.CGI.Root != b.FastCGI.Root {
			t.Errorf("%s:\n%+v\n%+v", value, a, b)
		}
	}
}

// TestFindPHP: php-cgi in PATH, else the newest of those with a version in their name, else what to install.
func TestFindPHP(t *testing.T) {
	for _, test := range []struct {
		names []string // in the folders of PATH
		want  string   // "" if none is found
	}{
		{[]string{"a/php-cgi", "a/php-cgi8.4"}, "a/php-cgi"},
		{[]string{"a/php-cgi8.4", "b/php-cgi"}, "b/php-cgi"},
		{[]string{"a/php-cgi8.2", "a/php-cgi8.10", "a/php-cgi7.4"}, "a/php-cgi8.10"},
		{[]string{"a/php-cgi83", "b/php84-cgi"}, "b/php84-cgi"},
		{[]string{"a/php-cgi8.2", "b/php-cgi8.2"}, "a/php-cgi8.2"},
		{[]string{"a/php-cgi8"}, "a/php-cgi8"},
		{[]string{"a/php", "a/php8.4", "a/php-cgi.default", "a/php-fpm8.4", "a/php-cgi-x", "a/xphp-cgi", "a/php8-cgi8"}, ""},
		{nil, ""},
	} {
		dir := t.TempDir()
		os.Mkdir(filepath.Join(dir, "a"), 0o755)
		os.Mkdir(filepath.Join(dir, "b"), 0o755)
		os.WriteFile(filepath.Join(dir, "a", "php-cgi9.9"), nil, 0o644) // may not be executed
		for _, name := range test.names {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		path := dir + "/a:b:" + dir + "/none:" + dir + "/b"
		cfg, problems := Load(Source{
			File: filepath.Join(dir, "c.yaml"), Text: []byte("routes: { /*: { php: . }, /a/*: { php: . } }"),
			Getenv: func(name string) (string, bool) { return path, name == "PATH" },
		})
		switch {
		case test.want != "" && (cfg == nil || cfg.Sites[0].Routes[1].FastCGI.Run[0] != filepath.Join(dir, test.want)):
			t.Errorf("%q: %v", test.names, problems)
		case test.want == "" && (len(problems) != 2 || !strings.Contains(problems[0].Text, "apt-get install php-cgi")):
			t.Errorf("%q: %v", test.names, problems)
		}
	}
}

// checkPresets loads what each FastCGI says of itself: it must be itself again.
func checkPresets(t *testing.T, w world, cfg *Config) {
	for _, s := range cfg.Sites {
		for _, r := range s.Routes {
			if r.FastCGI != nil {
				checkPreset(t, w, r.FastCGI)
			}
		}
	}
}

func checkPreset(t *testing.T, w world, f *FastCGI) {
	line := f.String()
	cfg, problems := Load(w.source("preset.yaml", []byte(`routes: { "/x/*": { `+line+` } }`)))
	if cfg == nil {
		t.Errorf("%s\ndoes not load: %v", line, problems)
		return
	}
	want := *f
	for _, list := range []*[]string{&want.Ext, &want.Index, &want.Sendfile} {
		if len(*list) == 0 {
			*list = nil // as when the key is not there
		}
	}
	if got := cfg.Sites[0].Routes[0].FastCGI; !reflect.DeepEqual(got, &want) || strings.Contains(line, "\n") {
		t.Errorf("%s\ngot  %+v\nwant %+v", line, got, &want)
	}
}

// TestPreset: the line that explain prints is short where nothing is unusual, and means the same in a file.
func TestPreset(t *testing.T) {
	w := newWorld(t)
	for text, want := range map[string]string{
		`{ php: { root: ./wiki, workers: 4 } }`:                                                              "fastcgi: { run: [$DIR/bin/php-cgi], root: $DIR/wiki, ext: [.php], index: [index.php], fallback: /index.php, workers: 4 }",
		`{ php: { root: ./wiki, connect: "unix:/run/php/php-fpm.sock" } }`:                                   `fastcgi: { connect: ["unix:/run/php/php-fpm.sock"], root: $DIR/wiki, ext: [.php], index: [index.php], fallback: /index.php }`,
		`{ php: { root: ./wiki, connect: "tcp:a:1", fallback: off, index: [] }}`:                             `fastcgi: { connect: ["tcp:a:1"], root: $DIR/wiki, ext: [.php] }`,
		`{ fastcgi: { run: [./app, "a b", no, "1", ~, "$${X}"], workers: 1, keepalive: 0, concurrency: 3 }}`: `fastcgi: { run: [$DIR/app, "a b", no, "1", "", "$${X}"], workers: 1, concurrency: 3, keepalive: 0 }`,
	} {
		f := mustLoad(t, w, "routes: { /*: "+text+" }").Sites[0].Routes[0].FastCGI
		if got := strings.ReplaceAll(f.String(), w.dir, "$DIR"); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", text, got, want)
		}
	}
	for _, name := range []string{"good_php.yaml", "good_fastcgi.yaml", "good_no_effect_fastcgi.yaml"} {
		for _, r := range routesOf(t, w, name) {
			if r.FastCGI != nil {
				checkPreset(t, w, r.FastCGI)
			}
		}
	}
}

// FuzzPreset: whatever the texts, they come back.
func FuzzPreset(f *testing.F) {
	for _, s := range []string{"", "~", "null", "Null", "yes", "1.10", "a b", "${X}", "$${X}", `"'\`, "é\u00a0\u2028\ufeff\U0001f600", "\t\n\x7f\u0085", "#x", "- a", "{a: b}", "[", "*a", "&a", "!t", "%", "@", "`", "...", ".nan", "0x1F", ": ", " #"} {
		f.Add(s)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, s string) {
		if strings.ContainsRune(s, 0) || s != strings.ToValidUTF8(s, "") {
			t.Skip()
		}
		app := &FastCGI{
			Run: []string{filepath.Join(w.dir, "app"), s}, Workers: 1, Concurrency: 1, Keepalive: 1, ConnectTimeout: time.Second, Root: w.dir, Ext: []string{"." + "x" + strings.ReplaceAll(s, "/", "_")},
			WorkerRoot: filepath.Clean("/" + s), Symlinks: "any", MaxHeader: 1 << 20, StopTimeout: time.Minute,
		}
		checkPreset(t, w, app)
	})
}

// FuzzAddress: an address is what its own text says, and what is suggested for one is one.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{
		"unix:/run/a.sock", "unix:a", "unix:@a", "tcp:[::1]:9000", "tcp:a:1", "9000", ":9000", "*:1", "fcgi://a", "fcgi:///a", "unix:///a|fcgi://b", "::1:9000", "[::1]", "http://a:1/x", "TCP:a:1", "", "tcp:", "unix:", "@", "/", "tcp:a:00001", "tcp:[::ffff:1.2.3.4]:1",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if a, err := parseAddress(s); err == nil {
			if again, err := parseAddress(a.String()); err != nil || again != a {
				t.Errorf("%q: %v, then %v, %v", s, a, again, err)
			}
			if a.Network == "unix" && (a.Address == "" || len(a.Address) > 1<<20) || a.Network != "unix" && a.Network != "tcp" {
				t.Errorf("%q: %v", s, a)
			}
		}
		if meant := meantApplication(s); meant != "" {
			if _, err := parseAddress(meant); err != nil || meant == s {
				t.Errorf("%q: suggested %q: %v", s, meant, err)
			}
		}
	})
}
