package cgi

import (
	"path/filepath"

	"gatewayd/gateway/config"
	"gatewayd/gateway/program"
)

// Setup makes the Options of a route. software is SERVER_SOFTWARE.
func Setup(c *config.CGI, o *config.Options, software string) Options {
	spec := program.Spec(o)
	opt := Options{
		Interpreters: c.Interpreters,
		Dir:          spec.Dir,
		Env:          program.Env(o, software),
		MaxHeader:    c.MaxHeader,
		StopTimeout:  c.StopTimeout,
		Timeout:      o.Timeout,
		User:         spec.User,
		Limits:       spec.Limits,
		Umask:        spec.Umask,
		Priority:     spec.Priority,
	}
	if len(c.Run) > 0 && !c.RunDir {
		opt.Command = c.Run
		if opt.Dir == "" && c.Root == "" {
			opt.Dir = filepath.Dir(c.Run[0])
		}
	}
	return opt
}
