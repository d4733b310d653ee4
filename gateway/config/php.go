package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v4"
)

// fastCGI is what the preset stands for.
func (c *rawPHP) fastCGI() *rawFastCGI {
	return &rawFastCGI{
		Run: c.Run, Connect: c.Connect, rawApplication: c.rawApplication,
		rawTree: rawTree{Root: c.Root.dirValue, Ext: c.Ext, Index: c.Index, Fallback: c.Fallback, Hidden: c.Hidden, Symlinks: c.Symlinks},
	}
}

func (c *rawPHP) check(l *loader, p place) {
	if !c.Root.given && !c.excused {
		l.errorAtKey(p, "php needs a root: the directory of the PHP files")
	}
	if len(c.Ext.v) == 0 && !c.Ext.bad {
		l.error(c.Ext.place, "the list is empty; write the extensions of PHP files, or take the key out for [.php]")
	}
	switch {
	case c.Run.given && c.Connect.given:
		l.errorAtKey(c.Connect.place, "php takes run (the php-cgi that gatewayd starts) or connect (an address where php-fpm listens), and this has both; keep one of them")
	case !c.Run.given && !c.Connect.given && !c.excused:
		c.findProgram(l, p)
	}
	c.Run.check(l)
	if c.Fallback.given {
		c.fastCGI().checkFallback(l)
	}
	if c.Connect.given {
		l.warnNotOurs(&c.Workers.value, "workers")
	}
	l.warnForeign(c, "php")
}

// findProgram takes the machine's php-cgi for run.
func (c *rawPHP) findProgram(l *loader, p place) {
	found := l.findPHP()
	if !found.ok {
		l.errorAtKey(p, `php-cgi is not in PATH; install it (Debian: apt-get install php-cgi; Alpine: apk add php84-cgi; Fedora: dnf install php-cgi), or connect to php-fpm: php: { root: ./DIRECTORY, connect: "unix:/run/php/php-fpm.sock" }`)
		return
	}
	c.Run.given, c.Run.v = true, []string{found.path}
	c.Run.place = p
}

const phpCGI = "php-cgi"

// findPHP looks for php-cgi in PATH, else for the newest of those with a version in their name, as php-cgi8.4.
func (l *loader) findPHP() lookup {
	found, known := l.programs[phpCGI]
	if !known {
		if found = l.searchPath(phpCGI); !found.ok {
			found = l.newestPHP()
		}
		l.programs[phpCGI] = found
	}
	return found
}

func (l *loader) newestPHP() (newest lookup) {
	best := 0
	list, _ := l.getenv("PATH")
	for _, dir := range filepath.SplitList(list) {
		if !filepath.IsAbs(dir) {
			continue
		}
		entries, _ := os.ReadDir(dir)
		for _, e := range entries {
			path := filepath.Join(dir, e.Name())
			if version := phpVersion(e.Name()); version > best && isProgram(path) {
				best, newest = version, lookup{path, true}
			}
		}
	}
	return newest
}

// phpVersion reads what distributions call php-cgi, and gives a number that is the greater the newer it is: php-cgi8.4,
// php-cgi84, php84-cgi. It is 0 for other names.
func phpVersion(name string) int {
	rest, isPHP := strings.CutPrefix(name, "php")
	before, after, isCGI := strings.Cut(rest, "-cgi")
	version := before + strings.TrimPrefix(after, "-")
	if !isPHP || !isCGI || before != "" && after != "" {
		return 0
	}
	major, minor, dotted := strings.Cut(version, ".")
	if !dotted && len(version) > 1 {
		major, minor = version[:1], version[1:]
	}
	const places = 1000
	first, left, isNumber := leadingNumber(major)
	second, right, _ := leadingNumber(minor)
	if !isNumber || left != "" || right != "" || first >= places || second >= places {
		return 0
	}
	return int(first*places + second)
}

// isPHP says whether a program is PHP for FastCGI, by its name.
func isPHP(program string) bool {
	name := filepath.Base(program)
	return name == phpCGI || phpVersion(name) > 0
}

// phpRootValue is the directory of PHP files. Where an address stands instead, it says what connect is for.
type phpRootValue struct{ dirValue }

func (v *phpRootValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	if target, ok := l.target(n, p); ok && target.Kind == yaml.ScalarNode && isAddress(target.Value) {
		l.error(p, "%s is an address, and php needs the directory of the files, too; write php: { root: ./DIRECTORY, connect: %s }", quote(target.Value), quote(target.Value))
		return
	}
	v.dirValue.decode(l, n, f, p)
}

// phpChildren would make a php-cgi that gatewayd starts a master of workers of its own, which nobody watches.
const phpChildren = "PHP_FCGI_CHILDREN"

// warnOfPHP is about options as a route has them, which PHP does not take well.
func (l *loader) warnOfPHP(app *rawFastCGI, o *rawOptions, warn func(place, string, ...any)) {
	if at, ok := o.Env.places[phpChildren]; ok && app.Run.given {
		warn(at, "%s is not given to workers: gatewayd starts each of them itself; write workers: %s", phpChildren, numberOr4(o.Env.v[phpChildren]))
	}
	if o.Buffer.v == unlimited && app.servesPHP() {
		warn(o.Buffer.place, "PHP takes a body whose length it is not told for empty, and with buffer: none that is every body sent in chunks; take this out for PHP")
	}
}

func numberOr4(s string) string {
	if n, ok := wholeNumber(s); ok && n > 0 {
		return s
	}
	return fmt.Sprint(minWorkers)
}

func (c *rawFastCGI) servesPHP() bool {
	for _, ext := range c.Ext.v {
		if strings.HasPrefix(ext, ".php") {
			return true
		}
	}
	return len(c.Run.v) > 0 && isPHP(c.Run.v[0])
}
