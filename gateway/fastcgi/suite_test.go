package fastcgi

import (
	"fmt"
	"testing"

	"gatewayd/gateway/admission"
	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/upstream"
)

func TestBackend(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		for _, keep := range []int{0, 4} {
			for _, serial := range []bool{false, true} {
				if serial && (network == "tcp" || keep == 0) {
					continue // tells nothing new
				}
				t.Run(fmt.Sprintf("%s, keep %d, serial %v", network, keep, serial), func(t *testing.T) {
					backendtest.Run(t, func(t *testing.T) backendtest.Subject { return subject(t, network, keep, serial) })
				})
			}
		}
	}
}

// subject is the suite's program behind a Backend; serial: it takes one request after the other.
func subject(t *testing.T, network string, keep int, serial bool) backendtest.Subject {
	l, address := listen(t, network)
	app := startApp(l, serial)
	up := upstream.NewFixed([]upstream.Address{address}, keep)
	env := cgispec.Env{Set: []cgispec.Var{{Name: "TZ", Value: "UTC"}}, Software: "gatewayd/test"}
	opt := Options{Upstream: up, Env: env}
	s := backendtest.Subject{
		Script:    cgispec.Script{Filename: "/srv/app.fcgi", Root: "/srv"},
		Env:       &env,
		MaxHeader: 64 << 10,
	}
	if serial {
		s.AtOnce = 1
		opt.Gate = admission.New(admission.Limits{Running: 1, Queue: 1000})
	}
	b := New(opt)
	s.Backend = b
	s.Idle = func() bool { return b.Running() == 0 }
	s.Close = func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		up.Close()
		app.close()
	}
	return s
}
