package config

import "strings"

func (s *rawStatic) check(l *loader, p place) {
	if !s.Root.given && !s.excused {
		l.errorAtKey(p, "static needs a root: the directory whose files are served")
	}
}

func (c *rawCGI) check(l *loader, p place) {
	if !c.Connect.given && !c.excused { // else reported, and it explains the rest
		if !c.Run.given && !c.Root.given {
			l.errorAtKey(p, "cgi needs run (a program or a directory of scripts), or root and ext")
		}
		c.rawTree.check(l, ".cgi")
	}
	if c.Root.given && c.Run.dir {
		l.error(c.Run.place, "with root, run names the program that runs the files below it, and this is a directory; take run out, or name a program")
	}
	if c.Run.noExec != "" && !c.interpreted(c.Run.v[0]) {
		l.refers(c.Run.v[0])
		l.error(c.Run.place, "%s", c.Run.noExec)
	}
	c.warnOfTree(l, "cgi")
	l.warnForeign(c, "cgi")
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

// warnForeign warns of options of another handler: the switch of one word must load.
func (l *loader) warnForeign(c any, handler string) {
	for _, f := range l.tableOf(c).fields {
		if f.foreign != "" && isPresent(c, f) {
			l.warn(leafOf(c, f).where(), "%s has no effect with %s; it is for %s", f.key, handler, f.foreign)
		}
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
