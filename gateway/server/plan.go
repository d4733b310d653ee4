package server

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gatewayd/gateway/config"
)

// Plan is what is different between two generations.
type Plan struct {
	Generation uint64

	Added, Removed, Changed []string // routes, by site and pattern
	Kept                    int      // routes that go on as they are

	PoolsKept, PoolsStarted, PoolsRestarted, PoolsDrained []string // of workers, by program

	ListenersAdded, ListenersRemoved []string

	Other []string // top-level keys that have changed
}

func (s *Server) plan(previous, next *Generation) *Plan {
	p := &Plan{Generation: next.Number}
	if previous == nil {
		return p
	}
	p.routes(previous, next)
	p.pools(previous, next, s.outdated(next))
	p.listeners(previous.Config, next.Config)
	p.others(previous.Config, next.Config)
	return p
}

// sameRoute compares all but the place in the file.
func sameRoute(a, b *config.Route) bool {
	x, y := *a, *b
	x.Pos, y.Pos = config.Pos{}, config.Pos{}
	return reflect.DeepEqual(x, y)
}

func (p *Plan) routes(previous, next *Generation) {
	for key, r := range next.byKey {
		switch old := previous.byKey[key]; {
		case old == nil:
			p.Added = append(p.Added, r.name())
		case old != r:
			p.Changed = append(p.Changed, r.name())
		default:
			p.Kept++
		}
	}
	for key, r := range previous.byKey {
		if next.byKey[key] == nil {
			p.Removed = append(p.Removed, r.name())
		}
	}
	for _, names := range [][]string{p.Added, p.Removed, p.Changed} {
		slices.Sort(names)
	}
}

// name is how the route is called in front of people.
func (r *route) name() string { return strings.TrimPrefix(r.key, " ") }

// programs are those of a Generation's own workers, by the keys of their pools.
func (g *Generation) programs() map[string]string {
	all := map[string]string{}
	for _, r := range g.byKey {
		if r.workers != nil {
			all[r.workers.key] = r.workers.spec.Program()
		}
	}
	return all
}

func (p *Plan) pools(previous, next *Generation, outdated map[string]*workers) {
	before, after := previous.programs(), next.programs()
	for key, program := range after {
		switch {
		case outdated[key] != nil:
			p.PoolsRestarted = append(p.PoolsRestarted, program)
		case before[key] != "":
			p.PoolsKept = append(p.PoolsKept, program)
		default:
			p.PoolsStarted = append(p.PoolsStarted, program)
		}
	}
	for key, program := range before {
		if after[key] == "" {
			p.PoolsDrained = append(p.PoolsDrained, program)
		}
	}
	for _, names := range [][]string{p.PoolsKept, p.PoolsStarted, p.PoolsRestarted, p.PoolsDrained} {
		slices.Sort(names)
	}
}

func (p *Plan) listeners(before, after *config.Config) {
	old, now := keys(before.Listen), keys(after.Listen)
	for i, key := range now {
		if !slices.Contains(old, key) {
			p.ListenersAdded = append(p.ListenersAdded, after.Listen[i].Address)
		}
	}
	for i, key := range old {
		if !slices.Contains(now, key) {
			p.ListenersRemoved = append(p.ListenersRemoved, before.Listen[i].Address)
		}
	}
}

func (p *Plan) others(before, after *config.Config) {
	for _, o := range []struct {
		key  string
		same bool
	}{
		{"http", before.HTTP == after.HTTP},
		{"log", before.Log == after.Log},
		{"admin", reflect.DeepEqual(before.Admin, after.Admin)},
		{"trusted_proxies", reflect.DeepEqual(before.TrustedProxies, after.TrustedProxies)},
		{"temp", before.Temp == after.Temp},
		{"start_timeout", before.StartTimeout == after.StartTimeout},
		{"drain_timeout", before.DrainTimeout == after.DrainTimeout},
	} {
		if !o.same {
			p.Other = append(p.Other, o.key)
		}
	}
}

// String is the Plan in one line.
func (p *Plan) String() string {
	generation := fmt.Sprintf("generation %d", p.Generation)
	if parts := p.changes(); len(parts) > 0 {
		return generation + ": " + strings.Join(parts, ", ")
	}
	return generation
}

// changes are what is different, in a few words each.
func (p *Plan) changes() (parts []string) {
	add := func(format string, n int) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	add("+%d "+plural("route", p.Added), len(p.Added))
	add("-%d "+plural("route", p.Removed), len(p.Removed))
	add("%d changed", len(p.Changed))
	if len(p.PoolsStarted)+len(p.PoolsRestarted)+len(p.PoolsDrained) > 0 {
		add("%d "+plural("pool", p.PoolsKept)+" kept", len(p.PoolsKept))
		add("%d started", len(p.PoolsStarted))
		add("%d restarted", len(p.PoolsRestarted))
		add("%d draining", len(p.PoolsDrained))
	}
	for _, l := range p.ListenersAdded {
		parts = append(parts, "+listener "+l)
	}
	for _, l := range p.ListenersRemoved {
		parts = append(parts, "-listener "+l)
	}
	if len(p.Other) > 0 {
		parts = append(parts, strings.Join(p.Other, " and ")+" changed")
	}
	return parts
}

func plural(word string, of []string) string {
	if len(of) == 1 {
		return word
	}
	return word + "s"
}

// Lines is the Plan at length, a line for each thing that would happen.
func (p *Plan) Lines() string {
	if len(p.changes()) == 0 {
		return "nothing would change\n"
	}
	var b strings.Builder
	for _, part := range []struct {
		what  string
		names []string
	}{
		{"add route", p.Added}, {"remove route", p.Removed}, {"change route", p.Changed},
		{"keep workers of", p.PoolsKept}, {"start workers of", p.PoolsStarted}, {"restart workers of", p.PoolsRestarted}, {"drain workers of", p.PoolsDrained},
		{"listen on", p.ListenersAdded}, {"close listener", p.ListenersRemoved}, {"change", p.Other},
	} {
		for _, name := range part.names {
			fmt.Fprintf(&b, "%s %s\n", part.what, name)
		}
	}
	fmt.Fprintf(&b, "%s\n", p)
	return b.String()
}
