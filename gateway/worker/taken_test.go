package worker

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway/upstream"
)

// Some libraries end the program when they are asked what they do not know, or when a connection brings no request.
func TestWorkersThatCannotBeAsked(t *testing.T) {
	for _, mode := range []string{"touchy", "shy"} {
		t.Run(mode, func(t *testing.T) { cannotBeAsked(t, mode) })
	}
}

func cannotBeAsked(t *testing.T, mode string) {
	s := spec(t, mode)
	s.Workers = 3
	p, r := readyPool(t, s)
	for range 6 {
		if ask(t, p, askPid) == "" {
			t.Error("no answer")
		}
	}
	if n := len(r.of(GaveUp)) + len(r.of(Died)); n > 0 {
		t.Errorf("the log complains of %d workers", n)
	}
	l := lease(t, p)
	before := p.Stats().Workers
	l.Release(upstream.Abandoned)
	eventually(t, "the worker that may be busy is replaced", func() bool {
		for i, w := range p.Stats().Workers {
			if w.Restarts > before[i].Restarts && w.State == "ready" {
				return true
			}
		}
		return false
	})
}

func TestWorkersThatDoNotAnswerTheQuestion(t *testing.T) {
	p, _ := readyPool(t, spec(t, "mute"))
	first := ask(t, p, askPid)
	l := lease(t, p)
	l.Release(upstream.Abandoned)
	begun := time.Now()
	if second := ask(t, p, askPid); second != first || time.Since(begun) > 5*time.Second {
		t.Errorf("pid %s, then %s after %s", first, second, time.Since(begun))
	}
}

// TestQuestionFirst: a worker that takes long to start is not taken for one that does not answer, and connections behind the one on which a worker is asked do not keep it from being ready.
func TestQuestionFirst(t *testing.T) {
	p, r := pool(t, spec(t, "slow"))
	var s *slot
	eventually(t, "the question waits", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		s = p.slots[0]
		return s.pid != 0
	})
	time.Sleep(50 * time.Millisecond) // until it is in the kernel's hands, most likely
	behind := make(chan error)
	go func() {
		_, err := say(&upstream.Lease{Peer: s.peer}, askPid)
		behind <- err
	}()
	awaitReady(t, p)
	if err := <-behind; err != nil {
		t.Error(err)
	}
	eventually(t, "the log knows", func() bool { return len(r.of(Ready)) == 1 })
	p.mu.Lock()
	defer p.mu.Unlock()
	if w := s.worker; w == nil || !s.pool.answers.Load() || w.readyAt.Sub(s.begun) < 1300*time.Millisecond {
		t.Error("it was believed before it had answered")
	}
}

type keptConn struct{ net.Conn }

func (keptConn) Usable() bool { return true }

// TestKeptConnectionOfASuccessor: what a worker serves before it is ready must not leave a connection behind that keeps
// it from becoming so.
func TestKeptConnectionOfASuccessor(t *testing.T) {
	s := spec(t, "serves")
	s.Concurrency, s.Keep = 2, 1
	p, r := readyPool(t, s)
	pid := pidOf(t, p)
	dying, waiting := lease(t, p), lease(t, p)
	hangs := make(chan error)
	go func() {
		_, err := say(dying, askHang)
		hangs <- err
	}()
	time.Sleep(50 * time.Millisecond) // until it is in the worker's hands, most likely
	conn, err := net.Dial("unix", waiting.Peer.Address.Address)
	if err != nil {
		t.Fatal(err)
	}
	conn.Write([]byte{askKeep})
	syscall.Kill(pid, syscall.SIGKILL)
	<-hangs
	dying.Release(upstream.Broken)
	if _, err := conn.Read(make([]byte, 20)); err != nil {
		t.Fatal(err)
	}
	waiting.Peer.Put(keptConn{conn})
	waiting.Release(upstream.Served)
	begun := time.Now()
	ask(t, p, askPid)
	if took := time.Since(begun); took > s.StartTimeout/2 || len(r.of(GaveUp)) > 0 {
		t.Error("after", took, r.of(GaveUp))
	}
}

// TestQuestionNotSent: a worker that has ended before anything was said has not taken it.
func TestQuestionNotSent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	socket, err := listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	q := &question{UnixConn: conn.(*net.UnixConn), sent: make(chan struct{})}
	q.SetDeadline(time.Unix(1, 0)) // as converse has it
	if _, err := q.Write([]byte{askReady}); err == nil {
		t.Fatal("sent after its time")
	}
	if q.taken() {
		t.Error("what was not sent is taken")
	}
}
