package server

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"gatewayd/gateway/admission"
	"gatewayd/gateway/cgi"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
	"gatewayd/gateway/middleware"
	"gatewayd/gateway/process"
	"gatewayd/gateway/redirect"
	"gatewayd/gateway/relay"
	"gatewayd/gateway/respond"
	"gatewayd/gateway/script"
	"gatewayd/gateway/site"
	"gatewayd/gateway/spool"
	"gatewayd/gateway/static"
	"gatewayd/gateway/worker"
)

// route is a configured route and the parts that were made of it; those that its handler has not are nil.
type route struct {
	conf     *config.Route
	key      string // names it across generations
	gate     *admission.Gate
	resolver script.Resolver
	backend  backend
	workers  *workers   // of a backend that keeps its own
	remote   *connected // of one that does not
	env      cgispec.Env
	static   *static.Handler
	redirect *redirect.Handler
	access   middleware.AddressRules
}

// front is the site table as a local redirect sees it. The routes are built before the table that holds them.
type front struct{ table *site.Table }

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) { f.table.ServeHTTP(w, r) }

// builder makes one Generation.
type builder struct {
	conf      *config.Config
	launcher  process.Launcher
	pools     *worker.Registry
	remote    *remote
	known     map[string]*admission.Gate // of the generation before
	software  string
	front     *front
	passwords *passwords
	opened    opened
}

// build makes a Generation of conf beside the current one. It starts no program and listens nowhere; on error nothing
// stays open.
func (s *Server) build(conf *config.Config, previous *Generation) (g *Generation, err error) {
	b := &builder{
		conf: conf, launcher: &s.launcher, pools: s.pools, remote: s.remote, known: previous.gates(), software: "gatewayd/" + s.opt.Version, front: &front{},
		passwords: s.passwordsAfter(previous),
	}
	defer func() {
		if err != nil {
			b.opened.close(nil)
		}
	}()
	sites, built, err := b.sites()
	if err != nil {
		return nil, err
	}
	if b.front.table, err = site.New(sites); err != nil {
		return nil, err
	}
	logs, err := s.logsFor(conf.Log, previous)
	if err != nil {
		return nil, err
	}
	g = &Generation{Number: 1, Config: conf, table: b.front.table, routes: built, logs: logs, opened: b.opened, closed: make(chan struct{})}
	g.proxies, g.passwords = middleware.NewProxies(conf.TrustedProxies), b.passwords.files
	if previous != nil {
		g.Number = previous.Number + 1
	}
	g.onClose = func() { s.forget(g) }
	g.leave = func(backend backend) { s.leave(backend, logs.hold()) }
	g.handler = middleware.Linger(giveUpConn,
		middleware.AccessLog(logs.access, logs.log,
			middleware.Recoverer(logs.log,
				answering(&conf.Sites[0].Options, middleware.Limit(conf.HTTP, g.table)))))
	g.users.Store(1)
	return g, nil
}

// sites returns the table's input, and the parts of each route under the key that a site.Match leads to.
func (b *builder) sites() ([]site.Site, map[*site.Route]*route, error) {
	sites := make([]site.Site, len(b.conf.Sites))
	built := map[*site.Route]*route{}
	for i, conf := range b.conf.Sites {
		sites[i] = site.Site{
			Key: conf.Key, Hosts: conf.Hosts, Routes: make([]site.Route, len(conf.Routes)),
			Else: answering(&conf.Options, http.HandlerFunc(site.NotFound)),
		}
		for j := range conf.Routes {
			r, handler, err := b.route(conf.Key, &conf.Routes[j])
			if err == nil {
				handler, err = b.guarded(r, handler)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("route %s: %w", conf.Routes[j].Pattern, err)
			}
			target := &sites[i].Routes[j]
			*target = site.Route{Pattern: conf.Routes[j].Pattern, Handler: answering(&conf.Routes[j].Options, handler)}
			built[target] = r
		}
	}
	return sites, built, nil
}

// answering puts around a handler what the options say of every answer, those of the server itself included.
func answering(o *config.Options, next http.Handler) http.Handler {
	return middleware.Headers(o, middleware.ErrorPages(o.ErrorPages, next))
}

// guarded puts in front of a route's handler whom it lets in: addresses first, they cost nothing.
func (b *builder) guarded(r *route, next http.Handler) (http.Handler, error) {
	o := &r.conf.Options
	r.access = middleware.NewAddressRules(o.Allow, o.Deny)
	if o.Auth != nil {
		users, err := b.passwords.of(o.Auth)
		if err != nil {
			return nil, err
		}
		next = middleware.Auth(o.Auth.Realm, users, next)
	}
	if len(o.Allow)+len(o.Deny) > 0 {
		next = r.access.Guard(next)
	}
	return next, nil
}

// route is the one switch from the config's words to code.
func (b *builder) route(site string, conf *config.Route) (*route, http.Handler, error) {
	r := &route{conf: conf, key: site + " " + conf.Pattern}
	switch {
	case conf.Static != nil:
		r.static = static.FromConfig(conf.Static)
		b.opened.closers = append(b.opened.closers, r.static)
		return r, r.static, nil
	case conf.CGI != nil:
		handler, err := b.cgi(r)
		return r, handler, err
	case conf.FastCGI != nil:
		handler, err := b.fastcgi(r)
		return r, handler, err
	case conf.Redirect != nil:
		r.redirect = redirect.New(conf.Redirect)
		return r, r.redirect, nil
	case conf.Respond != nil:
		return r, respond.New(conf.Respond), nil
	}
	return nil, nil, fmt.Errorf("no handler for %q", conf.Handler)
}

func (b *builder) cgi(r *route) (http.Handler, error) {
	c := r.conf.CGI
	opt := cgi.Setup(c, &r.conf.Options, b.software)
	if err := mayBecome(opt.User); err != nil {
		return nil, err
	}
	r.gate = b.gate(r)
	opt.Gate, opt.Launcher = r.gate, b.launcher
	r.env, r.backend = opt.Env, cgi.New(opt)
	r.resolver = cgiResolver(c)
	return b.relay(r, files{c.Root, c.Hidden, c.Symlinks, c.Sendfile}), nil
}

func mayBecome(user *process.User) error {
	if process.MayBecome(user) {
		return nil
	}
	return fmt.Errorf("user: only root may start programs as another user (%s); start gatewayd as root, or with CAP_SETUID, CAP_SETGID and CAP_KILL, or take user out", user.Name)
}

// files are what a route serves beside its programs.
type files struct {
	root     string // "" if it has none
	hidden   bool
	symlinks string
	sendfile []string
}

// relay is the handler of a route that has its backend and resolver.
func (b *builder) relay(r *route, f files) http.Handler {
	b.opened.backends = append(b.opened.backends, r.backend)
	if closer, ok := r.resolver.(io.Closer); ok {
		b.opened.closers = append(b.opened.closers, closer)
	}
	front := relay.Options{
		Backend:     r.backend,
		Resolver:    r.resolver,
		Front:       b.front,
		Spool:       spool.Options{Dir: b.conf.Temp, Max: r.conf.Options.MaxBody},
		Stream:      r.conf.Options.StreamBody,
		Timeout:     r.conf.Options.Timeout,
		IdleTimeout: r.conf.Options.IdleTimeout,
	}
	if f.root != "" {
		r.static = static.FromConfig(&config.Static{Root: f.root, Hidden: f.hidden, Symlinks: f.symlinks})
		b.opened.closers = append(b.opened.closers, r.static)
		front.Static = r.static.ServeName
	}
	if len(f.sendfile) > 0 {
		front.Sendfile = b.sendfile(f.sendfile)
	}
	return relay.New(front)
}

// gate is that of the same route in the generation before, if there is one: a reload lets nobody in twice.
func (b *builder) gate(r *route) *admission.Gate {
	if gate := b.known[r.key]; gate != nil {
		return gate
	}
	return admission.New(limitsOf(r.conf))
}

func limitsOf(conf *config.Route) admission.Limits {
	o := &conf.Options
	return admission.Limits{Running: o.MaxRunning, Queue: o.Queue.Max, Wait: o.Queue.Wait}
}

// sendfile serves files below roots by their absolute path.
func (b *builder) sendfile(roots []string) func(http.ResponseWriter, *http.Request, string) bool {
	handlers := make([]*static.Handler, len(roots))
	for i, root := range roots {
		handlers[i] = static.FromConfig(&config.Static{Root: root, Hidden: true, Symlinks: "inside"})
		b.opened.closers = append(b.opened.closers, handlers[i])
	}
	return func(w http.ResponseWriter, r *http.Request, path string) bool {
		for i, root := range roots {
			if name, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")+"/"); ok {
				handlers[i].ServeName(w, r, name)
				return true
			}
		}
		return false
	}
}

func cgiResolver(c *config.CGI) script.Resolver {
	interpreters := []string{}
	for ext := range c.Interpreters {
		interpreters = append(interpreters, ext)
	}
	slices.Sort(interpreters)
	switch {
	case c.Root != "":
		return script.NewRoot(c.Root, script.RootOptions{
			Ext: c.Ext, Index: c.Index, Fallback: c.Fallback, Hidden: c.Hidden, Symlinks: c.Symlinks == "any",
			NeedExec: len(c.Run) == 0, Interpreters: interpreters,
		})
	case c.RunDir:
		return script.NewDir(c.Run[0], script.DirOptions{Hidden: c.Hidden, Symlinks: c.Symlinks == "any", Interpreters: interpreters})
	}
	return script.NewProgram(c.Run[0], filepath.Dir(c.Run[0]))
}

// logsFor shares the previous generation's logs if nothing about them has changed.
func (s *Server) logsFor(conf config.Log, previous *Generation) (*logs, error) {
	if previous != nil && previous.logs.conf == conf {
		return previous.logs.hold(), nil
	}
	return openLogs(conf, s.sinks)
}

// forget is called when a generation is closed.
func (s *Server) forget(g *Generation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.retired, g)
	g.logs.release()
}

// stderrOf logs the lines of a program's standard error. It may do so while a local redirect gives the request another
// route and script, so it keeps its own.
func (g *Generation) stderrOf(id, route, script string) func(line string) {
	return func(line string) {
		event := g.logs.log.Warn().Str("id", id).Str("route", route)
		middleware.Exact(middleware.Exact(event, "script", script), "stderr", line).Msg("a program wrote to its standard error")
	}
}
