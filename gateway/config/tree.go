package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v4"
)

// check wants scripts to be told from files; usual is what their extension is where nothing tells.
func (c *rawTree) check(l *loader, usual string) {
	switch {
	case c.Root.given && !c.Ext.given:
		l.errorAtKey(c.Root.place, "root needs ext: the extensions of the files that are scripts, for example ext: [%s]", c.exampleExt(usual))
	case c.Root.given && len(c.Ext.v) == 0 && !c.Ext.bad:
		l.error(c.Ext.place, "the list is empty; write the extensions of the files that are scripts, for example [%s]", c.exampleExt(usual))
	}
}

// exampleExt is that of the fallback or index, if there is one.
func (c *rawTree) exampleExt(usual string) string {
	names := []string{c.Fallback.v}
	for _, name := range append(names, c.Index.v...) {
		if ext := filepath.Ext(name); ext != "" && ext != ".html" && ext != ".htm" && checkExtension(ext) == "" {
			return oneLine(ext)
		}
	}
	return usual
}

// warnOfTree warns of what is for scripts among files where there are none, and of a fallback that is not there.
func (c *rawTree) warnOfTree(l *loader, handler string) {
	c.checkFallback(l)
	if c.Root.given {
		return
	}
	for _, v := range []struct {
		leaf leaf
		key  string
	}{{&c.Ext, "ext"}, {&c.Index, "index"}, {&c.Fallback, "fallback"}} {
		if v.leaf.isGiven() {
			l.warn(v.leaf.where(), "%s has no effect without root", v.key)
		}
	}
}

// checkFallback warns of a fallback that is not there yet: what is not found would then be a plain 404.
func (c *rawTree) checkFallback(l *loader) {
	if c.Root.v == "" || c.Fallback.v == "" {
		return
	}
	if _, err := os.Stat(filepath.Join(c.Root.v, filepath.FromSlash(c.Fallback.v))); errors.Is(err, fs.ErrNotExist) {
		l.warn(c.Fallback.place, "there is no %s below root", quote(c.Fallback.v))
	}
}

// fallbackValue is a path below root, or off, which is "".
type fallbackValue struct{ value[string] }

func (v *fallbackValue) setDefault(s string) { v.v = s }

func (v *fallbackValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	switch why := checkText(f.rule, s); {
	case !ok, isOff(s):
		v.v = ""
	case s == "" || s == unlimited:
		l.error(p, `%s is written "off" here: what does not exist is 404`, quote(s))
	case why != "":
		l.error(p, "%s", why)
	default:
		v.v = s
	}
}
