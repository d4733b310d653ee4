package config

import (
	"maps"
	"reflect"
	"slices"
)

// mergeLevels gives each site and route the options of their levels as one, and checks what concerns several of them.
func (l *loader) mergeLevels(c *rawConfig) {
	told := map[Pos]bool{}
	l.checkAccess(&c.rawOptions, &c.rawOptions)
	l.mergeRoutes(c.Routes.v, &c.rawOptions, told)
	for i := range c.Sites.v {
		s := &c.Sites.v[i]
		s.options = inherit(&c.rawOptions, &s.raw.rawOptions)
		l.checkAccess(&s.raw.rawOptions, &s.options)
		l.mergeRoutes(s.raw.Routes.v, &s.options, told)
	}
}

func (l *loader) mergeRoutes(routes []namedRoute, above *rawOptions, told map[Pos]bool) {
	for i := range routes {
		r := &routes[i]
		options := inherit(above, &r.raw.rawOptions)
		r.options = &options
		l.checkAccess(&r.raw.rawOptions, r.options)
		l.warnOfPrograms(r, told)
	}
}

// warnOfPrograms is about options that could not be meant, or not work, as a route has them. In told it notes where they
// stand: many routes inherit them, and one word is enough.
func (l *loader) warnOfPrograms(r *namedRoute, told map[Pos]bool) {
	o, app := r.options, r.raw.application()
	warn := func(p place, format string, args ...any) {
		if !told[p.key] {
			told[p.key] = true
			l.warn(p, format, args...)
		}
	}
	if app != nil {
		l.warnOfPHP(app, o, warn)
	}
	if !r.raw.startsPrograms() {
		return
	}
	if processes := o.Rlimits.v.Processes; processes.v > 0 && !o.User.given {
		warn(processes.place, "this counts all processes of the user that runs gatewayd, and its own threads; give the programs a user of their own with user")
	}
	if o.Priority.v < 0 && l.accounts.uid != 0 {
		warn(o.Priority.place, "only root can start programs with a priority below 0, and this is uid %d: run by it, they could not be started", l.accounts.uid)
	}
}

// checkAccess wants an allow to have an effect: deny wins, also one that stands at a farther level. merged is near with
// those levels.
func (l *loader) checkAccess(near, merged *rawOptions) {
	if len(near.Allow.v) > 0 && isEverybody(merged.Deny.v) {
		l.errorAtKey(near.Allow.place, "nobody would be let in, since deny (line %d) has every address, and wins; allow alone keeps all others out, so take that deny out, or write deny: [] beside allow", merged.Deny.place.key.Line)
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
	out.Env.places = merged(far.Env.places, near.Env.places)
	out.Headers.Set.v, out.Headers.Remove.v = mergeHeaders(far.Headers, near.Headers)
	return out
}

// merged has the keys of both; near wins. It may be far itself, so nobody may write to it.
func merged[T any](far, near map[string]T) map[string]T {
	if len(near) == 0 {
		return far
	}
	out := maps.Clone(far)
	if out == nil {
		out = map[string]T{}
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
