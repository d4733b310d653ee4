package main

import (
	"html"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatewayd/examples/scripts"
	"gatewayd/gateway/config"
)

// demoIn prepares the demo and returns its folder, config and page.
func demoIn(t *testing.T) (dir string, configText []byte, page string) {
	t.Helper()
	dir = t.TempDir()
	configText, err := prepareDemo(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "public", "index.html"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, configText, string(text)
}

func TestDemoConfig(t *testing.T) {
	dir, text, page := demoIn(t)
	cfg, problems := config.Load(config.Source{File: filepath.Join(dir, "gatewayd.yaml"), Text: text})
	for _, p := range problems {
		t.Error(p)
	}
	if cfg == nil {
		t.Fatal("no config")
	}
	if len(cfg.Listen) != 1 || cfg.Listen[0].Address != "127.0.0.1:8080" {
		t.Errorf("listens on %v", cfg.Listen)
	}
	if !strings.Contains(html.UnescapeString(page), string(text)) {
		t.Error("the page does not show the config")
	}
}

func TestDemoPrograms(t *testing.T) {
	dir, _, page := demoIn(t)
	err := eachProgram(func(name string, text []byte) error {
		program := filepath.Join(dir, "cgi-bin", name)
		info, err := os.Stat(program)
		if err != nil {
			return err
		}
		want := fs.FileMode(0o755)
		if name == "error-noexec.sh" {
			want = 0o644
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
		for _, file := range []string{program, filepath.Join(dir, "public", "source", name+".txt")} {
			if written, err := os.ReadFile(file); err != nil || string(written) != string(text) {
				t.Errorf("%s: %v, %.20q", file, err, written)
			}
		}
		if !strings.Contains(page, `href="/source/`+name+`.txt"`) {
			t.Errorf("the page does not show %s", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestDemoLinks: whatever the page refers to is there, and all of it is the demo's own.
func TestDemoLinks(t *testing.T) {
	dir, _, _ := demoIn(t)
	everything := func(string) (string, error) { return "/bin/true", nil }
	text, err := welcomePage(everything)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	links := regexp.MustCompile(`\b(?:href|src|value)="([^"]*)"`).FindAllStringSubmatch(page, -1)
	if len(links) < 60 {
		t.Fatalf("only %d links", len(links))
	}
	for _, m := range links {
		link, _, _ := strings.Cut(html.UnescapeString(m[1]), "?")
		if id, ok := strings.CutPrefix(link, "#"); ok {
			if !strings.Contains(page, `id="`+id+`"`) {
				t.Errorf("no place %s", link)
			}
			continue
		}
		link = strings.TrimSuffix(link, "/extra/path")
		if slices.Contains([]string{"/teapot", "/cgi-bin/nothing-here", "/counter/", "/counter/clock", "/counter/crash"}, link) {
			continue // these are answers of the config's, of nothing, and of a program's own
		}
		if _, err := os.Stat(filepath.Join(dir, demoFile(link))); err != nil {
			t.Errorf("link %s: %v", link, err)
		}
	}
	entries, err := scripts.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if !strings.Contains(page, `href="/cgi-bin/`+entry.Name()) {
			t.Errorf("no link to %s", entry.Name())
		}
	}
}

// demoFile is the file that the demo's config serves at a path.
func demoFile(path string) string {
	for prefix, folder := range map[string]string{"/cgi-bin/": "cgi-bin", "/files/": "files", "/old/": "files"} {
		if rest, ok := strings.CutPrefix(path, prefix); ok {
			return filepath.Join(folder, rest)
		}
	}
	return filepath.Join("public", path)
}

// TestDemoMissingInterpreters: what cannot run is said, not linked.
func TestDemoMissingInterpreters(t *testing.T) {
	only := func(commands ...string) lookPath {
		return func(command string) (string, error) {
			if slices.Contains(commands, command) {
				return "/usr/bin/" + command, nil
			}
			return "", fs.ErrNotExist
		}
	}
	for _, c := range []struct {
		name          string
		look          lookPath
		linked, never []string
		said          []string
	}{
		{"all", only("/bin/sh", "perl", "python3"), []string{"env.sh", "env.pl", "env.py"}, nil, nil},
		{"no python3", only("/bin/sh", "perl", "apt-get"), []string{"env.sh", "env.pl"}, []string{"env.py", "form.py", "sse.py"}, []string{"python3 was not found in PATH; apt-get install python3"}},
		{"no perl", only("/bin/sh", "python3", "apk"), []string{"env.sh", "env.py"}, []string{"env.pl", "upload.pl"}, []string{"perl was not found in PATH; apk add perl"}},
		{"unknown system", only("/bin/sh"), []string{"env.sh"}, []string{"env.pl", "env.py"}, []string{"perl was not found in PATH; install perl", "python3 was not found in PATH; install python3"}},
		{"nothing at all", only(), nil, []string{"env.sh", "env.pl", "env.py"}, []string{"/bin/sh was not found"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := welcomePage(c.look)
			if err != nil {
				t.Fatal(err)
			}
			page := string(text)
			for _, name := range c.linked {
				if !strings.Contains(page, `href="/cgi-bin/`+name) {
					t.Errorf("no link to %s", name)
				}
			}
			for _, name := range c.never {
				if strings.Contains(page, `href="/cgi-bin/`+name) {
					t.Errorf("a link to %s, which cannot run", name)
				}
				if option := `<option value="/cgi-bin/` + name + `"`; strings.Contains(page, option+">") {
					t.Errorf("%s can be chosen, but cannot run", name)
				}
			}
			for _, said := range c.said {
				if !strings.Contains(page, said) {
					t.Errorf("the page does not say %q", said)
				}
			}
			if missing := strings.Contains(page, "cannot run here"); missing != (len(c.said) > 0) {
				t.Errorf("says that something is missing: %v", missing)
			}
		})
	}
}
