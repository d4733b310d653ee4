package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

func (s *rawStatic) check(l *loader, p place) {
	if !s.Root.given && !s.excused {
		l.errorAtKey(p, "static needs a root: the directory whose files are served")
	}
}

func (c *rawCGI) check(l *loader, p place) {
	switch {
	case c.Connect.given || c.excused: // reported, and it explains the rest
	case !c.Run.given && !c.Root.given:
		l.errorAtKey(p, "cgi needs run (a program or a directory of scripts), or root and ext")
	case c.Root.given && !c.Ext.given:
		l.errorAtKey(c.Root.place, "root needs ext: the extensions of the files that are scripts, for example ext: [.cgi]")
	case c.Root.given && len(c.Ext.v) == 0 && !c.Ext.bad:
		l.error(c.Ext.place, "the list is empty; write the extensions of the files that are scripts, for example [.cgi]")
	}
	if c.Root.given && c.Run.dir {
		l.error(c.Run.place, "with root, run names the program that runs the files below it, and this is a directory; take run out, or name a program")
	}
	if c.Run.noExec != "" && !c.interpreted(c.Run.v[0]) {
		l.error(c.Run.place, "%s", c.Run.noExec)
	}
	c.warnUnused(l)
	c.checkFallback(l)
}

// interpreted says whether an interpreter runs the file.
func (c *rawCGI) interpreted(file string) bool {
	for ext := range c.Interpreters.v {
		if strings.HasSuffix(file, ext) {
			return true
		}
	}
	return false
}

// warnUnused warns of options of the script tree where there is none.
func (c *rawCGI) warnUnused(l *loader) {
	if !c.Root.given {
		for _, v := range []struct {
			given bool
			key   string
			at    place
		}{{c.Ext.given, "ext", c.Ext.place}, {c.Index.given, "index", c.Index.place}, {c.Fallback.given, "fallback", c.Fallback.place}} {
			if v.given {
				l.warn(v.at, "%s has no effect without root", v.key)
			}
		}
	}
	for _, f := range l.tableOf(c).fields {
		if f.foreign != "" && isPresent(c, f) {
			l.warn(leafOf(c, f).where(), "%s has no effect with cgi; it is for %s", f.key, f.foreign)
		}
	}
}

// checkFallback warns of a fallback that is not there yet: what is not found would then be a plain 404.
func (c *rawCGI) checkFallback(l *loader) {
	if c.Root.v == "" || c.Fallback.v == "" {
		return
	}
	if _, err := os.Stat(filepath.Join(c.Root.v, filepath.FromSlash(c.Fallback.v))); errors.Is(err, fs.ErrNotExist) {
		l.warn(c.Fallback.place, "there is no %s below root", quote(c.Fallback.v))
	}
}

func (r *rawRedirect) check(l *loader, p place) {
	if !r.To.given && !r.excused {
		l.errorAtKey(p, `redirect needs to: a URL, or a path that begins with "/"`)
	}
}

func (r *rawRespond) check(l *loader, _ place) {
	if (r.Status.v == 204 || r.Status.v == 304) && r.Body.v != "" {
		l.warn(r.Body.place, "body has no effect with status %d, which has none", r.Status.v)
	}
}

func (h *rawHTTP) check(l *loader, _ place) {
	if h.MaxURI.v > h.MaxHeader.v && h.MaxURI.v > 0 && h.MaxHeader.v > 0 {
		at := h.MaxURI.place
		if !h.MaxURI.given {
			at = h.MaxHeader.place
		}
		l.error(at, "max_uri (%s) is more than max_header (%s), of which it is a part; make max_header bigger or max_uri smaller", formatSize(h.MaxURI.v), formatSize(h.MaxHeader.v))
	}
}
