package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// However many reloads are asked for, and however long one takes, SIGTERM arrives.
func TestStopInAStormOfReloads(t *testing.T) {
	var conf strings.Builder
	conf.WriteString("admin: off\nroutes:\n")
	for i := range 2000 {
		fmt.Fprintf(&conf, "  /r%d/*: { respond: { status: 200, body: hello } }\n", i)
	}
	s := serveConfig(t, t.TempDir(), conf.String()) // at the end of the test it must stop
	for range 100 {
		s.cmd.Process.Signal(syscall.SIGHUP)
		time.Sleep(2 * time.Millisecond) // what comes at once, the kernel joins
	}
}
