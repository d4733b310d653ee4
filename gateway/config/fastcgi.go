package config

import (
	"path/filepath"
	"runtime"
	"strings"

	"go.yaml.in/yaml/v4"
)

// scalarKey is connect for the address of an application, run for anything else.
func (*rawFastCGI) scalarKey(text string) string {
	if isAddress(text) {
		return "connect"
	}
	return "run"
}

// isAddress says whether s is written as an address, right or wrong.
func isAddress(s string) bool { return strings.HasPrefix(s, "unix:") || strings.HasPrefix(s, "tcp:") }

func (c *rawFastCGI) check(l *loader, p place) {
	switch {
	case c.Run.given && c.Connect.given:
		l.errorAtKey(c.Connect.place, "fastcgi takes run (a program that gatewayd starts) or connect (an address where one listens), and this has both; keep one of them")
	case !c.Run.given && !c.Connect.given && !c.excused:
		l.errorAtKey(p, "fastcgi needs run (a program that gatewayd starts) or connect (an address where one listens)")
	}
	c.Run.check(l)
	if !c.excused {
		c.rawTree.check(l, ".php")
	}
	c.warnOfTree(l, "fastcgi")
	if c.WorkerRoot.given && !c.Root.given {
		l.warn(c.WorkerRoot.place, "worker_root has no effect without root")
	}
	if c.Connect.given {
		l.warnNotOurs(&c.Workers.value, "workers")
		l.warnNotOurs(&c.Concurrency.value, "concurrency")
	}
	c.wantFiles(l)
	l.warnForeign(c, "fastcgi")
}

// wantFiles tells PHP from programs that need no root.
func (c *rawFastCGI) wantFiles(l *loader) {
	if c.Root.given || c.excused {
		return
	}
	if len(c.Run.v) > 0 && isPHP(c.Run.v[0]) {
		l.error(c.Run.place, "%s runs the files below a root, and there is none; write php: ./DIRECTORY, or root and ext beside run", filepath.Base(c.Run.v[0]))
	}
	for _, a := range c.Connect.v {
		if strings.Contains(filepath.Base(a.Address), "php") {
			l.warn(c.Connect.place, "PHP runs the files below a root, and there is none; write php: { root: ./DIRECTORY, connect: %s }", quote(a.String()))
			return
		}
	}
}

// warnNotOurs is about an option of workers where there are none of ours.
func (l *loader) warnNotOurs(v *value[int], key string) {
	if v.given {
		l.warn(v.place, "%s has no effect with connect: gatewayd does not start that application", key)
	}
}

// application is the route's fastcgi, or what its php or wsgi stands for; nil if it has none of them.
func (r *rawRoute) application() *rawFastCGI {
	if r.PHP != nil {
		return r.PHP.fastCGI()
	}
	if r.WSGI != nil {
		return r.WSGI.fastCGI()
	}
	return r.FastCGI
}

// startsPrograms says whether it is gatewayd that starts what answers.
func (r *rawRoute) startsPrograms() bool {
	app := r.application()
	return r.CGI != nil || app != nil && app.Run.given
}

// plain is c as a Config has it.
func (c *rawFastCGI) plain() *FastCGI {
	out := &FastCGI{
		Connect: c.Connect.v, ConnectTimeout: c.ConnectTimeout.v, Keepalive: c.Keepalive.v,
		WorkerRoot: c.WorkerRoot.v, Root: c.Root.v, Ext: c.Ext.v, Index: c.Index.v, Fallback: c.Fallback.v, Hidden: c.Hidden.v,
		Symlinks: c.Symlinks.v, MaxHeader: c.MaxHeader.v, StopTimeout: c.StopTimeout.v, Sendfile: c.Sendfile.v,
	}
	if c.Connect.given {
		return out
	}
	out.Run, out.Workers, out.Concurrency = c.Run.v, max(minWorkers, runtime.NumCPU()), max(1, c.Concurrency.v)
	if c.Workers.given {
		out.Workers = c.Workers.v
	}
	if !c.Keepalive.given {
		out.Keepalive = keptPerWorker
	}
	return out
}

const (
	minWorkers    = 4 // of a pool, unless workers says otherwise
	keptPerWorker = 1 // connections
)

// workersValue is how many processes of a program are kept.
type workersValue struct{ intValue }

func (v *workersValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	target, ok := l.target(n, p)
	switch {
	case !ok:
	case target.Kind == yaml.MappingNode:
		l.error(p, "a number of workers that changes by itself is not in this version yet; write one number, for example 4")
	case target.Kind == yaml.ScalarNode && lowerASCII(target.Value) == "auto":
		l.error(p, "auto is not in this version yet; write a number, or take the key out for %s", f.shown)
	default:
		v.intValue.decode(l, n, f, p)
	}
}

// workerRootValue is a directory of another machine, container or chroot.
type workerRootValue struct{ value[string] }

func (v *workerRootValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	switch {
	case !ok:
	case !filepath.IsAbs(s):
		l.error(p, `%s is not an absolute path; write root as the application sees it, for example "/var/www/html"`, quote(s))
	default:
		v.v = filepath.Clean(s)
	}
}

// WorkersDir is where the workers of the route's FastCGI program work.
func (r *Route) WorkersDir() string {
	switch {
	case r.Options.Dir != "":
		return r.Options.Dir
	case r.FastCGI.Root != "":
		return r.FastCGI.Root
	case r.WSGI != nil:
		return r.WSGI.Path[0]
	}
	return filepath.Dir(r.FastCGI.Run[0])
}
