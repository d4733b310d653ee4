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
	"gatewayd/gateway/loadclient"
)

// upgraded is a gatewayd whose program file can be replaced. Its process is another one after each upgrade.
type upgraded struct {
	t       *testing.T
	dir     string
	program string
	url     string
	first   *daemon
	pid     int
}

func serveUpgradable(t *testing.T, conf string, flags ...string) *upgraded {
	t.Helper()
	return serveInstalled(t, (*upgraded).install, conf, flags...)
}

func serveInstalled(t *testing.T, install func(*upgraded), conf string, flags ...string) *upgraded {
	t.Helper()
	dir := openTempDir(t)
	u := &upgraded{t: t, dir: dir, program: filepath.Join(dir, "gatewayd")}
	install(u)
	compileC(t, dir)
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), "admin: unix:./admin.sock\nlog: { access: off }\n"+conf, 0o644)
	temp := t.TempDir()
	env := []string{"PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + temp, "XDG_RUNTIME_DIR=" + dir}
	d, urls, err := startDaemon(u.program, dir, env, strings.Count(conf, "127.0.0.1:0")+strings.Count(conf, "unix:./http"), append([]string{"run"}, flags...)...)
	if err != nil {
		t.Fatal(err)
	}
	u.first, u.url, u.pid = d, urls[0], d.cmd.Process.Pid
	t.Cleanup(func() {
		children := descendants(u.pid)
		syscall.Kill(u.pid, syscall.SIGTERM)
		for _, pid := range append(children, u.pid, d.cmd.Process.Pid) {
			if err := awaitGone(pid); err != nil {
				t.Error(err)
				syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		<-d.ended // when the last process has closed the output that it has from the first
		if d.err != nil {
			t.Errorf("the first process: %v", d.err)
		}
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left in TMPDIR: %v (%v)", left, err)
		}
		if t.Failed() {
			t.Logf("gatewayd wrote:\n%s", last(d.stderr.String(), 16<<10))
		}
	})
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) { // it is there a moment after the listeners
		if _, err := admin.Call(filepath.Join(dir, "admin.sock"), http.MethodGet, "/healthz"); err == nil {
			return u
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

// install puts a new copy of gatewayd in the place of the program's file.
func (u *upgraded) install() {
	u.t.Helper()
	u.copyTo(u.program)
}

// linkTo makes the program's file a link to a new copy of gatewayd beside it.
func (u *upgraded) linkTo(name string) {
	u.t.Helper()
	u.copyTo(filepath.Join(u.dir, name))
	os.Remove(u.program)
	if err := os.Symlink(name, u.program); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upgraded) copyTo(path string) {
	u.t.Helper()
	from, err := exec.LookPath("gatewayd")
	if err != nil {
		u.t.Fatal(err)
	}
	if from, err = filepath.EvalSymlinks(from); err != nil {
		u.t.Fatal(err)
	}
	next := path + ".new"
	os.Remove(next)
	if err := os.Link(from, next); err != nil { // another file system
		text, err := os.ReadFile(from)
		if err != nil {
			u.t.Fatal(err)
		}
		if err := os.WriteFile(next, text, 0o755); err != nil {
			u.t.Fatal(err)
		}
	}
	if err := os.Rename(next, path); err != nil {
		u.t.Fatal(err)
	}
}

func (u *upgraded) installScript(text string) {
	u.t.Helper()
	os.Remove(u.program)
	writeTestFile(u.t, u.program, text, 0o755)
}

func (u *upgraded) ask(path string) (string, error) {
	return admin.Call(filepath.Join(u.dir, "admin.sock"), http.MethodPost, path)
}

var takenOver = regexp.MustCompile(`^process (\d+) has taken over`)

// upgrade has a new process take over.
func (u *upgraded) upgrade() {
	u.t.Helper()
	report, err := u.ask("/upgrade")
	if err != nil {
		u.t.Fatal(err)
	}
	u.tookOver(report)
}

func (u *upgraded) tookOver(report string) {
	u.t.Helper()
	m := takenOver.FindStringSubmatch(report)
	if m == nil {
		u.t.Fatal(report)
	}
	pid, _ := strconv.Atoi(m[1])
	if pid == u.pid {
		u.t.Fatal("the same process")
	}
	u.pid = pid
}

// TestUpgradeUnderLoad: no request fails, on kept and on fresh connections, on TCP and unix sockets, however often the
// program is replaced, and the old processes end.
func TestUpgradeUnderLoad(t *testing.T) {
	u := serveUpgradable(t, `listen: ["127.0.0.1:0", "unix:./http.sock"]
drain_timeout: 20s
routes:
  "/app/*": { fastcgi: { run: ./app, workers: 3 } }
  "/cgi/*": { cgi: ./app }
  "/a": { respond: { body: "hello\n" } }
`)
	asks := programAsks("/app").and([]loadclient.Request{{Target: "/a", Want: loadclient.Want{Body: []byte("hello\n")}}}, programAsks("/cgi"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	reports := make(chan *loadclient.Report)
	crowds := 0
	for _, fresh := range []bool{false, true} {
		for _, some := range [][]loadclient.Request{asks.quick, asks.slow} {
			crowds++
			go func() {
				reports <- loadclient.Load{
					Address: strings.TrimPrefix(u.url, "http://"), Clients: 4, Rate: quickRate() / 2, Fresh: fresh, Duration: time.Hour,
					Next: func(n int) *loadclient.Request { return &some[n%len(some)] },
				}.Run(ctx)
			}()
		}
	}
	overUnix := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(u.dir, "http.sock"))
	}}}
	upgrades := rounds(5, 50)
	for range upgrades {
		time.Sleep(300 * time.Millisecond)
		u.install()
		old := u.pid
		u.upgrade()
		resp, err := overUnix.Get("http://h/a")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if err := awaitGone(old); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	all := []*loadclient.Report{}
	for range crowds {
		all = append(all, <-reports)
	}
	sum := loadclient.Sum(all...)
	t.Logf("%d upgrades: %v", upgrades, sum)
	if sum.Failures() > 0 || sum.Requests < 100 {
		t.Error("requests failed, or there were none")
	}
}

// TestUpgradeThatFails: whatever is wrong with the new program, the old one goes on and says what it was.
func TestUpgradeThatFails(t *testing.T) {
	u := serveUpgradable(t, "listen: 127.0.0.1:0\nstart_timeout: 1s\nroutes: { /a: { respond: 204 } }\n")
	conf := filepath.Join(u.dir, "gatewayd.yaml")
	good, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	fails := func(want string) {
		t.Helper()
		if report, err := u.ask("/upgrade"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q, %v; want %q", report, err, want)
		}
		get(t, u.url+"/a", 204)
	}
	u.installScript("#!/bin/sh\necho no such option >&2\nexit 3\n")
	fails("exit status 3; its last words:\nno such option")
	u.installScript("#!/bin/sh\nexit 0\n")
	fails("it ended without serving: exit status 0")
	u.installScript("not a program\n")
	fails("exec format error")
	u.install()
	if err := os.WriteFile(conf, append(good, "routs: {}\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	fails("error: routs")
	if err := os.WriteFile(conf, good, 0o644); err != nil {
		t.Fatal(err)
	}
	old := u.pid
	u.upgrade()
	if err := awaitGone(old); err != nil {
		t.Fatal(err)
	}
	get(t, u.url+"/a", 204)
}

// TestUpgradeLetsRequestsEnd: SIGUSR2 while a request is under way, which the old process answers to its end.
func TestUpgradeLetsRequestsEnd(t *testing.T) {
	u := serveUpgradable(t, "listen: 127.0.0.1:0\nroutes: { /cgi/*: { cgi: ./app }, /a: { respond: 204 } }\n")
	resp, err := http.Get(u.url + "/cgi/ticks?40")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	old := u.pid
	if err := syscall.Kill(old, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	said, err := u.first.stderr.await(regexp.MustCompile(`process \d+ has taken over`), 0, u.first.ended)
	if err != nil {
		t.Fatal(err)
	}
	u.tookOver(said)
	if _, err := u.ask("/reload"); err != nil {
		t.Errorf("the new process has no admin socket: %v", err)
	}
	text, err := io.ReadAll(resp.Body)
	if want := strings.Repeat("tick\n", 40); string(text) != want || err != nil {
		t.Errorf("%d bytes, %v", len(text), err)
	}
	if err := awaitGone(old); err != nil {
		t.Error(err)
	}
	get(t, u.url+"/a", 204)
}

// TestUpgradeThatHangs: a new program that does nothing at all has its time, and is ended with all that it has started.
func TestUpgradeThatHangs(t *testing.T) {
	t.Parallel()
	u := serveUpgradable(t, "listen: 127.0.0.1:0\nstart_timeout: 1s\nroutes: { /a: { respond: 204 } }\n")
	u.installScript("#!/bin/sh\necho waiting for godot >&2\nsleep 97\n")
	report, err := u.ask("/upgrade")
	if err == nil || !strings.Contains(err.Error(), "it did not serve within 11s and was stopped; its last words:\nwaiting for godot") {
		t.Errorf("%q, %v", report, err)
	}
	for _, pid := range descendants(u.pid) {
		if text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); strings.Contains(string(text), "97") {
			t.Errorf("process %d of the new program is left", pid)
		}
	}
	u.install()
	old := u.pid
	u.upgrade()
	if err := awaitGone(old); err != nil {
		t.Error(err)
	}
	get(t, u.url+"/a", 204)
}

// TestUpgradeWithLastGood: the last good config is for a start with nothing that serves. While the old process does, a
// broken file is a reason to leave that alone.
func TestUpgradeWithLastGood(t *testing.T) {
	u := serveUpgradable(t, "listen: 127.0.0.1:0\nstate_dir: ./state\nroutes: { /a: { respond: 204 } }\n", "--last-good")
	conf := filepath.Join(u.dir, "gatewayd.yaml")
	good, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(conf, append(good, "routs: {}\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	if report, err := u.ask("/upgrade"); err == nil || !strings.Contains(err.Error(), "error: routs") {
		t.Errorf("%q, %v", report, err)
		if m := takenOver.FindString(report); m != "" {
			u.tookOver(report)
		}
	}
	get(t, u.url+"/a", 204)
}

// TestUpgradeOfALink: the program was started by a link, which leads to another version by then.
func TestUpgradeOfALink(t *testing.T) {
	u := serveInstalled(t, func(u *upgraded) { u.linkTo("gatewayd-1") }, "listen: 127.0.0.1:0\nroutes: { /a: { respond: 204 } }\n")
	u.linkTo("gatewayd-2")
	old := u.pid
	u.upgrade()
	if err := awaitGone(old); err != nil {
		t.Error(err)
	}
	if is, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", u.pid)); err != nil || filepath.Base(is) != "gatewayd-2" {
		t.Errorf("%s, %v", is, err)
	}
}

// TestUpgradeTwice: of several that are asked for at once the first is done; a reload that waited for it is for the new
// process to do, which has read the config since.
func TestUpgradeTwice(t *testing.T) {
	u := serveUpgradable(t, "listen: 127.0.0.1:0\nroutes: { /a: { respond: 204 } }\n")
	if err := os.Mkdir(filepath.Join(u.dir, "next"), 0o755); err != nil {
		t.Fatal(err)
	}
	u.copyTo(filepath.Join(u.dir, "next", "gatewayd"))
	u.installScript("#!/bin/sh\nuntil [ -e go ]; do sleep 0.01; done\nexec next/gatewayd run\n")
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer)
	old := u.pid
	for _, path := range []string{"/upgrade", "/upgrade", "/upgrade", "/reload", "/reload"} {
		go func() {
			text, err := u.ask(path)
			answers <- answer{text, err}
		}()
	}
	time.Sleep(200 * time.Millisecond) // all have been asked, and one is at work
	writeTestFile(t, filepath.Join(u.dir, "go"), "", 0o644)
	done := 0
	for range 5 {
		a := <-answers
		switch {
		case a.err == nil && takenOver.MatchString(a.text):
			done++
			u.tookOver(a.text)
		case a.err != nil && !strings.Contains(a.err.Error(), "a new gatewayd has taken over already"):
			t.Errorf("%q, %v", a.text, a.err)
		}
	}
	if done != 1 {
		t.Errorf("%d upgrades", done)
	}
	if err := awaitGone(old); err != nil {
		t.Error(err)
	}
	get(t, u.url+"/a", 204)
}

// TestStopWhileUpgrading: who is told to stop does not wait for a new process, and takes it along.
func TestStopWhileUpgrading(t *testing.T) {
	u := serveUpgradable(t, "listen: 127.0.0.1:0\nroutes: { /a: { respond: 204 } }\n")
	u.installScript("#!/bin/sh\ntouch begun\nsleep 98\n")
	syscall.Kill(u.pid, syscall.SIGUSR2)
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(u.dir, "begun")); err == nil {
			break
		} else if time.Now().After(deadline) {
			t.Fatal("it was not started")
		}
	}
	began := time.Now()
	children := descendants(u.pid)
	syscall.Kill(u.pid, syscall.SIGTERM)
	for _, pid := range append(children, u.pid) {
		if err := awaitGone(pid); err != nil {
			t.Error(err)
		}
	}
	if took := time.Since(began); took > upgradeTime/2 {
		t.Errorf("it took %v", took)
	}
}
