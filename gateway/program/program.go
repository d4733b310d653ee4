// Package program is what the options of a route say of a program, whoever starts it: its variables, its user, its
// limits. It turns config's words into those of cgispec and process.
package program

import (
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
	"gatewayd/gateway/process"
)

// Spec is the part of a process.Spec that the options decide: Dir, User, Limits, Umask and Priority.
func Spec(o *config.Options) process.Spec {
	return process.Spec{Dir: o.Dir, User: user(o.User), Limits: limits(&o.Rlimits), Umask: o.Umask, Priority: o.Priority}
}

func user(u *config.User) *process.User {
	if u == nil {
		return nil
	}
	return &process.User{Name: u.Name, UID: u.UID, GID: u.GID, Groups: u.Groups}
}

func limits(r *config.Rlimits) (all []process.Limit) {
	for _, l := range []struct {
		resource int
		max      *uint64
	}{
		{unix.RLIMIT_CPU, r.CPU}, {unix.RLIMIT_AS, r.Memory}, {unix.RLIMIT_NOFILE, r.Files}, {unix.RLIMIT_NPROC, r.Processes}, {unix.RLIMIT_CORE, r.Core},
	} {
		if l.max != nil { // config.Unlimited is RLIM_INFINITY
			all = append(all, process.Limit{Resource: l.resource, Max: *l.max})
		}
	}
	return all
}

// Environ is the environment of a program that outlives requests: what the route adds, and PATH.
func Environ(env *cgispec.Env) (list []string) {
	seen := map[string]bool{}
	add := func(v cgispec.Var) {
		if !seen[v.Name] {
			seen[v.Name] = true
			list = append(list, v.Name+"="+v.Value)
		}
	}
	for _, v := range env.Set {
		add(v)
	}
	for _, v := range env.Pass {
		add(v)
	}
	add(cgispec.Var{Name: "PATH", Value: cgispec.DefaultPath})
	return list
}

// Env is what a route adds to every request's variables; software is SERVER_SOFTWARE. The variables named by pass_env
// are read now: those that are not set are left out.
func Env(o *config.Options, software string) cgispec.Env {
	env := cgispec.Env{PassAuthorization: o.PassAuthorization, Software: software}
	for _, name := range slices.Sorted(maps.Keys(o.Env)) {
		env.Set = append(env.Set, cgispec.Var{Name: name, Value: o.Env[name]})
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(o.PassEnv))) {
		if value, ok := os.LookupEnv(name); ok {
			env.Pass = append(env.Pass, cgispec.Var{Name: name, Value: value})
		}
	}
	return env
}
