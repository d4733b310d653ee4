package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway/admin"
)

// activated is a gatewayd that was started as systemd does it: with sockets that are open already, and told where to say
// how it is.
type activated struct {
	*daemon
	t        *testing.T
	dir      string
	notified *net.UnixConn
}

func activate(t *testing.T, dir, conf string, listeners ...net.Listener) *activated {
	t.Helper()
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), conf, 0o644)
	a := &activated{daemon: &daemon{ended: make(chan struct{})}, t: t, dir: dir}
	place := filepath.Join(dir, "notify.sock")
	var err error
	if a.notified, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram", Name: place}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.notified.Close() })
	program, err := exec.LookPath("gatewayd")
	if err != nil {
		t.Fatal(err)
	}
	a.cmd = exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" run`, program)
	for _, l := range listeners {
		file, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		a.cmd.ExtraFiles = append(a.cmd.ExtraFiles, file)
	}
	a.cmd.Dir, a.cmd.Stderr, a.cmd.Stdout = dir, &a.stderr, &a.stdout
	a.cmd.Env = append(os.Environ(), fmt.Sprintf("LISTEN_FDS=%d", len(listeners)), "NOTIFY_SOCKET="+place)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		a.err = a.cmd.Wait()
		close(a.ended)
	}()
	t.Cleanup(func() { // of a test that has failed, which has not stopped it
		if a.cmd != nil && t.Failed() {
			a.stop(syscall.SIGKILL)
		}
	})
	return a
}

// says waits for the next notice, which must match, and returns its groups.
func (a *activated) says(want string) []string {
	a.t.Helper()
	said := make([]byte, 1000)
	a.notified.SetReadDeadline(time.Now().Add(patience))
	n, err := a.notified.Read(said)
	m := regexp.MustCompile(want).FindStringSubmatch(string(said[:n]))
	if err != nil || m == nil {
		a.t.Fatalf("notified: %q, %v; want %s\n%s", said[:n], err, want, a.stderr.String())
	}
	return m
}

func (a *activated) ask(path string) error {
	_, err := admin.Call(filepath.Join(a.dir, "admin.sock"), http.MethodPost, path)
	return err
}

func listenForTest(t *testing.T, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// TestSocketActivation: of two sockets one is named by the config and serves who has waited there, the other is closed.
func TestSocketActivation(t *testing.T) {
	named, other := listenForTest(t, "tcp", "127.0.0.1:0"), listenForTest(t, "tcp", "127.0.0.1:0")
	addr := named.Addr().String()
	early, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer early.Close()
	io.WriteString(early, "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	a := activate(t, openTempDir(t), fmt.Sprintf("admin: off\nlisten: %q\nroutes: { /a: { respond: 204 } }\n", addr), named, other)
	a.says("^READY=1$")
	early.SetReadDeadline(time.Now().Add(patience))
	if answer, err := io.ReadAll(early); err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 204") {
		t.Errorf("%q, %v", answer, err)
	}
	if _, err := a.stderr.await(regexp.MustCompile("a listening socket was inherited that `listen` does not name"), 0, a.ended); err != nil {
		t.Error(err)
	}
	if err := a.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	a.says("^STOPPING=1$")
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		t.Fatalf("the socket is no longer systemd's: %v", err)
	}
	conn.Close()
}

// TestReloadIsNotified: systemd learns that a reload has begun, and when, and that it is over, also of one that changes
// nothing because the file is broken.
func TestReloadIsNotified(t *testing.T) {
	l := listenForTest(t, "tcp", "127.0.0.1:0")
	conf := fmt.Sprintf("admin: unix:./admin.sock\nlisten: %q\nroutes: { /a: { respond: 204 } }\n", l.Addr())
	a := activate(t, openTempDir(t), conf, l)
	a.says("^READY=1$")
	last := 0
	for _, signal := range []bool{false, true} {
		if signal {
			syscall.Kill(a.cmd.Process.Pid, syscall.SIGHUP)
		} else if err := a.ask("/reload"); err != nil {
			t.Error(err)
		}
		at, _ := strconv.Atoi(a.says(`^RELOADING=1\nMONOTONIC_USEC=(\d+)\n$`)[1])
		if at <= last {
			t.Errorf("%d after %d", at, last)
		}
		last = at
		a.says("^READY=1$")
	}
	writeTestFile(t, filepath.Join(a.dir, "gatewayd.yaml"), conf+"routs: {}\n", 0o644) // the watch sees it
	a.says("^RELOADING=1\n")
	a.says("^READY=1$")
	if err := a.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	a.says("^STOPPING=1$")
}

// TestUpgradeLeavesTheSocketOfSystemd: the file of a unix socket that systemd has made outlives every gatewayd, those
// that got it from another gatewayd too.
func TestUpgradeLeavesTheSocketOfSystemd(t *testing.T) {
	dir := openTempDir(t)
	path := filepath.Join(dir, "http.sock")
	l := listenForTest(t, "unix", path)
	a := activate(t, dir, "admin: unix:./admin.sock\nlisten: unix:./http.sock\nroutes: { /a: { respond: 204 } }\n", l)
	a.says("^READY=1$")
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}}
	pid := a.cmd.Process.Pid
	for range 2 {
		old := pid
		if err := a.ask("/upgrade"); err != nil {
			t.Fatal(err)
		}
		pid, _ = strconv.Atoi(a.says(`^MAINPID=(\d+)\nREADY=1$`)[1])
		if err := awaitGone(old); err != nil {
			t.Error(err)
		}
		if resp, err := client.Get("http://h/a"); err != nil || resp.StatusCode != 204 {
			t.Errorf("%+v, %v", resp, err)
		}
	}
	children := descendants(pid)
	syscall.Kill(pid, syscall.SIGTERM)
	a.says("^STOPPING=1$")
	for _, pid := range append(children, pid) {
		if err := awaitGone(pid); err != nil {
			t.Error(err)
		}
	}
	<-a.ended
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the socket of systemd is gone: %v", err)
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("nobody listens: %v", err)
	} else {
		conn.Close()
	}
	if a.err != nil {
		t.Error(a.err)
	}
}
