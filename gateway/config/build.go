package config

import (
	"maps"
	"runtime"
	"slices"
)

// runningPerCPU is how many programs of a cgi route run at once unless max_running says otherwise.
const runningPerCPU = 8

// build makes the Config of what was read. What it makes is of use only when nothing was wrong.
func (l *loader) build(c *rawConfig) *Config {
	if l.problems.Failed() {
		return nil
	}
	l.defaults(&c.Log)
	l.defaults(&c.HTTP)
	cfg := &Config{
		File: l.file, Dir: l.dir,
		Listen: c.Listen.v, Admin: c.Admin.v, TrustedProxies: c.TrustedProxies.v, Temp: c.Temp.v, StateDir: c.StateDir.v,
		DrainTimeout: c.DrainTimeout.v, StartTimeout: c.StartTimeout.v,
		Log: Log{Level: c.Log.Level.v, Format: c.Log.Format.v, Output: c.Log.Output.v, Access: c.Log.Access.v, AccessOutput: c.Log.AccessOutput.v},
		HTTP: HTTP{
			HeaderTimeout: c.HTTP.HeaderTimeout.v, BodyTimeout: c.HTTP.BodyTimeout.v, SendTimeout: c.HTTP.SendTimeout.v, IdleTimeout: c.HTTP.IdleTimeout.v,
			MaxHeader: c.HTTP.MaxHeader.v, MaxHeaders: c.HTTP.MaxHeaders.v, MaxURI: c.HTTP.MaxURI.v,
		},
		Sites: []Site{{Routes: l.routes(c.Routes.v, ""), Pos: c.Routes.place.key, Options: l.options(c.rawOptions, "")}},
	}
	for _, s := range c.Sites.v {
		cfg.Sites = append(cfg.Sites, Site{
			Key: s.key, Hosts: s.hosts, Routes: l.routes(s.raw.Routes.v, s.key), Pos: s.place.key, Options: l.options(s.options, s.key),
		})
	}
	return cfg
}

// routes are those of the site with this key.
func (l *loader) routes(named []namedRoute, site string) []Route {
	routes := make([]Route, 0, len(named))
	for _, n := range named {
		r := Route{Pattern: n.pattern, Pos: n.place.key, Options: l.options(*n.options, site)}
		n.raw.setHandler(&r)
		if n.raw.runsFromPath() && r.Options.Dir == "" {
			r.Options.Dir = l.dir
		}
		if !n.options.MaxRunning.given {
			r.Options.MaxRunning = r.running()
		}
		if r.FastCGI != nil && r.FastCGI.Run != nil {
			delete(r.Options.Env, phpChildren)
			r.Options.PassEnv = slices.DeleteFunc(r.Options.PassEnv, func(name string) bool { return name == phpChildren })
		}
		l.refersToWorkers(&r)
		routes = append(routes, r)
	}
	return routes
}

// runsFromPath says whether the program comes from PATH, where it has no folder that is worth working in.
func (r *rawRoute) runsFromPath() bool {
	if r.CGI != nil {
		return r.CGI.Run.inPath && !r.CGI.Root.given
	}
	app := r.application()
	return app != nil && app.Run.inPath && !app.Root.given
}

// running is how many requests are at work at once unless max_running says otherwise; 0: none.
func (r *Route) running() int {
	switch {
	case r.CGI != nil:
		return runningPerCPU * runtime.NumCPU()
	case r.FastCGI != nil:
		return r.FastCGI.Workers * r.FastCGI.Concurrency
	}
	return 0
}

func (r *rawRoute) setHandler(to *Route) {
	switch {
	case r.Static != nil:
		s := r.Static
		to.Handler = "static"
		to.Static = &Static{
			Root: s.Root.v, Index: s.Index.v, Browse: s.Browse.v, Precompressed: s.Precompressed.v,
			CacheControl: s.CacheControl.v, Hidden: s.Hidden.v, Symlinks: s.Symlinks.v,
		}
	case r.CGI != nil:
		c := r.CGI
		to.Handler = "cgi"
		to.CGI = &CGI{
			Run: c.Run.v, RunDir: c.Run.dir, Root: c.Root.v, Ext: c.Ext.v, Index: c.Index.v, Fallback: c.Fallback.v, Hidden: c.Hidden.v,
			Symlinks: c.Symlinks.v, Interpreters: c.Interpreters.v, MaxHeader: c.MaxHeader.v, StopTimeout: c.StopTimeout.v, Sendfile: c.Sendfile.v,
		}
	case r.FastCGI != nil:
		to.Handler = "fastcgi"
		to.FastCGI = r.FastCGI.plain()
	case r.PHP != nil:
		to.Handler = "php"
		to.FastCGI = r.PHP.fastCGI().plain()
	case r.WSGI != nil:
		to.Handler = "wsgi"
		to.WSGI, to.FastCGI = r.WSGI.plain(), r.WSGI.fastCGI().plain()
	case r.Redirect != nil:
		to.Handler = "redirect"
		to.Redirect = &Redirect{To: r.Redirect.To.v, Status: r.Redirect.Status.v}
	case r.Respond != nil:
		to.Handler = "respond"
		to.Respond = &Respond{Status: r.Respond.Status.v, Body: r.Respond.Body.v}
	}
}

// options is o with its defaults, as a Config has it, for the site with this key. Maps are copied: each route owns its
// own.
func (l *loader) options(o rawOptions, site string) Options {
	l.defaults(&o)
	l.defaults(&o.Queue.v)
	out := Options{
		Env: maps.Clone(o.Env.v), PassEnv: slices.Clone(o.PassEnv.v), Dir: o.Dir.v,
		Timeout: o.Timeout.v, IdleTimeout: o.IdleTimeout.v, MaxBody: o.MaxBody.v, StreamBody: o.Buffer.v == unlimited,
		PassAuthorization: o.PassAuthorization.v,
		Headers:           Headers{Set: maps.Clone(o.Headers.Set.v), Remove: slices.Clone(o.Headers.Remove.v)},
		User:              o.User.v, Rlimits: o.Rlimits.v.plain(), Priority: o.Priority.v, ServerTiming: o.ServerTiming.v,
		MaxRunning: o.MaxRunning.v, Queue: o.Queue.plain(),
		Auth: o.Auth.plain(site), Allow: slices.Clone(o.Allow.v), Deny: slices.Clone(o.Deny.v), ErrorPages: maps.Clone(o.ErrorPages.v),
	}
	if o.Umask.given {
		out.Umask = new(o.Umask.v)
	}
	return out
}
