package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/process"
	"gatewayd/gateway/upstream"
)

// TestMain makes the test binary the workers' program as well, see program.
func TestMain(m *testing.M) {
	process.Shim()
	process.GuardMain()
	if os.Getenv("WORKER") != "" {
		program(os.Getenv("WORKER"))
	}
	if os.Getenv("GATEWAY") != "" {
		gatewayToKill()
	}
	process.SealInherited()
	// Under nohup, or in the background of a script, the tests are started with these ignored, and so would their
	// children be. gatewayd takes both over.
	for _, sig := range []os.Signal{syscall.SIGHUP, syscall.SIGINT} {
		if signal.Ignored(sig) {
			signal.Notify(make(chan os.Signal, 1), sig)
		}
	}
	os.Exit(m.Run())
}

// What a worker of the tests is told by the one byte of a connection. It serves one connection after the other.
const (
	askReady  = 'r' // answers the byte
	askPid    = 'p' // answers its pid
	askSlow   = 's' // answers its pid, after 200 ms
	askSlower = 'S' // answers its pid, after 1.2 s
	askKeep   = 'k' // answers its pid, and keeps the connection
	askHang   = 'h' // does nothing for a minute
	askDie    = 'd' // is killed by SIGKILL
	askCrash  = 'c' // says why, and dies
	askFlags  = 'f' // answers the flags of descriptor 0, and what other descriptors it has
	askClose  = 'x' // closes the connection on purpose
)

// program is a worker; how it behaves is told by mode.
func program(mode string) {
	switch mode {
	case "exits":
		fmt.Println("a message on standard output")
		fmt.Fprintln(os.Stderr, "cannot open the database")
		os.Exit(3)
	case "never":
		time.Sleep(time.Minute)
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
	case "parent":
		child, err := syscall.ForkExec("/bin/sleep", []string{"sleep", "60"}, &syscall.ProcAttr{})
		if err != nil {
			os.Exit(1)
		}
		fmt.Printf("child %d\n", child)
	case "chatty":
		for range 5000 {
			fmt.Println("chatter")
		}
	case "later":
		if _, err := os.Stat(os.Getenv("MARK")); err != nil {
			os.Exit(4)
		}
	}
	if mode == "slow" {
		time.Sleep(1300 * time.Millisecond)
	}
	served := 0
	for {
		fd, _, err := unix.Accept(0)
		if err != nil {
			fmt.Fprintln(os.Stderr, "accept:", err)
			os.Exit(5)
		}
		c := os.NewFile(uintptr(fd), "connection")
		serve(c, mode)
		if served++; mode == "recycled" && served > 2 { // the first one is for readiness
			os.Exit(0)
		}
	}
}

func serve(c *os.File, mode string) {
	defer c.Close()
	var what [1]byte
	if mode == "shy" { // it dies of a question that it has not read
		unix.Recvfrom(int(c.Fd()), what[:], unix.MSG_PEEK)
		if what[0] == askReady {
			os.Exit(9)
		}
	}
	if _, err := c.Read(what[:]); err != nil {
		return
	}
	switch what[0] {
	case askReady:
		switch mode {
		case "touchy":
			os.Exit(8)
		case "mute":
			return
		}
		c.Write(what[:])
		if mode == "flapping" {
			os.Exit(6)
		}
	case askSlower:
		time.Sleep(1200 * time.Millisecond)
		fmt.Fprint(c, os.Getpid())
	case askSlow:
		time.Sleep(200 * time.Millisecond)
		fallthrough
	case askPid:
		fmt.Fprint(c, os.Getpid())
	case askKeep:
		fmt.Fprint(c, os.Getpid())
		c.Read(what[:])
	case askHang:
		time.Sleep(time.Minute)
	case askDie:
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case askCrash:
		fmt.Fprintln(os.Stderr, "null pointer")
		os.Exit(7)
	case askFlags:
		flags, _ := unix.FcntlInt(0, unix.F_GETFL, 0)
		fmt.Fprintf(c, "%d", flags&unix.O_NONBLOCK)
	}
}

// isReady is Spec.Ready for program.
func isReady(_ context.Context, conn net.Conn) (answered bool, err error) {
	if _, err := conn.Write([]byte{askReady}); err != nil {
		return false, nil
	}
	var answer [1]byte
	if _, err := io.ReadFull(conn, answer[:]); err != nil {
		return false, nil
	}
	return true, nil
}

// spec is one worker of program; env are more variables.
func spec(t testing.TB, mode string, env ...string) Spec {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{
		Process: process.Spec{Path: self, Env: append([]string{"WORKER=" + mode}, env...)},
		Workers: 1, StartTimeout: 5 * time.Second, Ready: isReady,
	}
}

// record is what the log was told.
type record struct {
	mu     sync.Mutex
	events []Event
	lines  []string
}

func (r *record) options() Options {
	return Options{
		Event: func(e Event) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.events = append(r.events, e)
		},
		Output: func(_ string, _ int, line string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.lines = append(r.lines, line)
		},
	}
}

func (r *record) of(kind Kind) (found []Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// all are the lines that were printed.
func (r *record) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.lines)
}

func (r *record) printed(line string) bool {
	return slices.ContainsFunc(r.all(), func(l string) bool { return strings.Contains(l, line) })
}

// pool is a Pool that is closed at the end of the test, when nothing must be left of it.
func pool(t testing.TB, s Spec) (*Pool, *record) {
	t.Helper()
	before := backendtest.Measure()
	dir := t.TempDir()
	r := &record{}
	opt := r.options()
	opt.Dir = dir
	p := NewPool(s, opt)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		p.Close(ctx)
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Error("left behind:", left)
		}
		if t, ok := t.(*testing.T); ok {
			backendtest.NoMore(t, before)
		}
	})
	return p, r
}

func readyPool(t testing.TB, s Spec) (*Pool, *record) {
	t.Helper()
	p, r := pool(t, s)
	awaitReady(t, p)
	return p, r
}

func within10s(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func awaitReady(t testing.TB, p *Pool) {
	t.Helper()
	if err := p.AwaitReady(within10s(t)); err != nil {
		t.Fatal(err)
	}
}

func lease(t testing.TB, p *Pool) *upstream.Lease {
	t.Helper()
	l, err := p.Lease(within10s(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// say says something to the peer of l and returns its answer.
func say(l *upstream.Lease, what byte) (string, error) {
	conn, err := net.DialTimeout(l.Peer.Address.Network, l.Peer.Address.Address, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := conn.Write([]byte{what}); err != nil {
		return "", err
	}
	var answer bytes.Buffer
	if _, err := answer.ReadFrom(conn); err != nil {
		return "", err
	}
	if answer.Len() == 0 {
		return "", errors.New("no answer")
	}
	return answer.String(), nil
}

// ask says something to a worker of p and returns its answer.
func ask(t testing.TB, p *Pool, what byte) string {
	t.Helper()
	l := lease(t, p)
	answer, err := say(l, what)
	if err != nil {
		l.Release(upstream.Broken)
		t.Fatal(err)
	}
	l.Release(upstream.Served)
	return answer
}

func pidOf(t testing.TB, p *Pool) int {
	t.Helper()
	pid, err := strconv.Atoi(ask(t, p, askPid))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 10s:", what)
		}
	}
}

func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !bytes.Contains(stat, []byte(") Z "))
}

func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// gatewayToKill has a guarded worker, says its pid, and waits to be killed.
func gatewayToKill() {
	guard, err := process.StartGuard(func(error) {})
	if err != nil {
		os.Exit(1)
	}
	self, _ := os.Executable()
	s := Spec{Process: process.Spec{Path: self, Env: []string{"WORKER=stubborn"}}, Ready: isReady}
	p := NewPool(s, Options{Dir: os.Getenv("GATEWAY"), Launcher: process.Exec{Guard: guard}})
	if p.AwaitReady(context.Background()) != nil {
		os.Exit(1)
	}
	fmt.Println(p.Stats().Workers[0].PID)
	select {}
}
