package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway/loadclient"
)

const (
	// successorTime is how long after the end of a worker the next one serves.
	successorTime = 250 * time.Millisecond

	workersKilled = 100 // in a test
)

// serveWorkers serves app.c as so many workers, below /app.
func serveWorkers(t *testing.T, workers int) *served {
	dir := openTempDir(t)
	compileC(t, dir)
	s := serveReal(t, dir, fmt.Sprintf(`
admin: unix:./admin.sock
env: { EXECUTIONS: %q }
routes:
  "/app/*": { fastcgi: { run: ./app, workers: %d } }
`, filepath.Join(dir, "executions"), workers))
	get(t, s.url+"/app", 200)
	return s
}

// workers are the processes of app.c below gatewayd.
func (s *served) workers() (pids []int) {
	for _, child := range s.children() {
		pid, line, _ := strings.Cut(child, " ")
		if n, err := strconv.Atoi(pid); err == nil && strings.HasSuffix(strings.TrimSpace(line), "/app") {
			pids = append(pids, n)
		}
	}
	return pids
}

// TestWorkersKilled kills workers of a pool at any moment, while requests of all kinds are under way. One that may be
// repeated never fails, one that may not is never executed twice, and nothing is left of it all.
func TestWorkersKilled(t *testing.T) {
	const workers, clients = 4, 8
	kills := workersKilled
	if soak() {
		kills *= 10
	}
	s := serveWorkers(t, workers)
	calm := func(r remains) bool { return r.children == workers && r.requests == 0 }
	before := s.settled(t, calm)

	var posts posts
	next := func(n int) *loadclient.Request {
		switch n % 4 {
		case 0:
			return &loadclient.Request{Target: "/app/large?16384", Want: loadclient.Want{Body: generated(16384)}}
		case 1:
			return &loadclient.Request{Method: "HEAD", Target: "/app"}
		case 2:
			return &loadclient.Request{Method: "PUT", Target: "/app/echo", Body: loadclient.Repeat("x", 1000), Length: 1000, Want: loadclient.Want{Length: 1000}}
		}
		return &loadclient.Request{Method: "POST", Target: fmt.Sprint("/app/note?", n), Want: loadclient.Want{Status: []int{200, 502}}}
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan *loadclient.Report)
	go func() {
		done <- loadclient.Load{Address: strings.TrimPrefix(s.url, "http://"), Clients: clients, Duration: time.Hour, Next: next, Done: posts.done}.Run(ctx)
	}()
	killed := 0
	for killed < kills {
		time.Sleep(time.Duration(5+rand.IntN(20)) * time.Millisecond)
		posts.await(posts.all.Load() + 3*clients) // a request that is killed twice may fail, and would on a slow machine
		if pids := s.workers(); len(pids) > 0 && syscall.Kill(pids[rand.IntN(len(pids))], syscall.SIGKILL) == nil {
			killed++
		}
	}
	stop()
	report := <-done
	t.Logf("%d workers killed: %v", killed, report)
	// An answer that had begun breaks off, visibly: it is the one that the worker was at work on.
	if broken := report.Failed[loadclient.Length]; report.Failures() > broken || broken > killed {
		t.Error("requests failed that could have been repeated, or failed in another way than by a 502 or a broken answer")
	}
	posts.judge(t, filepath.Join(s.dir, "executions"), killed)
	after := s.settled(t, func(r remains) bool {
		return calm(r) && abs(r.descriptors-before.descriptors) <= 4 && r.goroutines <= before.goroutines+4
	})
	t.Logf("before %+v, after %+v", before, after)
}

// posts is what became of requests that may not be repeated, by the query.
type posts struct {
	all    atomic.Int64 // requests that are done, others too
	mu     sync.Mutex
	status map[string]int
}

// await waits until so many requests are done.
func (p *posts) await(n int64) {
	for deadline := time.Now().Add(patience); p.all.Load() < n && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}

func (p *posts) done(r loadclient.Result) {
	p.all.Add(1)
	if r.Request.Method != "POST" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.status == nil {
		p.status = map[string]int{}
	}
	_, query, _ := strings.Cut(r.Request.Target, "?")
	p.status[query] = r.Status
}

// judge holds them against the file in which programs have noted what they executed: a line for each query.
func (p *posts) judge(t *testing.T, file string, mayFail int) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	executed := map[string]int{}
	for line := range strings.Lines(string(text)) {
		executed[strings.TrimSpace(line)]++
	}
	failed, lost := 0, 0
	for query, status := range p.status {
		switch n := executed[query]; {
		case n > 1:
			t.Errorf("POST ?%s was executed %d times", query, n)
		case status == 200 && n == 0:
			t.Errorf("POST ?%s was answered and not executed", query)
		case status == 200:
		case n == 1:
			failed++
		default:
			failed++
			lost++
		}
	}
	t.Logf("%d POST requests, %d failed, of which %d had not been executed", len(p.status), failed, lost)
	if failed > mayFail || len(p.status) < 10*failed {
		t.Errorf("%d of %d POST requests failed", failed, len(p.status))
	}
}

// TestSuccessor measures how long it takes after the death of the only worker until the next one serves.
func TestSuccessor(t *testing.T) {
	for name, kill := range map[string]func(*testing.T, *served){
		"idle":                       killIdle,
		"in the middle of an answer": killMidway,
		"before the answer":          killBeforeAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			s := serveWorkers(t, 1)
			calm := func(r remains) bool { return r.children == 1 && r.requests == 0 }
			before := s.settled(t, calm)
			stalls := watchStalls()
			took := make([]time.Duration, workersKilled)
			for i := range took {
				kill(t, s)
				begun := time.Now()
				get(t, s.url+"/app", 200)
				took[i] = time.Since(begun)
			}
			p50, p99, longest := quantiles(took)
			t.Logf("%d workers killed: the next one served after p50 %v, p99 %v, longest %v", len(took), p50, p99, longest)
			if limit := inTime(successorTime) + stalls.end(t); longest > limit {
				t.Errorf("longest %v, want at most %v", longest, limit)
			}
			after := s.settled(t, func(r remains) bool {
				return calm(r) && abs(r.descriptors-before.descriptors) <= 4 && r.goroutines <= before.goroutines+4
			})
			t.Logf("before %+v, after %+v", before, after)
		})
	}
}

func killIdle(t *testing.T, s *served) {
	t.Helper()
	pids := s.workers()
	if len(pids) != 1 || syscall.Kill(pids[0], syscall.SIGKILL) != nil {
		t.Fatalf("workers %v", pids)
	}
}

// killMidway kills the worker that has sent half of an answer: the client must see that it is no more than that.
func killMidway(t *testing.T, s *served) {
	t.Helper()
	resp, err := (&http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}).Get(s.url + "/app/half")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	in := bufio.NewReader(resp.Body)
	line, err := in.ReadString('\n')
	pid, _ := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || pid <= 1 || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Fatalf("%q, %v", line, err)
	}
	if rest, err := io.ReadAll(in); err == nil {
		t.Errorf("the client took %q for a whole answer", line+string(rest))
	}
}

// killBeforeAnswer kills the worker that has a POST request: it fails, and is not executed again.
func killBeforeAnswer(t *testing.T, s *served) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	io.WriteString(conn, "POST /app/stuck HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
	pid, err := strconv.Atoi(strings.TrimSpace(awaitFile(t, filepath.Join(s.dir, "executions"))))
	if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
		t.Fatalf("process %d, %v", pid, err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.StatusCode != 502 {
		t.Fatalf("%v, %v", resp, err)
	}
	if text, err := os.ReadFile(filepath.Join(s.dir, "executions")); err == nil {
		t.Fatalf("the request was executed again: %s", text)
	}
}

// awaitFile waits for a line in a file, takes it and removes the file.
func awaitFile(t *testing.T, name string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		if text, err := os.ReadFile(name); err == nil && strings.HasSuffix(string(text), "\n") {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s is not written", name)
		}
	}
}
