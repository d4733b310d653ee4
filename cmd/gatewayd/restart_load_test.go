package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gatewayd/gateway/loadclient"
)

// TestRollingRestarts replaces the workers of a route under load, now by asking for it and now by another program in the
// place of the one that runs: no request fails, and then all workers are new ones.
func TestRollingRestarts(t *testing.T) {
	const workers = 4
	r := serveReloading(t, func(n int) string {
		return fmt.Sprintf("%sroutes:\n  \"/app/*\": { fastcgi: { run: ./app, workers: %d } }\n", oneListener, workers) + content(n)
	})
	get(t, r.url+"/app", 200)
	r.settled(t, func(now remains) bool { return now.children == workers }) // at the start a request waits for one of them
	first := r.status(t).Generation
	stop := r.crowds(programAsks("/app").and([]loadclient.Request{contentAsk}))
	restarts := rounds(100, 300)
	for n := range restarts {
		before := r.workers()
		if n%2 == 0 {
			r.restart("/app/*")
		} else {
			r.replaceProgram()
		}
		r.allNew(before, workers)
		r.awaitRequests(10)
	}
	r.next() // so that both contents are seen
	r.awaitRequests(50)
	status := r.status(t)
	r.judge(stop, fmt.Sprintf("%d restarts", restarts))
	if want := first + uint64(restarts/2) + 1; status.Generation != want || status.Reloads.Refused > 0 {
		t.Errorf("generation %d, want %d; %+v", status.Generation, want, status.Reloads)
	}
	r.settled(t, func(now remains) bool { return now.requests == 0 && now.children == workers })
}

// restart is gatewayd restart.
func (r *reloading) restart(route string) {
	r.t.Helper()
	if text, err := r.ask("POST", "/restart?"+url.Values{"route": {route}}.Encode()); err != nil {
		r.t.Fatalf("restart: %q, %v", text, err)
	}
}

// replaceProgram puts a copy in the place of the program, and returns when that runs.
func (r *reloading) replaceProgram() {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, "app"))
	if err != nil {
		r.t.Fatal(err)
	}
	writeTestFile(r.t, filepath.Join(r.dir, "app.new"), string(text), 0o755)
	if err := os.Rename(filepath.Join(r.dir, "app.new"), filepath.Join(r.dir, "app")); err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.reload(); err != nil { // the watch may have been faster
		r.t.Fatal(err)
	}
}

// allNew fails unless so many workers are there that were not before, and run the program that is there now. Of those
// that were there some may still be at work.
func (r *reloading) allNew(before []int, workers int) {
	r.t.Helper()
	program, err := os.Stat(filepath.Join(r.dir, "app"))
	if err != nil {
		r.t.Fatal(err)
	}
	fresh := slices.DeleteFunc(r.workers(), func(pid int) bool { return slices.Contains(before, pid) })
	if len(fresh) != workers {
		r.t.Fatalf("%d new workers %v after %v", len(fresh), fresh, before)
	}
	for _, pid := range fresh {
		if runs, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || !os.SameFile(runs, program) {
			r.t.Fatalf("worker %d runs another program than the one that is there: %v", pid, err)
		}
	}
}
