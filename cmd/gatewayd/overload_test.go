package main

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway/loadclient"
	"gatewayd/gateway/server"
)

const (
	maxRunning = 4
	maxWaiting = 20
	napTime    = 50 * time.Millisecond // of the program, so that what the route can do is known: 80 requests each second

	refusalTime  = 50 * time.Millisecond // for a 503
	recoveryTime = time.Second           // after the load
)

// TestOverload asks a route for three times as much as it can do.
func TestOverload(t *testing.T) {
	duration := 5 * time.Second
	if soak() {
		duration = time.Minute
	}
	s := serveNaps(t)
	address := strings.TrimPrefix(s.url, "http://")
	nap := loadclient.Request{Target: "/nap.sh", Want: loadclient.Want{Status: []int{200, 503}}}
	next := func(int) *loadclient.Request { return &nap }

	stalls := watchStalls()
	calm := loadclient.Load{Address: address, Clients: maxRunning, Duration: time.Second, Next: next}.Run(context.Background())
	capacity := float64(calm.Statuses[200]) / calm.Took.Seconds()
	t.Logf("as much as it can: %v", calm)
	if calm.Failures() > 0 || calm.Statuses[503] > 0 {
		t.Fatal("it fails without too much to do")
	}

	var answers answerTimes
	watch := s.watchPrograms()
	report := loadclient.Load{Address: address, Clients: 3 * (maxRunning + maxWaiting), Duration: duration, Rate: 3 * capacity, Next: next, Done: answers.add}.Run(context.Background())
	ended := time.Now()
	running, inFlight := watch.end(t)
	late := stalls.end(t)
	t.Logf("three times that, %.0f/s: %v, begun late by at most %v; at most %d programs and %d requests at once", 3*capacity, report, report.Late, running, inFlight)
	if report.Failures() > 0 {
		t.Error("requests failed")
	}
	if running > maxRunning {
		t.Errorf("%d programs at once, max_running is %d", running, maxRunning)
	}
	answers.judge(t, capacity, report.Took, late)
	t.Logf("recovered after %v", s.awaitCalm(t, ended, inTime(recoveryTime)+late))
}

// serveNaps serves a program that sleeps.
func serveNaps(t *testing.T) *served {
	dir, err := os.MkdirTemp("", "gw") // short enough for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	writeTestFile(t, filepath.Join(dir, "cgi-bin", "nap.sh"), "#!/bin/sh\nsleep 0.05\nprintf 'Content-Type: text/plain\\n\\nrested\\n'\n", 0o755)
	return serveConfig(t, dir, `
admin: unix:./admin.sock
routes:
  "/*": { cgi: ./cgi-bin, max_running: 4, queue: { max: 20, wait: 10s } }
`)
}

// answerTimes sorts what the clients have got.
type answerTimes struct {
	mu              sync.Mutex
	served, refused []time.Duration
	without         int // refusals without Retry-After
}

func (a *answerTimes) add(r loadclient.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case r.Status == http.StatusOK:
		a.served = append(a.served, r.Took)
	case r.Status == http.StatusServiceUnavailable:
		a.refused = append(a.refused, r.Took)
		if r.Header.Get("Retry-After") == "" {
			a.without++
		}
	}
}

// judge holds the times against the limits; late is what the machine may have added.
func (a *answerTimes) judge(t *testing.T, capacity float64, took, late time.Duration) {
	t.Helper()
	_, served, longest := quantiles(a.served)
	t.Logf("%d served: p99 %v, longest %v", len(a.served), served, longest)
	_, refused, longest := quantiles(a.refused)
	t.Logf("%d refused: p99 %v, longest %v", len(a.refused), refused, longest)
	if a.without > 0 {
		t.Errorf("%d refusals without Retry-After", a.without)
	}
	if limit := time.Duration(float64(maxRunning+maxWaiting)/capacity*float64(time.Second)) + time.Second + late; served > limit {
		t.Errorf("those who were served waited %v: more than queue.max must have been before them", served)
	}
	if limit := inTime(refusalTime) + late; len(a.refused) < len(a.served)/2 || refused > limit {
		t.Errorf("%d refused, p99 after %v, want at most %v", len(a.refused), refused, limit)
	}
	if float64(len(a.served)) < 0.5*capacity*took.Seconds() {
		t.Errorf("%d were served: with too much to do it does less than before", len(a.served))
	}
}

// programWatch looks at what goes on until it is ended.
type programWatch struct {
	stop, stopped     chan struct{}
	running, inFlight int // at most
	err               error
}

func (s *served) watchPrograms() *programWatch {
	w := &programWatch{stop: make(chan struct{}), stopped: make(chan struct{})}
	go func() {
		defer close(w.stopped)
		for w.err == nil {
			select {
			case <-w.stop:
				return
			case <-time.After(20 * time.Millisecond):
				w.look(s)
			}
		}
	}()
	return w
}

func (w *programWatch) look(s *served) {
	var status server.Status
	status, w.err = s.askStatus()
	w.running = max(w.running, napsOf(s.pid))
	w.inFlight = max(w.inFlight, int(status.Requests))
}

func (w *programWatch) end(t *testing.T) (running, inFlight int) {
	t.Helper()
	close(w.stop)
	<-w.stopped
	if w.err != nil {
		t.Error(w.err)
	}
	return w.running, w.inFlight
}

// napsOf counts the programs below a process: leaders of their groups, as what they start themselves is not.
func napsOf(pid int) (n int) {
	for _, child := range descendants(pid) {
		group, err := syscall.Getpgid(child)
		if err == nil && group == child && strings.Contains(commandLine(child), "/nap.sh") {
			n++
		}
	}
	return n
}

// awaitCalm waits until the program is answered as promptly as ever, and returns how long that took.
func (s *served) awaitCalm(t *testing.T, since time.Time, limit time.Duration) time.Duration {
	t.Helper()
	for {
		begun := time.Now()
		status := fetch(t, request(t, "GET", s.url+"/nap.sh", nil)).StatusCode
		now := time.Now()
		if status == http.StatusOK && now.Sub(begun) < inTime(3*napTime) {
			return now.Sub(since).Round(time.Millisecond)
		}
		if now.Sub(since) > limit {
			t.Errorf("%v after the load: status %d after %v", now.Sub(since), status, now.Sub(begun))
			return now.Sub(since)
		}
	}
}
