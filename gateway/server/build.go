package server

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rs/zerolog"

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
	site     string       // its key
	key      string       // names the route across generations
	handler  http.Handler // without what guards it
	life     *life
	opened   opened
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

// builder makes one Generation.
type builder struct {
	server    *Server
	conf      *config.Config
	previous  *Generation // nil if there is none
	launcher  process.Launcher
	pools     *worker.Registry
	remote    *remote
	software  string
	passwords *passwords
	made      []*route // those that previous has not
}

// build makes a Generation of conf beside the current one. It starts no program and listens nowhere; on error nothing
// stays open.
func (s *Server) build(conf *config.Config, previous *Generation) (g *Generation, err error) {
	b := &builder{
		server: s, conf: conf, previous: previous, launcher: &s.launcher, pools: s.pools, remote: s.remote, software: "gatewayd/" + s.opt.Version,
		passwords: s.passwordsAfter(previous),
	}
	defer func() {
		if err != nil {
			b.discard()
		}
	}()
	sites, built, err := b.sites()
	if err != nil {
		return nil, err
	}
	table, err := site.New(sites)
	if err != nil {
		return nil, err
	}
	logs, err := s.logsFor(conf.Log, previous)
	if err != nil {
		return nil, err
	}
	g = &Generation{Number: 1, Config: conf, table: table, routes: built, byKey: byKey(built), logs: logs, closed: make(chan struct{})}
	g.proxies, g.passwords = middleware.NewProxies(conf.TrustedProxies), b.passwords.files
	if previous != nil {
		g.Number = previous.Number + 1
	}
	g.onClose = func() { s.forget(g) }
	g.handler = middleware.Linger(giveUpConn,
		middleware.AccessLog(logs.access, logs.log,
			middleware.Recoverer(logs.log,
				answering(&conf.Sites[0].Options, middleware.Limit(conf.HTTP, g.table)))))
	g.users.Store(1)
	return g, nil
}

// discard closes what was made.
func (b *builder) discard() {
	for _, r := range b.made {
		r.opened.close(nil)
	}
}

func byKey(routes map[*site.Route]*route) map[string]*route {
	keyed := map[string]*route{}
	for _, r := range routes {
		keyed[r.key] = r
	}
	return keyed
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
			r, err := b.adoptOrMake(conf.Key, &conf.Routes[j])
			var handler http.Handler
			if err == nil {
				handler, err = b.guarded(r)
			}
			if err != nil {
				return nil, nil, fmt.Errorf("route %s: %w", conf.Routes[j].Pattern, err)
			}
			target := &sites[i].Routes[j]
			*target = site.Route{Pattern: conf.Routes[j].Pattern, Handler: b.server.entering(r, answering(&conf.Routes[j].Options, handler))}
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
func (b *builder) guarded(r *route) (http.Handler, error) {
	o, next := &r.conf.Options, r.handler
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

// adoptOrMake returns the route of the generation before, if it is the same.
func (b *builder) adoptOrMake(site string, conf *config.Route) (*route, error) {
	key := site + " " + conf.Pattern
	if r := b.adoptable(key, conf); r != nil {
		return r, nil
	}
	o := &conf.Options
	r := &route{conf: conf, site: site, key: key, life: newLife(), access: middleware.NewAddressRules(o.Allow, o.Deny)}
	b.made = append(b.made, r)
	var err error
	r.handler, err = b.handler(r)
	return r, err
}

// adoptable is the route of the generation before, nil if anything about it has changed.
func (b *builder) adoptable(key string, conf *config.Route) *route {
	if b.previous == nil {
		return nil
	}
	r, before := b.previous.byKey[key], b.previous.Config
	switch {
	case r == nil || !sameRoute(r.conf, conf):
		return nil
	case r.backend != nil && before.Temp != b.conf.Temp:
		return nil
	case r.workers != nil && before.StartTimeout != b.conf.StartTimeout:
		return nil
	}
	return r
}

// handler is the one switch from the config's words to code.
func (b *builder) handler(r *route) (http.Handler, error) {
	switch conf := r.conf; {
	case conf.Static != nil:
		r.static = static.FromConfig(conf.Static)
		r.opened.add(r.static)
		return r.static, nil
	case conf.CGI != nil:
		return b.cgi(r)
	case conf.FastCGI != nil:
		return b.fastcgi(r)
	case conf.Redirect != nil:
		r.redirect = redirect.New(conf.Redirect)
		return r.redirect, nil
	case conf.Respond != nil:
		return respond.New(conf.Respond), nil
	}
	return nil, fmt.Errorf("no handler for %q", r.conf.Handler)
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
	r.opened.backends = append(r.opened.backends, r.backend)
	if closer, ok := r.resolver.(io.Closer); ok {
		r.opened.add(closer)
	}
	front := relay.Options{
		Backend:     r.backend,
		Resolver:    r.resolver,
		Spool:       spool.Options{Dir: b.conf.Temp, Max: r.conf.Options.MaxBody},
		Stream:      r.conf.Options.StreamBody,
		Timeout:     r.conf.Options.Timeout,
		IdleTimeout: r.conf.Options.IdleTimeout,
	}
	if f.root != "" {
		r.static = static.FromConfig(&config.Static{Root: f.root, Hidden: f.hidden, Symlinks: f.symlinks})
		r.opened.add(r.static)
		front.Static = r.static.ServeName
	}
	if len(f.sendfile) > 0 {
		front.Sendfile = r.sendfile(f.sendfile)
	}
	return relay.New(front)
}

// gate is that of the same route before, as long as there are requests in it: a reload lets nobody in twice.
func (b *builder) gate(r *route) *admission.Gate {
	if b.previous != nil {
		if before := b.previous.byKey[r.key]; before != nil && before.gate != nil {
			return before.gate
		}
	}
	if gate := b.server.drainingGate(r.key); gate != nil {
		return gate
	}
	return admission.New(limitsOf(r.conf))
}

func limitsOf(conf *config.Route) admission.Limits {
	o := &conf.Options
	return admission.Limits{Running: o.MaxRunning, Queue: o.Queue.Max, Wait: o.Queue.Wait}
}

// sendfile serves files below roots by their absolute path.
func (r *route) sendfile(roots []string) func(http.ResponseWriter, *http.Request, string) bool {
	handlers := make([]*static.Handler, len(roots))
	for i, root := range roots {
		handlers[i] = static.FromConfig(&config.Static{Root: root, Hidden: true, Symlinks: "inside"})
		r.opened.add(handlers[i])
	}
	return func(w http.ResponseWriter, request *http.Request, path string) bool {
		for i, root := range roots {
			if name, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")+"/"); ok {
				handlers[i].ServeName(w, request, name)
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
// route and script, so it keeps its own. A program that works on after its answer may outlive the log of that.
func stderrOf(log func() *zerolog.Logger, id, route, script string) func(line string) {
	return func(line string) {
		event := log().Warn().Str("id", id).Str("route", route)
		middleware.Exact(middleware.Exact(event, "script", script), "stderr", line).Msg("a program wrote to its standard error")
	}
}
