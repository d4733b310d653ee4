package fastcgi

import (
	"gatewayd/gateway/config"
	"gatewayd/gateway/program"
)

// Setup makes the Options of a route, but for Upstream and Gate. software is SERVER_SOFTWARE.
func Setup(c *config.FastCGI, o *config.Options, software string) Options {
	opt := Options{
		Env:            program.Env(o, software),
		Root:           c.Root,
		WorkerRoot:     c.WorkerRoot,
		MaxHeader:      c.MaxHeader,
		ConnectTimeout: c.ConnectTimeout,
		StopTimeout:    c.StopTimeout,
		Script:         c.Root != "" && len(c.Ext) > 0,
	}
	if len(c.Run) > 0 {
		opt.User = program.Spec(o).User
	}
	return opt
}
