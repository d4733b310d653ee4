package config

import (
	"maps"
	"reflect"
	"slices"
)

// build makes the Config of what was read. What it makes is of use only when nothing was wrong.
func (l *loader) build(c *rawConfig) *Config {
	if l.problems.Failed() {
		return nil
	}
	l.defaults(&c.Log)
	l.defaults(&c.HTTP)
	cfg := &Config{
		File: l.file, Dir: l.dir,
		Listen: c.Listen.v, Admin: c.Admin.v, TrustedProxies: c.TrustedProxies.v, Temp: c.Temp.v,
		DrainTimeout: c.DrainTimeout.v, StartTimeout: c.StartTimeout.v,
		Log: Log{Level: c.Log.Level.v, Format: c.Log.Format.v, Output: c.Log.Output.v, Access: c.Log.Access.v, AccessOutput: c.Log.AccessOutput.v},
		HTTP: HTTP{
			HeaderTimeout: c.HTTP.HeaderTimeout.v, BodyTimeout: c.HTTP.BodyTimeout.v, SendTimeout: c.HTTP.SendTimeout.v, IdleTimeout: c.HTTP.IdleTimeout.v,
			MaxHeader: c.HTTP.MaxHeader.v, MaxHeaders: c.HTTP.MaxHeaders.v, MaxURI: c.HTTP.MaxURI.v,
		},
		Sites: []Site{{Routes: l.routes(c.Routes.v, &c.rawOptions), Pos: c.Routes.place.key, Options: l.ofSite(c.rawOptions)}},
	}
	for _, s := range c.Sites.v {
		options := inherit(&c.rawOptions, &s.raw.rawOptions)
		cfg.Sites = append(cfg.Sites, Site{Key: s.key, Hosts: s.hosts, Routes: l.routes(s.raw.Routes.v, &options), Pos: s.place.key, Options: l.ofSite(options)})
	}
	return cfg
}

// ofSite is what the options of a site are for what none of its routes takes.
func (l *loader) ofSite(options rawOptions) Options {
	l.defaults(&options)
	return options.plain()
}

func (l *loader) routes(named []namedRoute, above *rawOptions) []Route {
	routes := make([]Route, 0, len(named))
	for _, n := range named {
		options := inherit(above, &n.raw.rawOptions)
		l.defaults(&options)
		r := Route{Pattern: n.pattern, Pos: n.place.key, Options: options.plain()}
		n.raw.setHandler(&r)
		if c := n.raw.CGI; c != nil && c.Run.inPath && !c.Root.given && r.Options.Dir == "" {
			r.Options.Dir = l.dir
		}
		routes = append(routes, r)
	}
	return routes
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
	case r.Redirect != nil:
		to.Handler = "redirect"
		to.Redirect = &Redirect{To: r.Redirect.To.v, Status: r.Redirect.Status.v}
	case r.Respond != nil:
		to.Handler = "respond"
		to.Respond = &Respond{Status: r.Respond.Status.v, Body: r.Respond.Body.v}
	}
}

// inherit gives the options of two levels as one: those of the nearer win, env and headers merge by key. Neither is
// changed.
func inherit(far, near *rawOptions) rawOptions {
	out := *far
	from, to := reflect.ValueOf(near).Elem(), reflect.ValueOf(&out).Elem()
	for i := range from.NumField() {
		if lf, ok := from.Field(i).Addr().Interface().(leaf); ok && lf.isGiven() {
			to.Field(i).Set(from.Field(i))
		}
	}
	out.Env.v = merged(far.Env.v, near.Env.v)
	out.Headers.Set.v, out.Headers.Remove.v = mergeHeaders(far.Headers, near.Headers)
	return out
}

// merged has the keys of both; near wins. It may be far itself, so nobody may write to it.
func merged(far, near map[string]string) map[string]string {
	if len(near) == 0 {
		return far
	}
	out := maps.Clone(far)
	if out == nil {
		out = map[string]string{}
	}
	maps.Copy(out, near)
	return out
}

// mergeHeaders lets a nearer level set what a farther one removes, and the other way round.
func mergeHeaders(far, near rawHeaders) (set map[string]string, remove []string) {
	for _, name := range far.Remove.v {
		if _, again := near.Set.v[name]; !again {
			remove = append(remove, name)
		}
	}
	for _, name := range near.Remove.v {
		if !slices.Contains(remove, name) {
			remove = append(remove, name)
		}
	}
	set = merged(far.Set.v, near.Set.v)
	for _, name := range near.Remove.v {
		if _, ok := set[name]; ok {
			set = maps.Clone(set)
			delete(set, name)
		}
	}
	return set, remove
}

// plain is the options as a Config has them. Maps are copied: each route owns its own.
func (o *rawOptions) plain() Options {
	return Options{
		Env: maps.Clone(o.Env.v), PassEnv: slices.Clone(o.PassEnv.v), Dir: o.Dir.v,
		Timeout: o.Timeout.v, IdleTimeout: o.IdleTimeout.v, MaxBody: o.MaxBody.v, PassAuthorization: o.PassAuthorization.v,
		Headers: Headers{Set: maps.Clone(o.Headers.Set.v), Remove: slices.Clone(o.Headers.Remove.v)},
	}
}
