package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// python is the interpreter of a WSGI application without a virtual environment.
const python = "python3"

// check finds the interpreter and the directories of the modules.
func (c *rawWSGI) check(l *loader, p place) {
	if !c.App.given && !c.excused {
		l.errorAtKey(p, "wsgi needs an app: MODULE:NAME, as in shop.wsgi:application")
	}
	if len(c.Path.v) == 0 && !c.Path.bad {
		c.Path.v = []string{l.dir}
	}
	switch {
	case c.Venv.given && c.Venv.v != "":
		c.python = filepath.Join(c.Venv.v, "bin", "python")
		if !isProgram(c.python) {
			l.error(c.Venv.place, "there is no %s; name a virtual environment, as python3 -m venv makes one", quote(c.python))
		}
	case !c.Venv.given:
		if found := l.searchPath(python); found.ok {
			c.python = found.path
		} else if !c.excused {
			l.errorAtKey(p, "python3 is not in PATH; install it (Debian: apt-get install python3), or name a virtual environment by venv")
		}
	}
	c.App.findModule(l, c.Path.v)
	l.warnForeign(c, "wsgi")
}

// fastCGI is what the handler stands for.
func (c *rawWSGI) fastCGI() *rawFastCGI {
	app := &rawFastCGI{}
	app.Run.given, app.Run.v, app.Run.place = true, []string{c.python}, c.App.place
	app.Workers, app.Concurrency.value = c.Workers, c.Threads.value
	app.MaxHeader, app.StopTimeout, app.Sendfile = c.MaxHeader, c.StopTimeout, c.Sendfile
	app.Keepalive.given, app.Keepalive.v = true, max(1, c.Threads.v)
	return app
}

func (c *rawWSGI) plain() *WSGI {
	return &WSGI{App: c.App.v, Path: slices.Clone(c.Path.v), File: c.App.file}
}

// wsgiAppValue names an application in a module.
type wsgiAppValue struct {
	value[string]
	file string // of the module, "" if it is in no directory of path
}

var wsgiApp = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*(:[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*(\(\))?)?$`)

func (v *wsgiAppValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	switch {
	case !ok:
	case isAddress(s):
		l.error(p, "%s is an address, and wsgi starts the application itself; for one that speaks FastCGI there write fastcgi: %s", quote(s), quote(s))
	case strings.Contains(s, "/") || strings.HasSuffix(s, ".py"):
		module, _ := strings.CutSuffix(filepath.Base(s), ".py")
		l.error(p, "%s is a file; write the module, and its directory as path: wsgi: { app: %s, path: %s }", quote(s), oneLine(module), oneLine(filepath.Dir(s)))
	case !wsgiApp.MatchString(s):
		l.error(p, "%s is no application; write MODULE:NAME, as in shop.wsgi:application, or MODULE:FACTORY()", quote(s))
	default:
		v.v = s
	}
}

// findModule looks for the module's file. One that is not in path may be a package of the interpreter's.
func (v *wsgiAppValue) findModule(l *loader, path []string) {
	module, _, _ := strings.Cut(v.v, ":")
	name := filepath.Join(strings.Split(module, ".")...)
	for _, dir := range path {
		for _, file := range []string{name + ".py", filepath.Join(name, "__init__.py")} {
			if info, err := os.Stat(filepath.Join(dir, file)); err == nil && info.Mode().IsRegular() {
				v.file = filepath.Join(dir, file)
				return
			}
		}
	}
}
