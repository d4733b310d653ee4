package cgi

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
	"gatewayd/gateway/process"
)

// Setup makes the Options of a route. software is SERVER_SOFTWARE. The variables named by pass_env are read now: those
// that are not set are left out.
func Setup(c *config.CGI, o *config.Options, software string) Options {
	opt := Options{
		Interpreters: c.Interpreters,
		Dir:          o.Dir,
		Env:          Env(o, software),
		MaxHeader:    c.MaxHeader,
		StopTimeout:  c.StopTimeout,
		Timeout:      o.Timeout,
		User:         user(o.User),
		Limits:       limits(&o.Rlimits),
		Umask:        o.Umask,
		Priority:     o.Priority,
	}
	if len(c.Run) > 0 && !c.RunDir {
		opt.Command = c.Run
		if opt.Dir == "" && c.Root == "" {
			opt.Dir = filepath.Dir(c.Run[0])
		}
	}
	return opt
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

// Env is what a route adds to every request's variables.
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
