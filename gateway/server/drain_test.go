package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatewayd/gateway/config"
)

// reloadable serves text, and has the server reload another.
type reloadable struct {
	*Server
	t    *testing.T
	dir  string
	conf atomic.Pointer[config.Config]
	url  string
}

func serveReloadable(t *testing.T, dir, text string) *reloadable {
	t.Helper()
	s := &reloadable{t: t, dir: dir}
	s.set(text)
	s.Server = New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return s.conf.Load(), nil }})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	s.url = s.Addresses()[0]
	return s
}

func (s *reloadable) set(text string) {
	s.t.Helper()
	s.conf.Store(load(s.t, s.dir, "admin: off\nlog: { level: info, output: ./log, access: off }\n"+text))
}

func (s *reloadable) reload(text string) string {
	s.t.Helper()
	s.set(text)
	summary, err := s.Reload()
	if err != nil {
		s.t.Fatal(err)
	}
	return summary
}

const (
	drainHead   = "listen: 127.0.0.1:0\ndrain_timeout: 200ms\nroutes:\n"
	streams     = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\ni=0\nwhile [ $i -lt 600 ]; do echo line; i=$((i+1)); sleep 0.05; done\n"
	streamRoute = "  /stream/*: { cgi: ./cgi }\n"
)

// open begins a stream and reads its first line.
func (s *reloadable) open(path string) *bufio.Reader {
	s.t.Helper()
	resp, err := http.Get(s.url + path)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { resp.Body.Close() })
	lines := bufio.NewReader(resp.Body)
	if _, err := lines.ReadString('\n'); err != nil || resp.StatusCode != 200 {
		s.t.Fatal(resp.Status, err)
	}
	return lines
}

func TestStreamOfAnUntouchedRouteGoesOn(t *testing.T) {
	s := serveReloadable(t, tree(t, map[string]string{"cgi/stream": streams}), drainHead+streamRoute+"  /n: { respond: { status: 200, body: \"0\" } }\n")
	lines := s.open("/stream/stream")
	for n := range 100 {
		s.reload(drainHead + fmt.Sprintf("  /n: { respond: { status: 200, body: \"%d\" } }\n", n+1) + streamRoute)
	}
	time.Sleep(400 * time.Millisecond) // twice drain_timeout: it must have nothing to do with this route
	for range 20 {
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatalf("a stream whose route was not touched: %v", err)
		}
	}
	status := s.Status().(Status)
	if len(status.Draining) != 1 || status.Draining[0].Generation != 1 || status.Draining[0].Requests != 1 || len(status.Leaving) != 0 || status.Generation != 101 {
		t.Errorf("generation %d, draining %v, routes %v", status.Generation, status.Draining, status.Leaving)
	}
	for _, r := range status.Sites[0].Routes {
		if want := map[string]int{"/stream/*": 1}[r.Pattern]; r.Older != want {
			t.Errorf("%s has %d requests of earlier generations, want %d", r.Pattern, r.Older, want)
		}
	}
}

func TestRequestsOfAChangedRouteEnd(t *testing.T) {
	for _, c := range []struct{ name, after string }{
		{"changed", "  /stream/*: { cgi: ./cgi, env: { A: b } }\n"},
		{"removed", "  /other: { respond: 204 }\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := serveReloadable(t, tree(t, map[string]string{"cgi/stream": streams}), drainHead+streamRoute)
			lines := s.open("/stream/stream")
			began := time.Now()
			s.reload(drainHead + c.after)
			status := s.Status().(Status)
			if len(status.Leaving) != 1 || status.Leaving[0].Pattern != "/stream/*" || status.Leaving[0].Requests != 1 || status.Leaving[0].Last != 1 || status.Leaving[0].Until.IsZero() {
				t.Errorf("draining routes: %v", status.Leaving)
			}
			_, err := io.Copy(io.Discard, lines)
			if took := time.Since(began); !errors.Is(err, io.ErrUnexpectedEOF) || took < 150*time.Millisecond || took > 5*time.Second {
				t.Errorf("after %s: %v", took, err)
			}
			until(t, "nothing drains", func() bool {
				status := s.Status().(Status)
				return len(status.Leaving)+len(status.Draining) == 0
			})
			until(t, "the log has the reason", contains(filepath.Join(s.dir, "log"), "drain_timeout: 200ms is over"))
		})
	}
}

// What a top-level key has to do with a route decides whether it touches it.
func TestKeysThatTouchARoute(t *testing.T) {
	dir := tree(t, map[string]string{"cgi/stream": streams, "www/": "", "temp/": ""})
	routes := "routes: { /cgi/*: { cgi: ./cgi }, /www/*: { static: ./www }, /r: { respond: 204 } }\n"
	s := serveReloadable(t, dir, "listen: 127.0.0.1:0\n"+routes)
	for _, c := range []struct {
		key  string
		want int // routes that are made anew
	}{
		{"start_timeout: 1s\n", 0}, {"drain_timeout: 1s\n", 0}, {"http: { max_uri: 1KiB }\n", 0}, {"trusted_proxies: [127.0.0.1]\n", 0},
		{"temp: ./temp\n", 1}, {"env: { A: b }\n", 3},
	} {
		s.reload("listen: 127.0.0.1:0\n" + routes)
		before := s.current.Load()
		s.reload("listen: 127.0.0.1:0\n" + c.key + routes)
		if n := len(s.current.Load().fresh(before)); n != c.want {
			t.Errorf("%s: %d routes are made anew, want %d", c.key, n, c.want)
		}
	}
}

// A client that takes a file slowly waits for nothing of ours that could be cancelled.
func TestDownloadOfARemovedRouteEnds(t *testing.T) {
	dir := tree(t, map[string]string{"www/": ""})
	if err := os.WriteFile(filepath.Join(dir, "www/big"), make([]byte, 32<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serveReloadable(t, dir, drainHead+"  /*: { static: ./www }\n")
	resp, err := http.Get(s.url + "/big")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	s.reload(drainHead + "  /other: { respond: 204 }\n")
	until(t, "the download has ended", func() bool { return len(s.Status().(Status).Leaving) == 0 })
	if n, err := io.Copy(io.Discard, resp.Body); err == nil {
		t.Errorf("%d bytes, and no error", n)
	}
}

// Those who ask while a reload waits share it: it will see what they want to be seen.
func TestReloadsAskedForAtOnce(t *testing.T) {
	s := serveReloadable(t, tree(t, map[string]string{}), drainHead+"  /a: { respond: 204 }\n")
	s.changing.Lock()
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if _, err := s.Reload(); err != nil {
				t.Error(err)
			}
		})
	}
	s.set(drainHead + "  /a: { respond: 200 }\n")
	s.changing.Unlock()
	all.Wait()
	if status := s.Status().(Status); status.Generation != 2 || status.Reloads.Applied != 1 {
		t.Errorf("generation %d, %d applied", status.Generation, status.Reloads.Applied)
	}
}

// A configuration that cannot be read, on a file system that hangs, keeps nobody from stopping the server.
func TestLoadThatHangs(t *testing.T) {
	dir := tree(t, map[string]string{})
	conf := load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { level: error, access: off }\nroutes: { /a: { respond: 204 } }\n")
	hang := make(chan struct{})
	defer close(hang)
	loads := atomic.Int32{}
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) {
		if loads.Add(1) > 1 {
			<-hang
		}
		return conf, nil
	}})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	reloaded := make(chan error)
	go func() {
		_, err := s.Reload()
		reloaded <- err
	}()
	until(t, "the config is being read", func() bool { return loads.Load() == 2 })
	stopped := make(chan error)
	go func() { stopped <- s.Shutdown(t.Context()) }()
	for range 2 {
		select {
		case err := <-stopped:
			if err != nil {
				t.Error(err)
			}
		case err := <-reloaded:
			if !errors.Is(err, errEnding) {
				t.Error(err)
			}
		case <-time.After(5 * time.Second):
			t.Fatal("the server does not stop")
		}
	}
}

// refusesChanges: whatever is asked for is refused for this reason.
func (s *reloadable) refusesChanges(why error) {
	s.t.Helper()
	for what, ask := range map[string]func() (string, error){
		"reload": s.Reload, "dry run": s.DryRun, "restart": func() (string, error) { return s.Restart(nil, true) },
		"upgrade": func() (string, error) {
			return "", s.HandOver(func(context.Context, []Socket) error { return nil })
		},
	} {
		if _, err := ask(); !errors.Is(err, why) {
			s.t.Errorf("%s: %v, want %v", what, err, why)
		}
	}
}

// What is asked for when another process has taken over is that one's business.
func TestNothingChangesAfterAnUpgrade(t *testing.T) {
	s := serveReloadable(t, tree(t, map[string]string{}), drainHead+"  /a: { respond: 204 }\n")
	if err := s.HandOver(func(context.Context, []Socket) error { return errors.New("it does not start") }); err == nil {
		t.Fatal("a process that does not start has taken over")
	}
	s.reload(drainHead + "  /a: { respond: 200 }\n")
	if err := s.HandOver(func(context.Context, []Socket) error { return nil }); err != nil {
		t.Fatal(err)
	}
	s.refusesChanges(ErrSucceeded)
}

// What is asked for while the server drains is refused, and says why.
func TestReloadWhileDraining(t *testing.T) {
	s := serveReloadable(t, tree(t, map[string]string{"cgi/stream": streams}), drainHead+streamRoute)
	s.open("/stream/stream")
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- s.Shutdown(ctx) }()
	until(t, "it accepts no more", func() bool {
		_, err := http.Get(s.url + "/a")
		return err != nil
	})
	s.refusesChanges(errEnding)
	cancel()
	if err := <-stopped; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A reload that waits for workers holds up the next one, which then sees the newest file.
func TestReloadWhileWorkersStart(t *testing.T) {
	dir := tree(t, map[string]string{"slow": "#!/bin/sh\nsleep 60\n"})
	s := serveReloadable(t, dir, "listen: 127.0.0.1:0\nstart_timeout: 1s\nroutes: { /a: { respond: 204 } }\n")
	s.set("listen: 127.0.0.1:0\nstart_timeout: 1s\nroutes: { /a: { respond: 200 }, /slow: { fastcgi: ./slow } }\n")
	first := make(chan error, 1)
	go func() {
		_, err := s.Reload()
		first <- err
	}()
	until(t, "workers are being started", func() bool { return len(s.Status().(Status).Pools) > 0 })
	s.set("listen: 127.0.0.1:0\nstart_timeout: 1s\nroutes: { /a: { respond: 200 }, /b: { respond: 204 } }\n")
	summary, err := s.Reload()
	if err != nil || !strings.Contains(summary, "generation 2: +1 route, 1 changed") {
		t.Errorf("%q, %v", summary, err)
	}
	if err := <-first; err == nil || !strings.Contains(err.Error(), "not ready") {
		t.Error(err)
	}
	until(t, "the workers are gone", func() bool { return len(s.Status().(Status).Pools) == 0 })
}

func TestReloadBeforeTheStart(t *testing.T) {
	s := New(Options{Version: "test", Announce: io.Discard})
	if _, err := s.Reload(); err == nil {
		t.Error("nothing runs, and it was reloaded")
	}
}

// From one address to all of them and back: our own listener is in the way, and no connection may be lost.
func TestListenerThatIsInTheWay(t *testing.T) {
	port := freePort(t)
	conf := func(host string) string {
		return "listen: \"" + host + ":" + port + "\"\nroutes: { /a: { respond: 204 } }\n"
	}
	s := serveReloadable(t, tree(t, map[string]string{}), conf("127.0.0.1"))
	stop, failed := make(chan struct{}), make(chan error, 1000)
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			fresh := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			for {
				select {
				case <-stop:
					return
				default:
				}
				resp, err := fresh.Get("http://127.0.0.1:" + port + "/a")
				if err != nil {
					failed <- err
					return
				}
				resp.Body.Close()
			}
		})
	}
	for range 10 {
		s.reload(conf("0.0.0.0"))
		s.reload(conf("127.0.0.1"))
	}
	close(stop)
	clients.Wait()
	close(failed)
	for err := range failed {
		t.Error(err)
	}
}

// While workers start, which may take long and fail, whoever connects is served as before: the new listener is not there
// yet, though it would be the nearer one.
func TestListenerInTheWayWaitsForWorkers(t *testing.T) {
	for _, c := range []struct{ before, after string }{{"0.0.0.0", "127.0.0.1"}, {"", "127.0.0.1"}, {"127.0.0.1", "0.0.0.0"}, {"127.0.0.1", ""}} {
		t.Run(c.before+" to "+c.after, func(t *testing.T) {
			port := freePort(t)
			conf := func(host, more string) string {
				return "listen: \"" + host + ":" + port + "\"\nstart_timeout: 500ms\nroutes: { /a: { respond: 204 }" + more + " }\n"
			}
			s := serveReloadable(t, tree(t, map[string]string{"slow": "#!/bin/sh\nsleep 60\n"}), conf(c.before, ""))
			s.set(conf(c.after, ", /slow: { fastcgi: ./slow }"))
			over := make(chan error, 1)
			go func() {
				_, err := s.Reload()
				over <- err
			}()
			fresh := http.Client{Timeout: 400 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
			for refused := false; !refused; {
				select {
				case err := <-over:
					if refused = true; err == nil || !strings.Contains(err.Error(), "not ready") {
						t.Error(err)
					}
				default:
				}
				resp, err := fresh.Get("http://127.0.0.1:" + port + "/a")
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
			}
			s.reload(conf(c.after, ""))
			if now := s.Addresses(); len(now) != 1 || !strings.HasSuffix(now[0], ":"+port) {
				t.Errorf("listens on %v", now)
			}
		})
	}
}

// The second of two new listeners cannot be opened: the first is gone again, and the old one goes on.
func TestListenersBesideAreTakenBack(t *testing.T) {
	port := freePort(t)
	s := serveReloadable(t, tree(t, map[string]string{}), "listen: \"0.0.0.0:"+port+"\"\nroutes: { /a: { respond: 204 } }\n")
	other, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	s.set("listen: [\"127.0.0.1:" + port + "\", \"" + other.Addr().String() + "\"]\nroutes: { /a: { respond: 204 } }\n")
	beside, err := s.bindBeside(s.conf.Load().Listen, nil)
	if err == nil {
		t.Fatalf("opened %v", beside)
	}
	for key, l := range s.listeners {
		if l.replaced {
			t.Errorf("%s counts as replaced", key)
		}
	}
	for range 20 {
		resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get("http://127.0.0.1:" + port + "/a")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer free.Close()
	_, port, _ := net.SplitHostPort(free.Addr().String())
	return port
}

// A route that was removed and comes back lets nobody in whom its old requests leave no room.
func TestGateOfARouteThatComesBack(t *testing.T) {
	const head, route = "listen: 127.0.0.1:0\nroutes:\n", "  /stream/*: { cgi: ./cgi, max_running: 1, queue: off }\n"
	s := serveReloadable(t, tree(t, map[string]string{"cgi/stream": streams}), head+route)
	s.open("/stream/stream")
	s.reload(head + "  /a: { respond: 204 }\n")
	s.reload(head + "  /a: { respond: 200 }\n")
	s.reload(head + route)
	resp, err := http.Get(s.url + "/stream/stream")
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != http.StatusServiceUnavailable {
		t.Error(resp.Status)
	}
}

// However many reloads there are while a stream goes on, nothing is left of them.
func TestReloadsLeaveNothing(t *testing.T) {
	text := func(n int) string {
		return drainHead + streamRoute + fmt.Sprintf("  /n: { respond: { status: 200, body: \"%d\" } }\n  /f/*: { static: ., headers: { set: { N: \"%d\" } } }\n", n, n)
	}
	s := serveReloadable(t, tree(t, map[string]string{"cgi/stream": streams}), text(0))
	lines := s.open("/stream/stream")
	reloads := func(from, to int) (goroutines int, heap uint64) {
		for n := from; n < to; n++ {
			s.reload(text(n + 1))
		}
		until(t, "no route drains", func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.draining) == 0 && len(s.retired) == 1
		})
		runtime.GC()
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		return runtime.NumGoroutine(), now.HeapAlloc
	}
	before, heap := reloads(0, 200)
	after, grown := reloads(200, 1200)
	if after > before+2 || grown > heap+1<<20 {
		t.Errorf("%d goroutines and %d KiB, %d and %d KiB before", after, grown>>10, before, heap>>10)
	}
	if _, err := lines.ReadString('\n'); err != nil {
		t.Errorf("the stream: %v", err)
	}
}

// Whoever asks for a reload while the server begins waits for that, and then has theirs.
func TestReloadDuringTheStart(t *testing.T) {
	dir := tree(t, map[string]string{})
	conf := func(status int) *config.Config {
		return load(t, dir, fmt.Sprintf("listen: 127.0.0.1:0\nadmin: off\nlog: { level: error, access: off }\nroutes: { /a: { respond: %d } }\n", status))
	}
	first, second := conf(204), conf(200)
	starts, goOn := make(chan struct{}), make(chan struct{})
	loads := atomic.Int32{}
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) {
		if loads.Add(1) > 1 {
			return second, nil
		}
		close(starts)
		<-goOn
		return first, nil
	}})
	started := make(chan error, 1)
	go func() {
		_, err := s.Start()
		started <- err
	}()
	<-starts
	asked := make(chan error, 5)
	for range cap(asked) {
		go func() {
			_, err := s.Reload()
			asked <- err
		}()
	}
	until(t, "a reload waits", func() bool {
		s.asked.mu.Lock()
		defer s.asked.mu.Unlock()
		return s.asked.next != nil
	})
	close(goOn)
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(t.Context())
	for range cap(asked) {
		if err := <-asked; err != nil {
			t.Error(err)
		}
	}
	if n := s.Status().(Status).Generation; n != 2 {
		t.Errorf("generation %d", n)
	}
}

// A dry run makes no file of a new log, and says that it could not be made.
func TestDryRunOfLogs(t *testing.T) {
	dir := tree(t, map[string]string{"locked/": ""})
	s := serveReloadable(t, dir, "listen: 127.0.0.1:0\nroutes: { /a: { respond: 204 } }\n")
	dryRun := func(log string) string {
		s.conf.Store(load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { level: info, output: ./log, access: text, access_output: "+log+" }\nroutes: { /a: { respond: 204 } }\n"))
		plan, err := s.DryRun()
		if _, err := os.Stat(filepath.Join(dir, log)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: a dry run has made it: %v", log, err)
		}
		return fmt.Sprint(plan, err)
	}
	if said := dryRun("./other"); !strings.Contains(said, "change log\n") {
		t.Error(said)
	}
	if err := os.Chmod(filepath.Join(dir, "locked"), 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		return // whom no mode stops
	}
	if said := dryRun("./locked/other"); !strings.Contains(said, "permission denied") {
		t.Error(said)
	}
}

func TestDryRun(t *testing.T) {
	dir := tree(t, map[string]string{})
	s := serveReloadable(t, dir, "listen: 127.0.0.1:0\nroutes: { /a: { respond: 204 }, /b: { respond: 204 }, /c: { respond: 204 } }\n")
	s.set("listen: [127.0.0.1:0, \"unix:" + dir + "/s\"]\ndrain_timeout: 1s\nroutes: { /a: { respond: 200 }, /b: { respond: 204 }, /d: { respond: 204 } }\n")
	plan, err := s.DryRun()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"add route /d\n", "remove route /c\n", "change route /a\n", "listen on " + dir + "/s\n", "change drain_timeout\n", "generation 2: +1 route, -1 route, 1 changed, +listener"} {
		if !strings.Contains(plan, want) {
			t.Errorf("no %q in\n%s", want, plan)
		}
	}
	if status := s.Status().(Status); status.Generation != 1 || len(status.Listeners) != 1 {
		t.Errorf("a dry run has changed something: %+v", status)
	}
	if _, err := os.Stat(dir + "/s"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a dry run has opened a listener: %v", err)
	}
	s.reload("listen: 127.0.0.1:0\nroutes: { /a: { respond: 204 }, /b: { respond: 204 }, /c: { respond: 204 } }\n")
	if plan, err := s.DryRun(); err != nil || plan != "nothing would change\n" {
		t.Errorf("%q, %v", plan, err)
	}
}
