package config

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v4"
)

// routesValue is the routes of a site, in the order of the file.
type routesValue struct {
	value[[]namedRoute]
	bad bool // it has none for a reason that has been reported
}

type namedRoute struct {
	pattern string
	place   place
	raw     *rawRoute
	good    bool        // nothing had to be said of it
	options *rawOptions // of the three levels as one, once they have been merged
}

func (v *routesValue) emptyAllowed() {}

func (v *routesValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	before := len(l.problems)
	defer func() { v.bad = len(v.v) == 0 && len(l.problems) > before }()
	l.eachPair(n, p, func(pattern string, n *yaml.Node, p place) {
		before := len(l.problems)
		if why := patternProblem(pattern); why != "" {
			l.errorAtKey(p, "%s", why)
		}
		r := namedRoute{pattern: pattern, place: p, raw: &rawRoute{}}
		v.v = append(v.v, r)
		target, ok := l.target(n, p)
		if ok && target.Kind == yaml.ScalarNode {
			l.error(p, "%s", l.routeWithoutHandler(target))
			return
		}
		l.mapping(n, r.raw, p)
		v.v[len(v.v)-1].good = len(l.problems) == before
	})
	patterns := map[string]bool{}
	for _, r := range v.v {
		patterns[r.pattern] = true
	}
	for _, r := range v.v {
		l.checkPatternOf(r, patterns)
	}
}

// routeWithoutHandler is for a route that is a bare word: "/*": ./public.
func (l *loader) routeWithoutHandler(n *yaml.Node) string {
	switch {
	case isNull(n):
		return "this route has no handler; write for example { static: ./public }"
	case slices.Contains(l.handlers(), n.Value):
		return fmt.Sprintf("a route is a mapping; write { %s: %s }", n.Value, handlerExample(n.Value))
	case isAddress(n.Value):
		return fmt.Sprintf("a route is a mapping; write { fastcgi: %s }", quote(n.Value))
	case strings.Contains(n.Value, "://"):
		return fmt.Sprintf("a route is a mapping; write { redirect: %s }", quote(n.Value))
	}
	return fmt.Sprintf("a route is a mapping; write { static: %s } or { cgi: %s }", oneLine(n.Value), oneLine(n.Value))
}

// handlers are the words for what may answer.
func (l *loader) handlers() []string {
	var words []string
	for _, f := range l.table(reflect.TypeFor[rawRoute]()).fields {
		if f.handler && f.usable() {
			words = append(words, f.key)
		}
	}
	return words
}

// oneOfHandlers is "static, cgi ... and respond".
func (l *loader) oneOfHandlers() string {
	words := l.handlers()
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

func handlerExample(handler string) string {
	switch handler {
	case "static":
		return "./public"
	case "cgi":
		return "./cgi-bin"
	case "fastcgi":
		return "./app.fcgi"
	case "php":
		return "./wiki"
	case "wsgi":
		return "shop.wsgi:application"
	case "redirect":
		return `"https://example.org/"`
	}
	return "404"
}

// patternProblem says why s is no pattern. Patterns are compared with decoded, cleaned paths, byte by byte.
func patternProblem(s string) string {
	switch {
	case s == "":
		return `a pattern is missing here; "/*" is every path`
	case s == "*":
		return `a pattern begins with "/"; did you mean "/*"?`
	case strings.HasPrefix(s, "*."):
		return starProblem("/" + s)
	case s[0] != '/':
		return fmt.Sprintf(`a pattern begins with "/"; did you mean %s?`, quote("/"+strings.TrimPrefix(s, "./")))
	case strings.ContainsAny(s, "{}"):
		return "braces have no meaning in a pattern; write /exact or /prefix/*"
	}
	if why := badSegments(s); why != "" {
		return "the pattern " + why
	}
	if i := strings.IndexAny(s, "?#%"); i >= 0 {
		return patternCharProblem(s[i])
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }); i >= 0 {
		return fmt.Sprintf("the pattern has a control character (%q), which no path that gets here has", s[i])
	}
	return starProblem(s)
}

func patternCharProblem(c byte) string {
	switch c {
	case '?':
		return `a pattern is compared with the path alone, which has no query; take out what begins with "?"`
	case '#':
		return `a pattern is compared with the path alone, which has no fragment; take out what begins with "#"`
	}
	return `a pattern is compared with the decoded path; write the character itself in the place of its "%" escape`
}

// starProblem allows one "*", as the whole last segment.
func starProblem(s string) string {
	rest := strings.TrimSuffix(s, "/*")
	i := strings.IndexByte(rest, '*')
	if i < 0 {
		return ""
	}
	prefix := rest[:strings.LastIndexByte(rest[:i], '/')+1]
	if strings.Contains(rest[i:], ".") && !strings.Contains(rest[i:], "/") {
		return fmt.Sprintf(`"*" stands only for everything below a slash, at the end; write %s, and choose files by extension with cgi: { root: ..., ext: [...] }`, quote(prefix+"*"))
	}
	return fmt.Sprintf(`"*" stands only for everything below a slash, at the end; did you mean %s?`, quote(strings.TrimSuffix(rest[:i], "/")+"/*"))
}

// checkPatternOf warns of a pattern that looks like a prefix and is not: a slash at its end, or a directory behind it,
// of which it would serve nothing but the index.
func (l *loader) checkPatternOf(r namedRoute, all map[string]bool) {
	if !r.good || strings.HasSuffix(r.pattern, "/*") {
		return
	}
	below := strings.TrimSuffix(r.pattern, "/") + "/*"
	if all[below] {
		return
	}
	app := r.raw.application()
	slash := r.pattern != "/" && strings.HasSuffix(r.pattern, "/") && (r.raw.CGI != nil || app != nil)
	tree := r.raw.CGI != nil && (r.raw.CGI.Run.dir || r.raw.CGI.Root.given) || app != nil && app.Root.given
	if slash || tree || r.raw.Static != nil {
		l.warn(r.place, "%s is this one path only; everything below it is %s", quote(r.pattern), quote(below))
	}
}

// check wants exactly one handler and warns of options that it makes no use of.
func (r *rawRoute) check(l *loader, p place) {
	handlers := r.handlers(l)
	switch {
	case len(handlers) > 1:
		l.errorAtKey(p, "a route has exactly one handler, and this has %s; keep one of them", strings.Join(handlers, " and "))
	case len(handlers) == 0 && !r.excused:
		l.errorAtKey(p, "this route has no handler; write one of %s, for example static: ./public", l.oneOfHandlers())
	case len(handlers) == 1:
		r.warnUnused(l, handlers[0])
	}
}

// handlers are those that the route names, also those that do not work yet.
func (r *rawRoute) handlers(l *loader) []string {
	var names []string
	for _, f := range l.tableOf(r).fields {
		if f.handler && isPresent(r, f) {
			names = append(names, f.key)
		}
	}
	return names
}

func (r *rawRoute) warnUnused(l *loader, handler string) {
	why := ""
	if app := r.application(); app != nil && app.Connect.given {
		handler, why = "connect", ": gatewayd does not start that application"
	}
	for _, f := range l.tableOf(r).fields {
		if len(f.handlers) > 0 && !slices.Contains(f.handlers, handler) && isPresent(r, f) {
			l.warn(leafOf(r, f).where(), "%s has no effect with %s%s", f.key, handler, why)
		}
	}
}

// sitesValue is the sites by their keys, in the order of the file.
type sitesValue struct {
	value[[]namedSite]
	bad bool // it has none for a reason that has been reported
}

type namedSite struct {
	key   string
	hosts []string
	place place
	raw   *rawSite

	options rawOptions // of the site and the top level as one, once they have been merged
}

func (v *sitesValue) emptyAllowed() {}

func (v *sitesValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	owner := map[string]Pos{}
	before := len(l.problems)
	defer func() { v.bad = len(v.v) == 0 && len(l.problems) > before }()
	l.eachPair(n, p, func(key string, n *yaml.Node, p place) {
		s := namedSite{key: key, place: p, raw: &rawSite{}}
		s.hosts = l.hosts(key, p, owner)
		v.v = append(v.v, s)
		if isNull(n) {
			l.errorAtKey(p, `this site has no routes; write for example routes: { "/*": { static: ./public } }`)
			return
		}
		l.mapping(n, s.raw, p)
	})
}

func (s *rawSite) check(l *loader, p place) {
	if len(s.Routes.v) == 0 && !s.Routes.bad && !s.excused {
		l.errorAtKey(p, `this site has no routes; write for example routes: { "/*": { static: ./public } }`)
	}
}

// hosts are the names in a site's key.
func (l *loader) hosts(key string, p place, owner map[string]Pos) []string {
	var hosts []string
	for word := range strings.FieldsSeq(key) {
		host, why := siteHost(word)
		if why != "" {
			l.errorAtKey(p, "%s", why)
			continue
		}
		if first, twice := owner[host]; twice {
			l.errorAtKey(p, "the host %s is in a site already, in line %d; a host has one site", host, first.Line)
			continue
		}
		owner[host] = p.key
		hosts = append(hosts, host)
	}
	if strings.TrimSpace(key) == "" {
		l.errorAtKey(p, "the key of a site is its hosts; the default site is what stands in routes at the top level")
	}
	return hosts
}

// check wants something to serve, and a place for bodies.
func (c *rawConfig) check(l *loader, _ place) {
	if len(c.Routes.v) == 0 && len(c.Sites.v) == 0 && !c.Routes.bad && !c.Sites.bad && !c.excused {
		l.errorAtKey(c.placeOfRoutes(), `there are no routes; write at least routes: { "/*": { static: ./public } }`)
	}
	c.checkTemp(l)
}

// placeOfRoutes is where the routes stand, or the top of the file, where they could: a problem wants a line.
func (c *rawConfig) placeOfRoutes() place {
	if c.Routes.given {
		return c.Routes.place
	}
	top := Pos{Line: 1, Column: 1}
	return place{at: top, key: top, path: (*keyPath)(nil).child("routes")}
}

// checkTemp looks at the default, too: not every container has a /var/tmp.
func (c *rawConfig) checkTemp(l *loader) {
	dir := c.Temp.v
	info, err := os.Stat(dir)
	switch {
	case dir == "": // reported
	case !c.Temp.given && (err != nil || !info.IsDir()):
		l.whole("there is no directory %s for request bodies; make it, or name another one with temp", dir)
	case err == nil && syscall.Access(dir, writeAndSearch) != nil:
		l.error(c.Temp.place, "request bodies are kept in %s, where this user may not write; name another directory with temp", dir)
	}
}

// writeAndSearch is W_OK|X_OK of access(2).
const writeAndSearch = 2 | 1
