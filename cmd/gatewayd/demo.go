package main

import (
	"bytes"
	"html/template"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"gatewayd/examples/scripts"
	"gatewayd/static"
)

// demoConfig is the demo's config, and what its page shows as such.
const demoConfig = `listen: "127.0.0.1:8080"
pass_env: [PATH]    # where perl and python3 are found
routes:
  "/*":         { static: ./public }
  "/files/*":   { static: { root: ./files, browse: true } }
  "/cgi-bin/*": { cgi: ./cgi-bin }
  "/counter/*":
    fastcgi: { run: ./counter.fcgi, workers: 1, concurrency: 8 }
  "/old/*":     { redirect: /files/ }
  "/teapot":    { respond: { status: 418, body: short and stout } }
`

// notExecutable is the example of a program that somebody forgot to chmod.
const notExecutable = "error-noexec.sh"

// prepareDemo writes the demo's page, files and programs into dir, an existing private directory that the caller removes,
// and returns the config that serves them, whose relative paths are relative to dir. It starts nothing.
func prepareDemo(dir string) (configText []byte, err error) {
	if err := writePrograms(filepath.Join(dir, "cgi-bin")); err != nil {
		return nil, err
	}
	if err := linkCounter(filepath.Join(dir, counterName)); err != nil {
		return nil, err
	}
	public := filepath.Join(dir, "public")
	for _, name := range []string{"style.css", "live.js", "favicon.svg"} {
		if err := writeCopy(static.FS, name, filepath.Join(public, name)); err != nil {
			return nil, err
		}
	}
	if err := writeSources(filepath.Join(public, "source")); err != nil {
		return nil, err
	}
	if err := writeFiles(filepath.Join(dir, "files")); err != nil {
		return nil, err
	}
	page, err := welcomePage(exec.LookPath)
	if err != nil {
		return nil, err
	}
	if err := writeFile(filepath.Join(public, "index.html"), page, 0o644); err != nil {
		return nil, err
	}
	return []byte(demoConfig), nil
}

// writePrograms writes the examples. An embedded file has no mode: all are executable but the one that shows what
// happens without.
func writePrograms(dir string) error {
	return eachProgram(func(name string, text []byte) error {
		mode := fs.FileMode(0o755)
		if name == notExecutable {
			mode = 0o644
		}
		return writeFile(filepath.Join(dir, name), text, mode)
	})
}

// linkCounter makes this executable a program by another name.
func linkCounter(name string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return os.Symlink(self, name)
}

// writeSources writes the examples as texts to read: what is in a script directory is never sent as text.
func writeSources(dir string) error {
	return eachProgram(func(name string, text []byte) error {
		return writeFile(filepath.Join(dir, name+".txt"), text, 0o644)
	})
}

func eachProgram(do func(name string, text []byte) error) error {
	entries, err := scripts.FS.ReadDir(".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		text, err := scripts.FS.ReadFile(entry.Name())
		if err != nil {
			return err
		}
		if err := do(entry.Name(), text); err != nil {
			return err
		}
	}
	return nil
}

func writeFiles(dir string) error {
	const from = "files"
	entries, err := static.FS.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := writeCopy(static.FS, path.Join(from, entry.Name()), filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

func writeCopy(from fs.FS, name, to string) error {
	text, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	return writeFile(to, text, 0o644)
}

// writeFile makes the file and its folder. The mode is set apart, because the umask may take the exec bit away.
func writeFile(name string, text []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name, text, mode); err != nil {
		return err
	}
	return os.Chmod(name, mode)
}

// lookPath is exec.LookPath, or what a test puts in its place.
type lookPath func(command string) (string, error)

// demoProgram is an example as the page shows it.
type demoProgram struct {
	Name     string // env.py
	Rest     string // what follows the name in the link: extra path, query
	Language string
	Missing  string // why it cannot run here; "" if it can
}

// welcomePage is index.html with the examples in it, those whose interpreter is missing greyed out with the reason.
func welcomePage(look lookPath) ([]byte, error) {
	missing := missingInterpreters(look)
	program := func(name string, rest ...string) (demoProgram, error) {
		if _, err := fs.Stat(scripts.FS, name); err != nil {
			return demoProgram{}, err
		}
		ext := path.Ext(name)
		language := map[string]string{".sh": "shell", ".pl": "Perl", ".py": "Python"}[ext]
		return demoProgram{Name: name, Rest: strings.Join(rest, ""), Language: language, Missing: missing[ext]}, nil
	}
	text, err := static.FS.ReadFile("index.html")
	if err != nil {
		return nil, err
	}
	page, err := template.New("index.html").Funcs(template.FuncMap{"program": program}).Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = page.Execute(&out, map[string]any{"Config": demoConfig, "Missing": missing})
	return out.Bytes(), err
}

// missingInterpreters says why programs with an extension cannot run here, and what to do about it.
func missingInterpreters(look lookPath) map[string]string {
	missing := map[string]string{}
	for ext, command := range map[string]string{".sh": "/bin/sh", ".pl": "perl", ".py": "python3"} {
		if _, err := look(command); err == nil {
			continue
		}
		reason := command + " was not found"
		if !strings.Contains(command, "/") {
			reason += " in PATH; " + install(look) + command
		}
		missing[ext] = reason
	}
	return missing
}

// install begins the command that installs a package here.
func install(look lookPath) string {
	for _, manager := range []struct{ command, install string }{
		{"apt-get", "apt-get install "},
		{"apk", "apk add "},
		{"dnf", "dnf install "},
		{"pacman", "pacman -S "},
		{"zypper", "zypper install "},
	} {
		if _, err := look(manager.command); err == nil {
			return manager.install
		}
	}
	return "install "
}
