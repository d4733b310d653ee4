package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// A log that nobody reads any more is no reason to end.
func TestStandardErrorWithoutAReader(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "gatewayd.yaml"), []byte("admin: off\nroutes: { /*: { respond: { status: 200, body: hello } } }\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	program, err := exec.LookPath("gatewayd")
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{cmd: exec.Command(program, "run", "--listen", "127.0.0.1:0"), ended: make(chan struct{})}
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = dir, &d.stdout, writer
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writer.Close()
	reader.Close()
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	line, err := d.stdout.await(regexp.MustCompile(`listening on \S+\n`), 0, d.ended)
	if err != nil {
		d.stop(syscall.SIGKILL)
		t.Fatal(err)
	}
	url := strings.TrimPrefix(strings.TrimSpace(line), "listening on ")
	for range 3 { // each of them makes a line of the access log
		resp, err := http.Get(url)
		if err != nil {
			t.Error(err)
			break
		}
		resp.Body.Close()
	}
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}
