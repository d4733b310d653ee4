package cgi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/admission"
	"gatewayd/gateway/process"
)

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, as scripts/test.sh does")
	}
}

// open lets others into the folder of the script.
func (a *app) open() *app {
	for dir := a.dir; strings.HasPrefix(dir, os.TempDir()+"/"); dir = dir[:strings.LastIndexByte(dir, '/')] {
		if err := os.Chmod(dir, 0o755); err != nil {
			a.Fatal(err)
		}
	}
	return a
}

func nobody() *process.User { return &process.User{Name: "nobody", UID: 65534, GID: 65534} }

// Every way to the standard streams is open to a program that runs as another user: by descriptor and by name.
func TestAnotherUserReachesItsStreams(t *testing.T) {
	needRoot(t)
	leaves(t)
	const script = "#!/bin/bash\nprintf 'A: b\\n\\n' > /proc/self/fd/1; id -u; id -G; cat /dev/stdin; echo complaint > /proc/self/fd/2\n"
	for _, opt := range []Options{{User: nobody()}, {User: nobody(), Umask: new(int)}} {
		a := newProgram(t, script, opt).open()
		want := "65534\n65534\n"
		for name, body := range map[string]io.Reader{"none": nil, "pipe": strings.NewReader("body\n"), "file": bodyFile(a, "body\n")} {
			expect := want
			if body != nil {
				expect += "body\n"
			}
			if got := a.get("", body); got != expect {
				t.Errorf("%s: got %q, want %q", name, got, expect)
			}
		}
		a.eventually("the complaints", func() bool { return len(a.logged()) == 3 })
	}
}

func bodyFile(a *app, text string) io.Reader {
	path := a.dir + "/body"
	a.write(path, text, 0o444) // as a spooled one
	return fileOnDisk{path: path, ReadCloser: io.NopCloser(failing{a.T})}
}

func TestAnotherUserWhoMayNotRun(t *testing.T) {
	needRoot(t)
	leaves(t)
	t.Run("closed directory", func(t *testing.T) {
		a := newProgram(t, "#!/bin/sh\n", Options{User: nobody()}).open()
		if err := os.Chmod(a.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		e := a.fails(502, a.dir, "nobody")
		if !strings.Contains(e.Hint, "chmod o+x "+a.dir) {
			t.Errorf("hint %q", e.Hint)
		}
	})
	t.Run("script that cannot be read", func(t *testing.T) {
		a := newProgram(t, "", Options{User: nobody()}).open()
		a.write(a.file, "#!/bin/sh\nprintf 'A: b\\n\\nok'\n", 0o711)
		e := a.fails(502, "Permission denied")
		if !strings.Contains(e.Hint, "nobody") || !strings.Contains(e.Hint, "chmod o+r "+a.file) {
			t.Errorf("hint %q", e.Hint)
		}
	})
}

func TestRequestsTooBigForTheSystem(t *testing.T) {
	leaves(t)
	long := strings.Repeat("x", 200<<10)
	for status, change := range map[int]func(*gateway.Request){
		http.StatusRequestURITooLong:           func(r *gateway.Request) { r.RequestURI = "/app?" + long; r.URL.RawQuery = long },
		http.StatusRequestHeaderFieldsTooLarge: func(r *gateway.Request) { r.Header.Set("X-Long", long) },
	} {
		a := newProgram(t, "#!/bin/sh\n", Options{})
		req := a.request(context.Background(), "", nil)
		change(req)
		_, err := a.backend.RoundTrip(req)
		if e := gateway.AsError(err); e == nil || e.Status != status || !strings.Contains(e.Error(), "larger than the system allows") {
			t.Errorf("got %v, want status %d", err, status)
		}
	}
}

func TestExitIsNoted(t *testing.T) {
	leaves(t)
	for _, tt := range []struct {
		script string
		want   gateway.Exit
	}{
		{"printf 'A: b\\n\\nok'; exit 3", gateway.Exit{Code: 3}},
		{"exit 4", gateway.Exit{Code: 4}},
		{"printf 'A: b\\n\\n'; kill -9 $$", gateway.Exit{Code: -1, Signal: "SIGKILL"}},
		{"kill -SEGV $$", gateway.Exit{Code: -1, Signal: "SIGSEGV"}},
		{"printf 'bad\\n'; sleep 60", gateway.Exit{Code: -1, Signal: "SIGTERM"}},
	} {
		a := newProgram(t, "#!/bin/sh\n"+tt.script+"\n", Options{})
		req := a.request(context.Background(), "", nil)
		if resp, err := a.backend.RoundTrip(req); err == nil {
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if req.Exit == nil {
			t.Errorf("%s: nothing was noted", tt.script)
			continue
		}
		got := *req.Exit
		if got.CPU < 0 || got.MaxRSS != 0 { // a shell is smaller than this test
			t.Errorf("%s: used %+v", tt.script, got)
		}
		got.CPU, got.MaxRSS = 0, 0
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.script, got, tt.want)
		}
	}
}

func TestUsageIsNoted(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/usr/bin/perl\nmy $x = 'x' x (300 << 20); print \"A: b\\n\\n\"; 1 while (times)[0] < 0.2;\n", Options{})
	req := a.request(context.Background(), "", nil)
	resp, err := a.backend.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if req.Exit == nil || req.Exit.CPU < 200*time.Millisecond || req.Exit.CPU > 20*time.Second || req.Exit.MaxRSS < 300<<20 || req.Exit.MaxRSS > 800<<20 {
		t.Errorf("%+v", req.Exit)
	}
}

func TestLimitsEndTheProgram(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/usr/bin/perl\nprint \"A: b\\n\\n\"; 1 while 1;\n", Options{Limits: []process.Limit{{Resource: unix.RLIMIT_CPU, Max: 1}}})
	req := a.request(context.Background(), "", nil)
	resp, err := a.backend.RoundTrip(req)
	if err == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
	e := gateway.AsError(err)
	if e == nil || !strings.Contains(e.Hint, "more processor time than its limit") || req.Exit == nil || req.Exit.Signal != "SIGXCPU" {
		t.Errorf("%v, %+v", e, req.Exit)
	}
}

func TestGate(t *testing.T) {
	leaves(t)
	gate := admission.New(admission.Limits{Running: 2, Queue: 3, Wait: time.Minute})
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'; echo >> started; until [ -e go ]; do sleep 0.01; done\n", Options{Gate: gate})
	var clients sync.WaitGroup
	statuses := make(chan int, 10)
	for range 10 {
		clients.Go(func() {
			resp, err := a.backend.RoundTrip(a.request(context.Background(), "", nil))
			if err != nil {
				statuses <- gateway.AsError(err).Status
				return
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			statuses <- 200
		})
	}
	a.eventually("two run, three wait", func() bool {
		return gate.Stats() == admission.Stats{Running: 2, Waiting: 3, Refused: 5} && a.backend.Running() == 2
	})
	a.write(a.dir+"/go", "", 0o644)
	clients.Wait()
	count := map[int]int{}
	for range 10 {
		count[<-statuses]++
	}
	if count[200] != 5 || count[503] != 5 {
		t.Errorf("statuses %v", count)
	}
	a.eventually("the places are free", func() bool { return gate.Stats().Running == 0 })
}

// Who has left while he waited costs nothing.
func TestWaitingClientLeaves(t *testing.T) {
	leaves(t)
	gate := admission.New(admission.Limits{Running: 1, Queue: 3, Wait: time.Minute})
	a := newProgram(t, "#!/bin/sh\necho >> ran; printf 'A: b\\n\\n'; sleep 60\n", Options{Gate: gate})
	first := a.start(context.Background(), "", nil)
	ctx, cancel := context.WithCancel(context.Background())
	failed := make(chan error)
	go func() {
		_, err := a.backend.RoundTrip(a.request(ctx, "", nil))
		failed <- err
	}()
	a.eventually("one waits", func() bool { return gate.Stats().Waiting == 1 })
	cancel()
	if e := gateway.AsError(<-failed); e.Status != gateway.StatusClientClosed {
		t.Errorf("got %v", e)
	}
	first.Body.Close()
	a.eventually("the place is free", func() bool { return gate.Stats().Running == 0 })
	if ran, err := os.ReadFile(a.dir + "/ran"); err != nil || string(ran) != "\n" {
		t.Errorf("%q were run, %v", ran, err)
	}
}

// Whatever keeps a program from being started, its place is given back.
func TestFailedStartsGivePlacesBack(t *testing.T) {
	leaves(t)
	gate := admission.New(admission.Limits{Running: 1})
	a := newProgram(t, "", Options{Gate: gate})
	for range 3 {
		a.fails(502, "does not exist")
	}
	a.backend.opt.Launcher = refuses{unix.EAGAIN}
	a.fails(503)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("gone"))
	if _, err := a.backend.RoundTrip(a.request(ctx, "", nil)); err == nil {
		t.Error("a request of nobody was answered")
	}
	a.backend.Close()
	a.fails(503, "shut down")
	if s := gate.Stats(); s.Running != 0 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// panics is a Launcher with a fault.
type panics struct{}

func (panics) Start(process.Spec) (*process.Process, error) { panic("a fault") }

func TestPanicGivesThePlaceBack(t *testing.T) {
	leaves(t)
	gate := admission.New(admission.Limits{Running: 1})
	a := newProgram(t, "#!/bin/sh\n", Options{Gate: gate, Launcher: panics{}})
	func() {
		defer func() { recover() }()
		a.backend.RoundTrip(a.request(context.Background(), "", nil))
	}()
	if s := gate.Stats(); s.Running != 0 || a.backend.Running() != 0 {
		t.Errorf("%+v, %d programs", s, a.backend.Running())
	}
}
