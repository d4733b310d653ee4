package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway/admin"
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

// Twenty signals at once are one reload, or two if the first had begun.
func TestManyReloadsAtOnce(t *testing.T) {
	const conf = "admin: unix:./admin.sock\nroutes: { /a: { respond: %d } }\n"
	dir := openTempDir(t)
	s := serveConfig(t, dir, fmt.Sprintf(conf, 204))
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), fmt.Sprintf(conf, 200), 0o644)
	for range 20 {
		s.cmd.Process.Signal(syscall.SIGHUP)
		time.Sleep(500 * time.Microsecond)
	}
	if _, err := s.stderr.await(regexp.MustCompile(`reloaded: generation 2: 1 changed`), 0, s.ended); err != nil {
		t.Fatal(err)
	}
	get(t, s.url+"/a", 200)
	if text, err := admin.Call(filepath.Join(dir, "admin.sock"), "POST", "/reload"); err != nil || !strings.Contains(text, "generation 2: nothing has changed") {
		t.Errorf("%q, %v", text, err)
	}
	if n := strings.Count(s.stderr.String(), "reloaded: generation 2: 1 changed"); n != 1 {
		t.Errorf("applied %d times", n)
	}
}
