// Package configs_test holds the configurations of this folder to what they say.
package configs_test

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/config"
)

// TestLoad loads each as gatewayd run does: no error, no warning (but that only root can start programs as another
// user), and a head that says how to start and try it.
func TestLoad(t *testing.T) {
	for _, file := range files(t, "*.yaml") {
		t.Run(file, func(t *testing.T) {
			cfg, problems := config.Load(config.Source{File: file})
			for _, p := range problems {
				if !strings.HasSuffix(p.Key, ".user") || os.Geteuid() == 0 {
					t.Error(p)
				}
			}
			if cfg == nil {
				t.Fatal("no config")
			}
			text := read(t, file)
			for _, want := range []string{"# Start:  ", "gatewayd run -c configs/" + file + "\n", "# Try:    curl -i "} {
				if !strings.Contains(text, want) {
					t.Errorf("the head lacks %q", want)
				}
			}
		})
	}
}

// TestSmall: real programs need no more than six lines.
func TestSmall(t *testing.T) {
	for _, file := range []string{"cgi-bin.yaml", "static-site.yaml", "git-http-backend.yaml", "gitweb.yaml", "hgweb.yaml", "cgi-pm.yaml", "php.yaml", "fastcgi.yaml", "wsgi.yaml"} {
		lines := 0
		for line := range strings.Lines(read(t, file)) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				lines++
			}
		}
		if lines > 6 {
			t.Errorf("%s has %d lines", file, lines)
		}
	}
}

// TestFullNamesEveryKey holds full.yaml against the schema, which is made of what the decoder knows.
func TestFullNamesEveryKey(t *testing.T) {
	var schema any
	if err := json.Unmarshal(config.Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	keys := map[string]bool{}
	properties(schema, keys)
	if len(keys) < 40 {
		t.Fatalf("the schema has only %d keys", len(keys))
	}
	text := read(t, "full.yaml")
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if !regexp.MustCompile(`(?m)^[ #]*` + key + `:`).MatchString(text) {
			t.Errorf("full.yaml lacks %s", key)
		}
	}
}

// properties collects the names of all properties of a schema.
func properties(schema any, keys map[string]bool) {
	switch s := schema.(type) {
	case []any:
		for _, each := range s {
			properties(each, keys)
		}
	case map[string]any:
		for name, each := range s {
			if children, ok := each.(map[string]any); ok && name == "properties" {
				for key := range children {
					keys[key] = true
				}
			}
			properties(each, keys)
		}
	}
}

// TestFullShowsDefaults: full.yaml without all that it calls defaults is the same configuration.
func TestFullShowsDefaults(t *testing.T) {
	const bare = `
routes:
  "/files/*":   { static: ../static/files }
  "/cgi-bin/*": { cgi: ../examples/scripts }
  "/tree/*":    { cgi: { root: ../examples/scripts, ext: [.sh, .pl, .py] } }
  "/app/*":     { fastcgi: ./fcgi/counter.fcgi }
  "/blog/*":    { fastcgi: { connect: "tcp:127.0.0.1:9000", root: ./php, ext: .php } }
  "/wiki/*":    { php: ./php }
  "/shop/*":    { wsgi: { app: "shop:application", path: ../examples/wsgi } }
  "/old/*":     { redirect: /files/ }
  "/":          { respond: { body: "It works.\n" } }
sites:
  "www.example.org *.example.net": { routes: { "/*": { static: ../static/files } } }
`
	full, problems := config.Load(config.Source{File: "full.yaml"})
	if full == nil {
		t.Fatal(problems)
	}
	want, problems := config.Load(config.Source{File: "full.yaml", Text: []byte(bare)})
	if want == nil {
		t.Fatal(problems)
	}
	full.Log.AccessOutput = "" // "as output", which is stderr in both
	forgetPlaces(full)
	forgetPlaces(want)
	a, b := encode(t, full), encode(t, want)
	if a != b {
		t.Errorf("full.yaml:\n%s\nwithout defaults:\n%s", a, b)
	}
}

// forgetPlaces clears where in the file things stand.
func forgetPlaces(cfg *config.Config) {
	for i := range cfg.Listen {
		cfg.Listen[i].Pos = config.Pos{}
	}
	for i := range cfg.Sites {
		cfg.Sites[i].Pos = config.Pos{}
		for j := range cfg.Sites[i].Routes {
			cfg.Sites[i].Routes[j].Pos = config.Pos{}
		}
	}
}

// encode makes text of a config; empty and absent lists are the same.
func encode(t *testing.T, cfg *config.Config) string {
	t.Helper()
	text, err := json.MarshalIndent(cfg, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return strings.NewReplacer("{}", "null", "[]", "null").Replace(string(text))
}

// TestService: the unit waits longer than the server does, and what it starts are commands that there are.
func TestService(t *testing.T) {
	unit := read(t, "gatewayd.service")
	m := regexp.MustCompile(`(?m)^TimeoutStopSec=(\S+)$`).FindStringSubmatch(unit)
	if m == nil {
		t.Fatal("no TimeoutStopSec")
	}
	stop, err := time.ParseDuration(m[1])
	if err != nil {
		t.Fatal(err)
	}
	cfg, _ := config.Load(config.Source{File: "cgi-bin.yaml"})
	if cfg == nil || stop <= cfg.DrainTimeout {
		t.Errorf("systemd kills after %v, before the drain has ended", stop)
	}
	for _, want := range []string{
		"Type=notify\nNotifyAccess=main\n",
		"ExecStart=/usr/local/bin/gatewayd run --last-good -c /etc/gatewayd/gatewayd.yaml\n",
		"StateDirectory=gatewayd\n",
		"ExecReload=/bin/kill -HUP $MAINPID\n",
		"KillMode=mixed\n",
	} {
		if !strings.Contains(unit, want) {
			t.Errorf("the unit lacks %q", want)
		}
	}
	if socket := read(t, "gatewayd.socket"); !strings.Contains(socket, "ListenStream=8080\n") {
		t.Error("the socket unit does not listen where gatewayd does by default")
	}
	if rotate := read(t, "gatewayd.logrotate"); !strings.Contains(rotate, "--kill-whom=main --signal=SIGUSR1 gatewayd.service") {
		t.Error("logrotate does not tell the server, and it alone")
	}
}

// TestPrograms runs the programs of this folder as CGI programs.
func TestPrograms(t *testing.T) {
	repositories := t.TempDir()
	hg := exec.Command("hg", "init", filepath.Join(repositories, "project"))
	hg.Env = append(os.Environ(), "HGPLAIN=1")
	if out, err := hg.CombinedOutput(); err != nil {
		t.Fatalf("hg init: %v: %s", err, out)
	}
	for _, c := range []struct {
		program, stdin string
		env            []string
		want           []string
	}{
		{"hgweb.cgi", "", []string{"HG_ROOT=" + repositories, "SCRIPT_NAME=/hg", "PATH_INFO=/"}, []string{"Status: 200", "/hg/project/"}},
		{"hgweb.cgi", "", []string{"HG_ROOT=" + repositories, "SCRIPT_NAME=/hg", "PATH_INFO=/project", "QUERY_STRING=cmd=capabilities"}, []string{"Status: 200", "application/mercurial-0.1", "lookup"}},
		{"cgi-pm/survey.cgi", "", nil, []string{"Content-Type: text/html; charset=utf-8", "<form method=\"post\""}},
		{"fcgi/counter.fcgi", "", []string{"SCRIPT_NAME=/counter", "PATH_INFO=/a", "QUERY_STRING=b=c", "REQUEST_URI=/counter/a?b=c"}, []string{"Content-Type: text/plain; charset=utf-8", "Request 1 of process ", ": GET /counter/a?b=c\n"}},
		{"cgi-pm/survey.cgi", "name=%3Cb%3E&colour=green", []string{"REQUEST_METHOD=POST", "CONTENT_LENGTH=25", "CONTENT_TYPE=application/x-www-form-urlencoded"}, []string{"Thank you, &lt;b&gt;: green it is."}},
	} {
		program, err := filepath.Abs(c.program)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Dir = filepath.Dir(program)
		cmd.Stdin = strings.NewReader(c.stdin)
		cmd.Env = append([]string{
			"PATH=/usr/local/bin:/usr/bin:/bin", "GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=GET", "SERVER_NAME=localhost",
			"SERVER_PORT=80", "SERVER_PROTOCOL=HTTP/1.1", "QUERY_STRING=", "REMOTE_ADDR=127.0.0.1", "REQUEST_URI=/",
		}, c.env...)
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", c.program, err)
		}
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s %v: no %q in %q", c.program, c.env, want, out)
			}
		}
	}
}

// TestPHP runs the PHP files of this folder.
func TestPHP(t *testing.T) {
	for _, c := range []struct {
		file, uri, query string
		want             []string
	}{
		{"php/index.php", "/app/", "", []string{"<h1>It works</h1>", "/app/style.css"}},
		{"php/index.php", "/app/<b>", "", []string{"Status: 404", "<code>/&lt;b&gt;</code>"}},
		{"php/hello.php", "/app/hello.php", "name=Ada", []string{"Content-Type: text/plain; charset=utf-8", "Hello Ada.\n"}},
	} {
		file, err := filepath.Abs(c.file)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "php-cgi")
		cmd.Env = []string{
			"GATEWAY_INTERFACE=CGI/1.1", "REQUEST_METHOD=GET", "REDIRECT_STATUS=200", "SCRIPT_FILENAME=" + file, "QUERY_STRING=" + c.query,
			"SCRIPT_NAME=/app/" + filepath.Base(file), "REQUEST_URI=" + c.uri,
		}
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
		for _, want := range c.want {
			if !strings.Contains(string(out), want) {
				t.Errorf("%s: no %q in %q", c.uri, want, out)
			}
		}
	}
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) == 0 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
