package worker

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/process"
	"gatewayd/gateway/upstream"
)

func TestLeaseServes(t *testing.T) {
	p, r := readyPool(t, spec(t, "serves", "PHP_FCGI_CHILDREN=4", "FCGI_WEB_SERVER_ADDRS=127.0.0.1"))
	if got := ask(t, p, askFlags); got != "0" {
		t.Error("descriptor 0 is not in blocking mode:", got)
	}
	if pidOf(t, p) != p.Stats().Workers[0].PID {
		t.Errorf("%+v", p.Stats())
	}
	if w := p.Stats().Workers[0]; w.State != "ready" || w.Served != 2 || w.Restarts != 0 || w.Busy != 0 {
		t.Errorf("%+v", w)
	}
	if odd := r.of(Odd); len(odd) != 2 {
		t.Error("variables that were taken out:", odd)
	}
	eventually(t, "the log knows", func() bool { return len(r.of(Ready)) == 1 })
}

// TestBootWaits: nobody waits for the workers at boot, requests do.
func TestBootWaits(t *testing.T) {
	p, _ := pool(t, spec(t, "serves"))
	ask(t, p, askPid)
}

func TestWorkersAreIndependent(t *testing.T) {
	s := spec(t, "serves")
	s.Workers = 3
	p, _ := readyPool(t, s)
	pids := map[int]bool{}
	for range 3 {
		pids[pidOf(t, p)] = true // one after the other: the one that was used last
	}
	if len(pids) != 1 {
		t.Error(pids)
	}
	var leases []*upstream.Lease
	peers := map[*upstream.Peer]bool{}
	for range 3 {
		l := lease(t, p)
		peers[l.Peer] = true
		leases = append(leases, l)
	}
	if len(peers) != 3 {
		t.Error("a busy worker was lent while another was free")
	}
	for _, l := range leases {
		l.Release(upstream.Served)
	}
	first := lease(t, p)
	l, err := p.Lease(within10s(t), first.Peer)
	if err != nil || l.Peer == first.Peer {
		t.Error("lent was the one that was not wanted", err)
	}
	l.Release(upstream.Served)
	first.Release(upstream.Served)
}

func TestConcurrency(t *testing.T) {
	s := spec(t, "serves")
	s.Concurrency = 2
	p, _ := readyPool(t, s)
	a, b := lease(t, p), lease(t, p)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := p.Lease(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Error("a third request was let in:", err)
	}
	a.Release(upstream.Served)
	b.Release(upstream.Served)
}

func TestFirstComeFirstServed(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	l := lease(t, p)
	order := make(chan int, 10)
	var all sync.WaitGroup
	for i := range 10 {
		all.Go(func() {
			l := lease(t, p)
			order <- i
			l.Release(upstream.Served)
		})
		eventually(t, "it waits", func() bool { return p.Stats().Waiting == i+1 })
	}
	l.Release(upstream.Served)
	all.Wait()
	close(order)
	var got []int
	for i := range order {
		got = append(got, i)
	}
	if !slices.IsSorted(got) || len(got) != 10 {
		t.Error(got)
	}
}

func TestWaitIsBounded(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	l := lease(t, p)
	_, err := p.LeaseWithin(within10s(t), nil, 20*time.Millisecond)
	if e := gateway.AsError(err); err == nil || e.Status != 503 || !e.Overload || !strings.Contains(e.Error(), "none became free within 20ms") {
		t.Error(err)
	}
	if n := p.Stats().Waiting; n != 0 {
		t.Error(n, "wait on")
	}
	l.Release(upstream.Served)
	if l, err := p.LeaseWithin(within10s(t), nil, time.Minute); err != nil {
		t.Error(err)
	} else {
		l.Release(upstream.Served)
	}
}

// TestWhoLeavesPassesOn: a request whose client leaves while it waits costs nobody a place.
func TestWhoLeavesPassesOn(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	left := errors.New("the client has left")
	for range 50 {
		l := lease(t, p)
		ctx, cancel := context.WithCancelCause(context.Background())
		got := make(chan error)
		go func() {
			l, err := p.Lease(ctx, nil)
			if err == nil {
				l.Release(upstream.Served)
			}
			got <- err
		}()
		eventually(t, "it waits", func() bool { return p.Stats().Waiting == 1 })
		go cancel(left)
		l.Release(upstream.Served) // at the same time
		if err := <-got; err != nil && err != left {
			t.Fatal(err)
		}
	}
	ask(t, p, askPid)
}

// TestSuccessorServesTheBacklog: a request that has connected and was not accepted when its worker ended is served.
func TestSuccessorServesTheBacklog(t *testing.T) {
	s := spec(t, "serves")
	s.Concurrency = 2
	p, _ := readyPool(t, s)
	pid := pidOf(t, p)
	dying, waiting := lease(t, p), lease(t, p)
	hangs := make(chan error)
	go func() {
		_, err := say(dying, askHang)
		hangs <- err
	}()
	answer := make(chan string)
	go func() {
		got, err := say(waiting, askPid)
		if err != nil {
			t.Error(err)
		}
		answer <- got
	}()
	time.Sleep(50 * time.Millisecond) // until both are in the kernel's hands, most likely
	syscall.Kill(pid, syscall.SIGKILL)
	if err := <-hangs; err == nil {
		t.Error("a request of a dead worker was answered")
	}
	dying.Release(upstream.Broken)
	if got := <-answer; got == "" {
		t.Error("no answer from the successor")
	}
	waiting.Release(upstream.Served)
}

// TestSlowRequestInTheBacklog: a successor that serves a request first, and is asked whether it is ready after that, is
// not taken for one that does not start.
func TestSlowRequestInTheBacklog(t *testing.T) {
	s := spec(t, "serves")
	s.Concurrency, s.StartTimeout = 2, 500*time.Millisecond
	p, r := readyPool(t, s)
	pid := pidOf(t, p)
	dying, waiting := lease(t, p), lease(t, p)
	hangs := make(chan error)
	go func() {
		_, err := say(dying, askHang)
		hangs <- err
	}()
	time.Sleep(50 * time.Millisecond) // until it is in the worker's hands, most likely
	answer := make(chan error)
	go func() {
		_, err := say(waiting, askSlower)
		answer <- err
	}()
	time.Sleep(50 * time.Millisecond) // until it is in the kernel's hands, most likely
	syscall.Kill(pid, syscall.SIGKILL)
	<-hangs
	dying.Release(upstream.Broken)
	if err := <-answer; err != nil {
		t.Error(err)
	}
	waiting.Release(upstream.Served)
	ask(t, p, askPid)
	if len(r.of(GaveUp)) > 0 {
		t.Error(r.of(GaveUp))
	}
}

func TestRecycling(t *testing.T) {
	p, r := readyPool(t, spec(t, "recycled"))
	pids := map[int]bool{}
	for range 20 {
		pids[pidOf(t, p)] = true
	}
	if len(pids) != 10 {
		t.Errorf("20 requests were served by %d workers of 2 each", len(pids))
	}
	if died := append(r.of(Died), r.of(GaveUp)...); len(died) > 0 {
		t.Error("taken for a crash:", died)
	}
	eventually(t, "the log knows", func() bool { return len(r.of(Recycled)) >= 9 })
}

// TestKilledIdle: whoever asks for a worker after one was killed gets one, soon.
func TestKilledIdle(t *testing.T) {
	p, r := readyPool(t, spec(t, "serves"))
	var times []time.Duration
	for range 100 {
		pid := pidOf(t, p)
		begun := time.Now()
		syscall.Kill(pid, syscall.SIGKILL)
		for again := true; again; { // it may have had time for one more
			l := lease(t, p)
			answer, err := say(l, askPid)
			l.Release(upstream.Broken)
			again = err != nil || atoi(answer) == pid
		}
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	t.Logf("kill -9 to the answer of the next: median %v, longest %v", times[50], times[99])
	if times[90] > 250*time.Millisecond*slack { // the longest ones tell more of the machine
		t.Error("too long:", times[90:])
	}
	eventually(t, "the log knows all", func() bool { return len(r.of(Died)) == 100 })
	if e := r.of(Died)[0]; !strings.Contains(e.Text, "killed by SIGKILL") || e.Hint == "" || e.PID == 0 || e.Worker != 1 {
		t.Errorf("%+v", e)
	}
}

// TestKilledAtWork: only the request that is being executed fails.
func TestKilledAtWork(t *testing.T) {
	s := spec(t, "serves")
	s.Workers = 2
	p, r := readyPool(t, s)
	var others sync.WaitGroup
	stop := make(chan struct{})
	served := 0
	others.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				pidOf(t, p)
				served++
			}
		}
	})
	for range 100 {
		l := lease(t, p)
		if answer, err := say(l, askDie); err == nil {
			t.Error("an answer of the dead:", answer)
		}
		how, hint := l.Ending()
		if !strings.HasPrefix(how, "the worker was killed by SIGKILL") || hint == "" {
			t.Errorf("%q, %q", how, hint)
		}
		l.Release(upstream.Broken)
		pidOf(t, p)
	}
	close(stop)
	others.Wait()
	t.Log(served, "others were served")
	if len(r.of(GaveUp)) > 0 {
		t.Error(r.of(GaveUp))
	}
}

func TestLastWords(t *testing.T) {
	p, r := readyPool(t, spec(t, "serves"))
	pid := p.Stats().Workers[0].PID
	l := lease(t, p)
	say(l, askCrash)
	how, hint := l.Ending()
	if how != `the worker ended with exit status 7; its last words: "null pointer"` || hint != "" {
		t.Errorf("%q, %q", how, hint)
	}
	l.Release(upstream.Broken)
	eventually(t, "the log has it", func() bool { return r.printed("null pointer") })
	eventually(t, "another takes its place", func() bool {
		w := p.Stats().Workers[0]
		return w.State == string(ready) && w.PID != pid
	})
	l = lease(t, p)
	if how, _ := l.Ending(); how != "" {
		t.Error("it lives:", how)
	}
	l.Release(upstream.Served)
}

func TestClosedOnPurpose(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	pid := pidOf(t, p)
	l := lease(t, p)
	say(l, askClose)
	l.Release(upstream.Broken)
	if got := pidOf(t, p); got != pid {
		t.Error("it was replaced")
	}
}

func TestFaultyIsReplaced(t *testing.T) {
	s := spec(t, "stubborn")
	s.StopTimeout = 50 * time.Millisecond
	p, r := readyPool(t, s)
	pid := pidOf(t, p)
	l := lease(t, p)
	l.Release(upstream.Faulty)
	if got := pidOf(t, p); got == pid || alive(pid) {
		t.Error("it goes on")
	}
	eventually(t, "the log knows", func() bool { return len(r.of(Replaced)) == 1 })
}

func TestAbandoned(t *testing.T) {
	p, r := readyPool(t, spec(t, "serves"))
	l := lease(t, p)
	pid, err := say(l, askSlow)
	if err != nil {
		t.Fatal(err)
	}
	l.Release(upstream.Served)
	l = lease(t, p)
	begun := time.Now()
	go say(l, askSlow)
	time.Sleep(50 * time.Millisecond) // until it is at work, most likely
	l.Release(upstream.Abandoned)
	if w := p.Stats().Workers[0]; w.State != "busy" {
		t.Errorf("%+v", w)
	}
	if got := ask(t, p, askPid); got != pid {
		t.Error("it was replaced")
	}
	if took := time.Since(begun); took < 150*time.Millisecond {
		t.Error("lent while it was busy, after", took)
	}
	if len(r.of(Replaced)) > 0 {
		t.Error(r.of(Replaced))
	}
}

func TestAbandonedForTooLong(t *testing.T) {
	s := spec(t, "serves")
	s.BusyTimeout = 100 * time.Millisecond
	p, r := readyPool(t, s)
	pid := pidOf(t, p)
	l := lease(t, p)
	go say(l, askHang)
	time.Sleep(50 * time.Millisecond) // until it is at work, most likely
	l.Release(upstream.Abandoned)
	if got := pidOf(t, p); got == pid {
		t.Error("it was not replaced")
	}
	eventually(t, "the log knows", func() bool { return len(r.of(Replaced)) == 1 })
	if text := r.of(Replaced)[0].Text; !strings.Contains(text, "busy for more than 100ms") {
		t.Error(text)
	}
}

// TestSocketRemoved: a worker whose socket somebody has removed cannot be reached, and is replaced.
func TestSocketRemoved(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	for _, folderToo := range []bool{false, true} {
		l := lease(t, p)
		os.Remove(l.Peer.Address.Address)
		if folderToo {
			os.RemoveAll(filepath.Dir(l.Peer.Address.Address))
		}
		if _, err := say(l, askPid); err == nil {
			t.Fatal("this test shows nothing")
		}
		l.Release(upstream.Unreachable)
		ask(t, p, askPid)
	}
}

func TestUnreachableThoughAllIsWell(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	pid := pidOf(t, p)
	lease(t, p).Release(upstream.Unreachable)
	if pidOf(t, p) != pid {
		t.Error("it was replaced")
	}
}

func TestChildrenShareTheEnd(t *testing.T) {
	child := func(r *record) (pid int) {
		eventually(t, "the child is known", func() bool {
			for _, l := range r.all() {
				if s, ok := strings.CutPrefix(l, "child "); ok {
					pid = atoi(s)
				}
			}
			return pid != 0
		})
		return pid
	}
	p, r := readyPool(t, spec(t, "parent"))
	first := child(r)
	syscall.Kill(pidOf(t, p), syscall.SIGKILL)
	eventually(t, "the child is gone", func() bool { return !alive(first) })
	r.mu.Lock()
	r.lines = nil
	r.mu.Unlock()
	ask(t, p, askPid)
	second := child(r)
	p.Close(context.Background())
	if alive(second) {
		t.Error("a child has outlived the pool")
	}
}

func TestFailsAtOnce(t *testing.T) {
	s := spec(t, "exits")
	s.Unready = func(words string) (cause, hint string) {
		if strings.Contains(words, "database") {
			return "the database is missing", "create it"
		}
		return "", ""
	}
	p, r := pool(t, s)
	for name, err := range map[string]error{"AwaitReady": p.AwaitReady(within10s(t)), "Lease": leaseError(t, p)} {
		e := gateway.AsError(err)
		if e.Status != 503 || !e.Alike || e.RetryAfter < time.Second || e.Hint != "create it" || !strings.Contains(e.Error(), "the database is missing: it ended with exit status 3; its last words:") {
			t.Errorf("%s: %+v", name, e)
		}
	}
	time.Sleep(2 * time.Second)
	if n := p.Stats().Workers[0].Restarts; n > 9 || n < 2 {
		t.Errorf("%d restarts in two seconds", n)
	}
	if len(r.of(GaveUp)) != 1 {
		t.Error("said more than once:", r.of(GaveUp))
	}
	if lines := len(r.all()); lines > 2 {
		t.Errorf("what it says each time is logged each time: %d lines", lines)
	}
	if !r.printed("a message on standard output") {
		t.Error(r.all())
	}
	if w := p.Stats().Workers[0]; w.Failure == "" || w.Restarts == 0 {
		t.Errorf("%+v", w)
	}
}

func leaseError(t *testing.T, p *Pool) error {
	t.Helper()
	l, err := p.Lease(within10s(t), nil)
	if err == nil {
		l.Release(upstream.Served)
		t.Fatal("there is a worker")
	}
	return err
}

// TestFlapping: what becomes ready and ends before it has served anything is slowed down, too.
func TestFlapping(t *testing.T) {
	begun := time.Now()
	p, r := pool(t, spec(t, "flapping"))
	eventually(t, "it gives up", func() bool { return len(r.of(GaveUp)) > 0 })
	time.Sleep(time.Second)
	if w, age := p.Stats().Workers[0], time.Since(begun); float64(w.Restarts) > age.Seconds()*5 {
		t.Errorf("%d restarts in %v", w.Restarts, age)
	}
}

func TestNeverListens(t *testing.T) {
	s := spec(t, "never")
	s.StartTimeout, s.StopTimeout = 300*time.Millisecond, 100*time.Millisecond
	p, _ := pool(t, s)
	begun := time.Now()
	err := leaseError(t, p)
	if took := time.Since(begun); took < 300*time.Millisecond || took > 2*time.Second {
		t.Error("after", took)
	}
	if e := gateway.AsError(err); !strings.Contains(e.Error(), "was not ready within 300ms") || !strings.Contains(e.Hint, "start_timeout") {
		t.Error(e, e.Hint)
	}
}

func TestAnswersSomethingElse(t *testing.T) {
	s := spec(t, "serves")
	s.Ready = func(context.Context, net.Conn) (bool, error) { return false, errors.New("HTTP") }
	p, _ := pool(t, s)
	if err := p.AwaitReady(within10s(t)); err == nil || !strings.Contains(err.Error(), "with something else: HTTP") {
		t.Error(err)
	}
}

// What keeps a worker from being had is told again when it is something else.
func TestAnotherReasonIsTold(t *testing.T) {
	reason := filepath.Join(t.TempDir(), "reason")
	s := Spec{Process: process.Spec{Path: "/bin/sh", Args: []string{"sh", "-c", "cat " + reason + "; exit 3"}}, Ready: isReady}
	os.WriteFile(reason, []byte("no database"), 0o600)
	p, r := pool(t, s)
	eventually(t, "it gives up", func() bool { return len(r.of(GaveUp)) == 1 })
	os.WriteFile(reason, []byte("no network"), 0o600)
	eventually(t, "it says why again", func() bool {
		told := r.of(GaveUp)
		return strings.Contains(told[len(told)-1].Text, "no network") && strings.Contains(p.Stats().Workers[0].Failure, "no network")
	})
}

func TestRecovers(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "mark")
	p, r := pool(t, spec(t, "later", "MARK="+mark))
	if err := p.AwaitReady(within10s(t)); err == nil || !strings.Contains(err.Error(), "exit status 4") {
		t.Fatal(err)
	}
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it has recovered", func() bool { return len(r.of(Recovered)) == 1 })
	awaitReady(t, p)
	ask(t, p, askPid)
}

func TestCannotBeStarted(t *testing.T) {
	s := spec(t, "serves")
	s.Process.Path = filepath.Join(t.TempDir(), "missing")
	p, _ := pool(t, s)
	if err := p.AwaitReady(within10s(t)); err == nil || !strings.Contains(err.Error(), "missing does not exist") {
		t.Error(err)
	}
}

func TestAwaitReadyGivesUp(t *testing.T) {
	p, _ := pool(t, spec(t, "never"))
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := p.AwaitReady(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestCloseWaitsForLeases(t *testing.T) {
	p, _ := readyPool(t, spec(t, "serves"))
	l := lease(t, p)
	closed := make(chan struct{})
	go func() {
		p.Close(context.Background())
		close(closed)
	}()
	eventually(t, "nothing is lent", func() bool {
		_, err := p.Lease(context.Background(), nil)
		return gateway.AsError(err) != nil && gateway.AsError(err).Status == 503
	})
	if _, err := say(l, askSlow); err != nil {
		t.Error("a request was cut off:", err)
	}
	select {
	case <-closed:
		t.Error("closed while a worker was lent")
	default:
	}
	l.Release(upstream.Served)
	<-closed
}

// TestCloseEndsEverything: nothing that a worker does keeps a Pool from closing.
func TestCloseEndsEverything(t *testing.T) {
	for _, tt := range []struct {
		mode  string
		ready bool
		busy  byte
	}{{"stubborn", true, 0}, {"serves", true, askHang}, {"never", false, 0}, {"exits", false, 0}, {"parent", true, 0}, {"serves", false, 0}} {
		t.Run(tt.mode, func(t *testing.T) {
			s := spec(t, tt.mode)
			s.StopTimeout = 100 * time.Millisecond
			p, _ := pool(t, s)
			if tt.ready {
				awaitReady(t, p)
			}
			if tt.busy != 0 {
				l := lease(t, p)
				go say(l, tt.busy)
				defer l.Release(upstream.Broken)
			}
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			begun := time.Now()
			p.Close(ctx)
			if took := time.Since(begun); took > 2*time.Second {
				t.Error("took", took)
			}
		})
	}
}

func TestChatter(t *testing.T) {
	p, r := readyPool(t, spec(t, "chatty"))
	p.Close(context.Background())
	if n := len(r.all()); n < linesAtOnce || n > 2*linesAtOnce {
		t.Errorf("%d lines of 5000 were logged", n)
	}
}

// TestGuarded: workers end even if there is nobody left to end them.
func TestGuarded(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	ours, theirs, err := process.OutputPipe("stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	gatewayd, err := process.Start(process.Spec{Path: self, Env: []string{"GATEWAY=" + dir}, Stdout: theirs})
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	line := make([]byte, 20)
	n, err := ours.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	pid := atoi(strings.TrimSpace(string(line[:n])))
	if !alive(pid) {
		t.Fatal("there is no worker")
	}
	gatewayd.Stop(0)
	<-gatewayd.Done()
	eventually(t, "the worker has ended", func() bool { return !alive(pid) })
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 {
		t.Fatal("this test shows nothing:", left)
	}
	f := folder{parent: dir}
	defer f.remove()
	if _, err := f.socket("0"); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) != 1 || left[0] != f.path {
		t.Error("left behind:", left)
	}
}
