// Package site finds what serves a request: host -> Site -> Route. A Table is immutable; a change of configuration
// makes a new one. Matching is on the canonical decoded path, by bytes, and is the same whatever the size of the table.
package site

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/go-chi/chi/v5"

	"gatewayd/gateway"
)

// Site is the routes of some hosts.
type Site struct {
	Key    string   // as in the config file; "" is the default site
	Hosts  []string // lower case: "www.example.org", "*.example.org"; empty for the default site
	Routes []Route
	Else   http.Handler // answers for paths that no route takes; nil is NotFound
}

// Route is one pattern and what serves it.
type Route struct {
	Pattern string // "/exact", "/prefix/*" or "/*"
	Handler http.Handler
}

// Match is where a request belongs.
type Match struct {
	Site   *Site
	Route  *Route
	Prefix string // the part of the path that the pattern took
}

// Table is the sites of one configuration. Safe for concurrent use.
type Table struct {
	exact    map[string]*mux
	wildcard map[string]*mux // by what follows the "*": ".example.org"
	standard *mux
}

// mux is a site with its routes in a chi router, by pattern.
type mux struct {
	site   *Site
	router *chi.Mux
	routes map[string]*Route
}

// New makes the Table of sites. Patterns and hosts have been checked by config; two routes of one site with the same
// pattern, or a host in two sites, are an error here too, since chi would let the last one win without a word.
func New(sites []Site) (*Table, error) {
	t := &Table{exact: map[string]*mux{}, wildcard: map[string]*mux{}, standard: &mux{site: &Site{}, router: chi.NewRouter()}}
	for i := range sites {
		m, err := newMux(&sites[i])
		if err != nil {
			return nil, err
		}
		if len(sites[i].Hosts) == 0 {
			t.standard = m
		}
		for _, host := range sites[i].Hosts {
			if err := t.addHost(host, m); err != nil {
				return nil, err
			}
		}
	}
	return t, nil
}

func (t *Table) addHost(host string, m *mux) error {
	table, key := t.exact, host
	if suffix, ok := strings.CutPrefix(host, "*"); ok {
		table, key = t.wildcard, suffix
	}
	if table[key] != nil {
		return fmt.Errorf("site: host %s is in two sites", host)
	}
	table[key] = m
	return nil
}

func newMux(s *Site) (*mux, error) {
	m := &mux{site: s, router: chi.NewRouter(), routes: map[string]*Route{}}
	for i := range s.Routes {
		route := &s.Routes[i]
		if m.routes[route.Pattern] != nil {
			return nil, fmt.Errorf("site %q: pattern %s stands twice", s.Key, route.Pattern)
		}
		m.add(route.Pattern, route)
	}
	// "/prefix" belongs to "/prefix/*" unless a route of its own takes it.
	for i := range s.Routes {
		route := &s.Routes[i]
		bare, ok := strings.CutSuffix(route.Pattern, "/*")
		if ok && bare != "" && m.routes[bare] == nil {
			m.add(bare, route)
		}
	}
	return m, nil
}

// add registers one method only: Lookup asks for no other. (chi's Handle would read a blank in the pattern as the end of
// a method.)
func (m *mux) add(pattern string, route *Route) {
	m.routes[pattern] = route
	m.router.Method(http.MethodGet, pattern, route.Handler)
}

var contexts = sync.Pool{New: func() any { return chi.NewRouteContext() }}

// Lookup finds the route of a canonical path on a host as the client wrote it (any case, with or without a port). The
// Route is nil if the site has none for it.
func (t *Table) Lookup(host, path string) Match {
	m := t.siteOf(Hostname(host))
	ctx := contexts.Get().(*chi.Context)
	// The method is always GET: methods are the handlers' business, and chi would answer 405 to those it doesn't know.
	pattern := m.router.Find(ctx, http.MethodGet, path)
	ctx.Reset()
	contexts.Put(ctx)
	route := m.routes[pattern]
	if route == nil {
		return Match{Site: m.site}
	}
	return Match{Site: m.site, Route: route, Prefix: prefix(route.Pattern, path)}
}

func prefix(pattern, path string) string {
	if p, ok := strings.CutSuffix(pattern, "/*"); ok {
		return path[:len(p)]
	}
	return path
}

// siteOf finds the exact host, else the longest "*.suffix", else the default site.
func (t *Table) siteOf(host string) *mux {
	if m := t.exact[host]; m != nil {
		return m
	}
	if len(t.wildcard) > 0 {
		for i := 0; i < len(host); i++ {
			if host[i] != '.' || i == 0 {
				continue
			}
			if m := t.wildcard[host[i:]]; m != nil {
				return m
			}
		}
	}
	return t.standard
}

// Hostname is the host of a Host field: lower case (ASCII only), without port, without the root's last dot. An IPv6
// address keeps its brackets.
func Hostname(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	host = strings.TrimSuffix(host, ".")
	for i := 0; i < len(host); i++ {
		if 'A' <= host[i] && host[i] <= 'Z' {
			return lower(host)
		}
	}
	return host
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// badTarget is the client's fault, unless a program has sent the request here.
func badTarget(req *gateway.Request, err error) error {
	if req.Redirects > 0 {
		return &gateway.Error{Status: http.StatusBadGateway, Op: "follow a local redirect", Err: err, Hint: "the program's Location header must be a path below the root"}
	}
	return &gateway.Error{Status: http.StatusBadRequest, Op: "read the request target", Err: err}
}

// ServeHTTP finds the route of a request that carries a gateway.Request and lets it answer. It is also where a local
// redirect enters, so it trusts nothing that an earlier pass has found.
func (t *Table) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req := gateway.FromContext(r.Context())
	path, err := CleanPath(r.URL, r.RequestURI)
	if err != nil {
		gateway.Fail(w, r, badTarget(req, err))
		return
	}
	match := t.Lookup(r.Host, path)
	req.Path, req.Prefix, req.Site, req.Route = path, match.Prefix, match.Site.Key, ""
	req.AuthType, req.RemoteUser = "", ""
	switch {
	case match.Route != nil:
		req.Route = match.Route.Pattern
		match.Route.Handler.ServeHTTP(w, r)
	case match.Site.Else != nil:
		match.Site.Else.ServeHTTP(w, r)
	default:
		NotFound(w, r)
	}
}

// NotFound is the answer for a path that no route takes.
func NotFound(w http.ResponseWriter, r *http.Request) {
	path := gateway.FromContext(r.Context()).Path
	gateway.Fail(w, r, &gateway.Error{Status: http.StatusNotFound, Op: "find a route for " + path})
}
