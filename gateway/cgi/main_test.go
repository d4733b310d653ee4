package cgi

import (
	"os"
	"os/signal"
	"syscall"
	"testing"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/process"
)

// TestMain makes the test binary its own CGI program.
func TestMain(m *testing.M) {
	process.Shim()
	if os.Getenv("GATEWAY_INTERFACE") != "" {
		backendtest.CGIProgram()
	}
	process.SealInherited()
	// Under nohup, or in the background of a script, the tests are started with these ignored, and so would their
	// children be. gatewayd takes both over.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	os.Exit(m.Run())
}

func TestBackend(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	backendtest.Run(t, func(t *testing.T) backendtest.Subject {
		env := cgispec.Env{Set: []cgispec.Var{{Name: "TZ", Value: "UTC"}}, Software: "gatewayd/test"}
		b := New(Options{Env: env})
		return backendtest.Subject{
			Backend:   b,
			Script:    cgispec.Script{Filename: self, Root: "/"},
			Env:       &env,
			MaxHeader: 64 << 10,
			Idle:      func() bool { return b.Running() == 0 },
			Close:     func() { b.Close() },
			Exits:     true,
		}
	})
}
