package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fpmProgram is Debian's php-fpm.
const fpmProgram = "/usr/sbin/php-fpm8.2"

// fpm is a php-fpm of a test's own, whose children run as www-data.
type fpm struct {
	t       *testing.T
	dir     string
	address string // for `connect`
	cmd     *exec.Cmd
	ended   chan struct{}
	output  notedOutput
}

// startFPM starts php-fpm on a unix socket, or on a port of 127.0.0.1, with more lines in its pool; it is ended with the test.
func startFPM(t *testing.T, network, pool string) *fpm {
	t.Helper()
	needRoot(t)
	f := &fpm{t: t, dir: openTempDir(t)}
	listen := filepath.Join(f.dir, "fpm.sock")
	f.address = "unix:" + listen
	if network == "tcp" {
		listen = freePort(t)
		f.address = "tcp:" + listen
	}
	writeTestFile(t, filepath.Join(f.dir, "fpm.conf"), fmt.Sprintf(`[global]
error_log = %s/fpm.log
daemonize = no
[test]
user = www-data
group = www-data
listen = %s
listen.mode = 0600
pm = static
pm.max_children = 4
catch_workers_output = yes
clear_env = yes
%s
`, f.dir, listen, pool), 0o644)
	f.start()
	t.Cleanup(func() {
		f.stop()
		if t.Failed() {
			log, _ := os.ReadFile(filepath.Join(f.dir, "fpm.log"))
			t.Logf("php-fpm wrote:\n%s%s", f.output.String(), last(string(log), 4<<10))
		}
	})
	return f
}

// start returns once php-fpm accepts connections.
func (f *fpm) start() {
	f.t.Helper()
	f.ended = make(chan struct{})
	f.cmd = exec.Command(fpmProgram, "--nodaemonize", "--fpm-config", filepath.Join(f.dir, "fpm.conf"))
	f.cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	f.cmd.Stdout, f.cmd.Stderr = &f.output, &f.output
	f.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that all of it can be ended
	if err := f.cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, ended chan struct{}) {
		cmd.Wait()
		close(ended)
	}(f.cmd, f.ended)
	for deadline := time.Now().Add(patience); !f.accepts(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("php-fpm did not start: %s", f.output.String())
		}
	}
}

func (f *fpm) accepts() bool {
	network, address, _ := strings.Cut(f.address, ":")
	conn, err := net.DialTimeout(network, address, patience)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// stop ends php-fpm by SIGTERM, which takes no regard of requests.
func (f *fpm) stop() {
	f.t.Helper()
	syscall.Kill(f.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-f.ended:
	case <-time.After(patience):
		syscall.Kill(-f.cmd.Process.Pid, syscall.SIGKILL)
		<-f.ended
		f.t.Error("php-fpm did not end")
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, as scripts/test.sh does")
	}
}

// openTempDir is a directory for the length of a test that other users can look into, with a name short enough for sockets.
func openTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// freePort is an address of 127.0.0.1 that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
