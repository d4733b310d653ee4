package cgi

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
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
	}
	if len(c.Run) > 0 && !c.RunDir {
		opt.Command = c.Run
		if opt.Dir == "" && c.Root == "" {
			opt.Dir = filepath.Dir(c.Run[0])
		}
	}
	return opt
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
