package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the problems found into the files of the corpus")

// world is a directory with what the corpus refers to; the configs are read as if they lay in it.
type world struct{ dir string }

func newWorld(t testing.TB) world {
	t.Helper()
	dir, err := os.MkdirTemp("", "cfg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	must := func(err error) {
		if err != nil {
			t.Helper()
			t.Fatal(err)
		}
	}
	for _, d := range []string{"public", "cgi-bin", "blog", "files", "logs", "bin", "tmp", "dir.d", "wiki", "run"} {
		must(os.Mkdir(filepath.Join(dir, d), 0o755))
	}
	for _, name := range []string{"app", "report.cgi", "cgi-bin/pi", "bin/python3", "bin/perl", "bin/php-cgi", "bin/php-fpm8.2", "127.0.0.1:9000", "app.fcgi", "9001", "php-fpm"} {
		must(os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755))
	}
	for _, name := range []string{"noexec.cgi", "public/index.html", "blog/index.php", "blog/index.cgi", "bin/noexec", "wiki/index.php", "wiki/page.php", "plain.pl", "run/stale"} {
		must(os.WriteFile(filepath.Join(dir, name), []byte("text\n"), 0o644))
	}
	for name, text := range map[string]string{
		"users.htpasswd": goodHtpasswd, "bad.htpasswd": badHtpasswd, "empty.htpasswd": "# nobody yet\n\n",
		"404.html": "<p>Nothing here.</p>\n", "sorry.txt": "Sorry.\n", "error.JSON": "{}\n", "latin1.html": "d\xe9sol\xe9\n", "page.svg": "<svg/>\n", "teapot": "<p>418</p>\n",
		"most.html": strings.Repeat("x", maxErrorPage), "big.html": strings.Repeat("x", maxErrorPage+1), "big.htpasswd": strings.Repeat("#", maxHtpasswd+1), "comments": strings.Repeat("#", maxErrorPage+1),
	} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	must(bindSocket(filepath.Join(dir, "app.sock")))
	must(syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(os.Symlink("nothing", filepath.Join(dir, "dangling")))
	must(os.Symlink("loop", filepath.Join(dir, "loop")))
	must(os.Symlink("public", filepath.Join(dir, "current")))
	return world{dir}
}

// bindSocket leaves a socket behind at which nobody listens.
func bindSocket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

func (w world) source(name string, text []byte) Source {
	return Source{File: filepath.Join(w.dir, name), Text: text, Getenv: w.getenv, accounts: someAccounts(0, 0)}
}

func (w world) getenv(name string) (string, bool) {
	v, ok := map[string]string{
		"PATH": "bin:" + w.dir + "/nowhere:" + w.dir + "/bin", "PORT": "8081", "ROOT": "./public", "EMPTY": "", "BAD_PORT": "80a", "WAIT": "30",
	}[name]
	return v, ok
}

// lines are the problems as the corpus has them: without the file's name, the world's directory called $DIR.
func (w world) lines(name string, problems Problems) []string {
	var out []string
	for _, p := range problems {
		line := strings.TrimPrefix(p.String(), filepath.Join(w.dir, name)+":")
		out = append(out, strings.ReplaceAll(strings.TrimSpace(line), w.dir, "$DIR"))
	}
	return out
}

const marker = "#! "

// expectations are the "#! " lines at the end of a file.
func expectations(text []byte) (body []byte, want []string) {
	body = text
	if i := bytes.Index(text, []byte("\n"+marker)); i >= 0 {
		body = text[:i+1]
	} else if bytes.HasPrefix(text, []byte(marker)) {
		body = nil
	}
	for line := range strings.Lines(string(text[len(body):])) {
		want = append(want, strings.TrimSpace(strings.TrimPrefix(line, marker)))
	}
	return body, want
}

func corpus(t testing.TB) []string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"testdata/good_*.yaml", "testdata/fail_*.yaml"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, names...)
	}
	if len(files) < 150 {
		t.Fatalf("the corpus has %d files", len(files))
	}
	return files
}

func TestCorpus(t *testing.T) {
	w := newWorld(t)
	for _, file := range corpus(t) {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			body, want := expectations(text)
			cfg, problems := Load(w.source(name, text))
			got := w.lines(name, problems)
			if good := strings.HasPrefix(name, "good_"); good != (cfg != nil) {
				t.Errorf("loaded: %v; problems:\n%s", cfg != nil, strings.Join(got, "\n"))
			}
			if *update {
				for _, line := range got {
					body = append(body, marker+line+"\n"...)
				}
				if err := os.WriteFile(file, body, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !slices.Equal(got, want) {
				t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// decodeJSON reads YAML as a JSON Schema validator wants its values.
func decodeJSON(t testing.TB, text []byte) (any, error) {
	var v any
	if err := yaml.Load(text, &v); err != nil {
		return nil, err
	}
	b, err := json.Marshal(stringKeys(v))
	if err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(b))
}

// stringKeys makes texts of the keys, as JSON wants them: 404 is one of error_pages.
func stringKeys(v any) any {
	switch v := v.(type) {
	case map[any]any:
		out := map[string]any{}
		for key, each := range v {
			out[fmt.Sprint(key)] = stringKeys(each)
		}
		return out
	case map[string]any:
		for key, each := range v {
			v[key] = stringKeys(each)
		}
	case []any:
		for i, each := range v {
			v[i] = stringKeys(each)
		}
	}
	return v
}

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("gatewayd.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("gatewayd.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// TestSchemaAgrees: what loads validates, and most of what can be seen to be wrong without looking at the machine does
// not.
func TestSchemaAgrees(t *testing.T) {
	schema := compileSchema(t)
	var refused, passed []string
	for _, file := range corpus(t) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		v, err := decodeJSON(t, text)
		good := strings.HasPrefix(filepath.Base(file), "good_")
		if err != nil {
			if good {
				t.Errorf("%s: %v", file, err)
			}
			continue
		}
		err = schema.Validate(v)
		switch {
		case good && err != nil:
			t.Errorf("%s: %v", file, err)
		case !good && err == nil:
			passed = append(passed, filepath.Base(file))
		case !good:
			refused = append(refused, filepath.Base(file))
		}
	}
	if len(refused) < len(passed)*2 {
		t.Errorf("the schema refuses %d bad files and passes %d: %s", len(refused), len(passed), strings.Join(passed, " "))
	}
	t.Logf("refused %d, passed %d: %s", len(refused), len(passed), strings.Join(passed, " "))
}
