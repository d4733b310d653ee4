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
	t.Logf("three times that, %.0f/s: %v, begun late by at most %v", 3*capacity, report, report.Late)
	_, served, longest := quantiles(answers.served)
	t.Logf("%d served: p99 %v, longest %v; at most %d programs and %d requests at once", len(answers.served), served, longest, running, inFlight)
	_, refused, longest := quantiles(answers.refused)
	t.Logf("%d refused: p99 %v, longest %v", len(answers.refused), refused, longest)

	if report.Failures() > 0 || answers.without > 0 {
		t.Errorf("%d failures, %d refusals without Retry-After", report.Failures(), answers.without)
	}
	if inFlight > 2*(maxRunning+maxWaiting) { // those that are being refused count too
		t.Errorf("%d requests at once", inFlight)
	}
	if running > maxRunning {
		t.Errorf("%d programs at once, max_running is %d", running, maxRunning)
	}
	if limit := time.Duration(float64(maxRunning+maxWaiting)/capacity*float64(time.Second)) + time.Second; served > limit {
		t.Errorf("those who were served waited %v: more than queue.max must have been before them", served)
	}
	if len(answers.refused) < report.Requests/3 || refused > inTime(refusalTime) {
		t.Errorf("%d of %d requests were refused, p99 after %v, want %v", len(answers.refused), report.Requests, refused, inTime(refusalTime))
	}
	if done := float64(len(answers.served)); done < 0.7*capacity*duration.Seconds() {
		t.Errorf("%.0f requests were served: under load it does less than without", done)
	}
	t.Logf("recovered after %v", s.awaitCalm(t, ended))
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
  "/*": { cgi: ./cgi-bin, max_running: 4, queue: { max: 20, wait: 1s } }
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
func (s *served) awaitCalm(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	for {
		begun := time.Now()
		status := fetch(t, request(t, "GET", s.url+"/nap.sh", nil)).StatusCode
		now := time.Now()
		if status == http.StatusOK && now.Sub(begun) < inTime(3*napTime) {
			return now.Sub(since).Round(time.Millisecond)
		}
		if now.Sub(since) > inTime(recoveryTime) {
			t.Errorf("%v after the load: status %d after %v", now.Sub(since), status, now.Sub(begun))
			return now.Sub(since)
		}
	}
}
