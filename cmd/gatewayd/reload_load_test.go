package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatewayd/gateway/admin"
	"gatewayd/gateway/loadclient"
)

// rounds is how often something is done in a test, and how often in its long form (make reload-soak).
func rounds(short, long int) int {
	if soak() {
		return long
	}
	return short
}

// contents are the bodies between which the route /content is switched.
var contents = [][]byte{[]byte("the first content\n"), []byte("the other content\n")}

// reloading is a gatewayd under load, whose config is changed meanwhile.
type reloading struct {
	*served
	t     *testing.T
	conf  func(n int) string // the config of round n, with its contents
	round int
	seen  [2]atomic.Int64 // answers with each of the contents
	asked atomic.Int64    // requests that are done
}

const reloadingHead = `
admin: unix:./admin.sock
log: { access: off }
`

// oneListener is the line of a config that listens in one place.
const oneListener = `listen: "127.0.0.1:0"` + "\n"

// content is the line of a config that has the content of round n.
func content(n int) string {
	return fmt.Sprintf("  /content: { respond: { body: %q } }\n", contents[n%2])
}

// serveReloading serves conf(0) in a directory that has app.c and files to serve.
func serveReloading(t *testing.T, conf func(n int) string) *reloading {
	t.Helper()
	dir := openTempDir(t)
	compileC(t, dir)
	for i, name := range []string{"one", "two"} {
		writeTestFile(t, filepath.Join(dir, name, "content"), string(contents[i]), 0o644)
	}
	r := &reloading{t: t, conf: func(n int) string { return reloadingHead + conf(n) }}
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), r.conf(0), 0o644)
	r.served = serveIn(t, dir, os.Getenv("PATH"), "run")
	return r
}

// asks are requests to send over and over: some that are answered at once, and some that take their time.
type asks struct{ quick, slow []loadclient.Request }

// crowds send asks over kept and over fresh connections, until stop, which returns what became of them.
func (r *reloading) crowds(a asks) (stop func() *loadclient.Report) {
	ctx, cancel := context.WithCancel(context.Background())
	reports := make(chan *loadclient.Report)
	for _, fresh := range []bool{false, true} {
		go func() { reports <- r.crowd(ctx, a.quick, quickRate(), fresh) }()
		go func() { reports <- r.crowd(ctx, a.slow, 0, fresh) }()
	}
	return func() *loadclient.Report {
		cancel()
		return loadclient.Sum(<-reports, <-reports, <-reports, <-reports)
	}
}

// quickRate is how many quick requests a second each crowd sends: what leaves this build room for other tests.
func quickRate() float64 {
	switch {
	case raceDetector:
		return 100
	case soak():
		return 1000
	}
	return 400
}

func (r *reloading) crowd(ctx context.Context, asks []loadclient.Request, rate float64, fresh bool) *loadclient.Report {
	return loadclient.Load{
		Address: strings.TrimPrefix(r.url, "http://"), Clients: 4, Rate: rate, Fresh: fresh, Duration: time.Hour,
		Next: func(n int) *loadclient.Request { return &asks[n%len(asks)] }, Done: r.done,
	}.Run(ctx)
}

func (r *reloading) done(result loadclient.Result) {
	r.asked.Add(1)
	if len(result.Request.Want.OneOf) > 0 && result.Failure == loadclient.None {
		r.seen[result.Body].Add(1)
	}
}

// judge ends the crowds: no request may have failed, and there must have been some.
func (r *reloading) judge(stop func() *loadclient.Report, what string) {
	r.t.Helper()
	report := stop()
	r.t.Logf("%s: %v", what, report)
	if report.Failures() > 0 {
		r.t.Error("requests failed")
	}
	if report.Requests < 100 || r.seen[0].Load() == 0 || r.seen[1].Load() == 0 {
		r.t.Errorf("%d requests, of which %d saw the one content and %d the other: this tells little", report.Requests, r.seen[0].Load(), r.seen[1].Load())
	}
}

// awaitRequests waits until so many more requests are done: a change without a request under it proves nothing.
func (r *reloading) awaitRequests(more int64) {
	r.t.Helper()
	for from, deadline := r.asked.Load(), time.Now().Add(patience); r.asked.Load() < from+more; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.t.Fatalf("%d requests in %v", r.asked.Load()-from, patience)
		}
	}
}

// save puts the config of the next round in the place of the one before, whole.
func (r *reloading) save() {
	r.t.Helper()
	r.round++
	replaceTestFile(r.t, filepath.Join(r.dir, "gatewayd.yaml"), r.conf(r.round))
}

// reload is POST /reload.
func (r *reloading) reload() (string, error) { return r.ask("POST", "/reload") }

func (r *reloading) ask(method, path string) (string, error) {
	return admin.Call(filepath.Join(r.dir, "admin.sock"), method, path)
}

// next applies the config of the next round. The watch may have been faster.
func (r *reloading) next() {
	r.t.Helper()
	r.save()
	if _, err := r.reload(); err != nil {
		r.t.Fatalf("round %d: %v", r.round, err)
	}
}

// awaitGeneration waits until the watch has applied what was saved.
func (r *reloading) awaitGeneration(number uint64) {
	r.t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		if now := r.status(r.t).Generation; now == number {
			return
		} else if now > number || time.Now().After(deadline) {
			r.t.Fatalf("generation %d, want %d", now, number)
		}
	}
}

// programAsks are requests of all kinds to app.c below base.
func programAsks(base string) asks {
	body := bytes.Repeat([]byte("some bytes "), 6000)
	upload := func(length int64, body []byte, trickle time.Duration) loadclient.Request {
		return loadclient.Request{
			Method: "POST", Target: base + "/echo", Body: loadclient.Bytes(body), Length: length, Trickle: trickle, Want: loadclient.Want{Body: body},
		}
	}
	return asks{
		quick: []loadclient.Request{
			{Target: base + "/large?8192", Want: loadclient.Want{Body: generated(8192)}},
			{Method: "HEAD", Target: base + "/env"},
			upload(1000, body[:1000], 0),
		},
		slow: []loadclient.Request{
			{Target: base + "/ticks?8", Want: loadclient.Want{Body: bytes.Repeat([]byte("tick\n"), 8)}},
			upload(int64(len(body)), body, 0),
			upload(-1, body, 0),
			{Target: base + "/sleep?20", Want: loadclient.Want{Body: []byte("slept\n")}},
			upload(8<<10, body[:8<<10], 5*time.Millisecond),
		},
	}
}

// and adds more that are answered at once, and all of others.
func (a asks) and(quick []loadclient.Request, others ...asks) asks {
	sum := asks{quick: slices.Concat(a.quick, quick), slow: a.slow}
	for _, other := range others {
		sum.quick, sum.slow = slices.Concat(sum.quick, other.quick), slices.Concat(sum.slow, other.slow)
	}
	return sum
}

var contentAsk = loadclient.Request{Target: "/content", Want: loadclient.Want{OneOf: contents}}

// TestThousandReloads alternates two configs under load: every one is a generation, none loses a request, and nothing is
// left of them. Every second one changes the program's route that is loaded, too, which takes new workers.
func TestThousandReloads(t *testing.T) {
	const warm = 100
	reloads := rounds(1000, 1000)
	r := serveReloading(t, func(n int) string {
		return oneListener + `
routes:
  "/kept/*": { fastcgi: { run: ./app, workers: 6 }, env: { KEPT: "1" } }
  "/changed/*": { fastcgi: { run: ./app, workers: 6 }, env: { VERSION: "` + fmt.Sprint(n/2%2) + `" } }
  "/files/*": { static: ` + []string{"one", "two"}[n/2%2] + ` }
` + content(n)
	})
	get(t, r.url+"/changed", 200)
	first := r.status(t).Generation
	file := loadclient.Request{Target: "/files/content", Want: loadclient.Want{OneOf: contents}}
	stop := r.crowds(programAsks("/kept").and([]loadclient.Request{contentAsk, file}, programAsks("/changed")))
	for range warm {
		r.next()
		r.awaitRequests(1)
	}
	before := r.remains(t)
	began := time.Now()
	for range reloads - warm {
		r.next()
		r.awaitRequests(1)
	}
	took := time.Since(began) / time.Duration(reloads-warm)
	status := r.status(t)
	r.judge(stop, fmt.Sprintf("%d reloads, %v each", reloads, took.Round(10*time.Microsecond)))
	if status.Generation != first+uint64(reloads) || status.Reloads.Applied != reloads || status.Reloads.Refused > 0 {
		t.Errorf("generation %d after %d of %d reloads, %+v", status.Generation, first, reloads, status.Reloads)
	}
	r.nothingLeft(before, 12)
}

// nothingLeft waits until what reloads may have left is gone: generations, workers other than so many, descriptors,
// goroutines, memory beside what was there before, under load.
func (r *reloading) nothingLeft(before remains, workers int) {
	r.t.Helper()
	after := r.settled(r.t, func(now remains) bool {
		return now.requests == 0 && now.children == workers && now.descriptors <= before.descriptors && now.goroutines <= before.goroutines && len(r.status(r.t).Draining) == 0
	})
	r.t.Logf("before %+v\nafter  %+v", before, after)
	most := 1.1
	if !soak() || raceDetector { // of a short test the heap is another each time
		most = 1.5
	}
	if growth := float64(after.resident) / float64(before.resident); growth > most {
		r.t.Errorf("resident: %.1f MiB before, %.1f MiB after", mib(before.resident), mib(after.resident))
	}
}

// TestSwitchSaved saves the config again and again with the other word for the same program, and nothing else: the watch
// does the rest.
func TestSwitchSaved(t *testing.T) {
	r := serveReloading(t, func(n int) string {
		return oneListener + fmt.Sprintf(`
routes:
  "/app/*": { %s: { run: ./app, workers: 2 } }
`, []string{"cgi", "fastcgi"}[n%2]) + content(n)
	})
	switches := rounds(40, 200)
	first := r.status(t).Generation
	stop := r.crowds(programAsks("/app").and([]loadclient.Request{contentAsk}))
	for n := range switches {
		r.save()
		r.awaitGeneration(first + uint64(n) + 1)
		r.awaitRequests(20)
	}
	r.judge(stop, fmt.Sprintf("%d switches", switches))
	r.settled(t, func(now remains) bool { return now.requests == 0 && now.children == switches%2*2 })
}
