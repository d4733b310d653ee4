package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guardName is the name under which this executable is a guard.
const guardName = "gatewayd: guard"

const (
	guardPlaces = 16 << 10        // groups that a Guard knows at most
	guardGrace  = time.Second / 2 // between SIGTERM and SIGKILL for what is left
	guardTime   = 4 * guardGrace  // for the guard's own end
	guardPause  = time.Second     // before a guard that has ended is started again
	guardSize   = guardPlaces * 4 // bytes of the table
	guardPoll   = 10 * time.Millisecond
)

// Guard ends the groups of running processes when this process is gone without having done so itself, however it went:
// not even SIGKILL leaves orphans. It is a process of its own that sleeps until the pipe that it reads is closed by the
// kernel. Which groups there are stands in memory that both share, so that starting a program costs no system call
// more. No program can reach that memory. A nil *Guard guards nothing.
type Guard struct {
	table  []int32  // shared; a group's number, or 0
	memory *os.File // of the table
	failed func(error)

	mu     sync.Mutex
	free   []int32 // places
	alive  *os.File
	proc   *Process
	closed bool
}

// StartGuard starts a guard; the caller closes it when every process has ended. A guard that ends before is started
// again; failed is told of it, and of what keeps it from starting.
func StartGuard(failed func(error)) (*Guard, error) {
	fd, err := unix.MemfdCreate("gatewayd-guard", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	g := &Guard{memory: os.NewFile(uintptr(fd), "guard"), failed: failed}
	if g.table, err = mapTable(fd, unix.PROT_READ|unix.PROT_WRITE); err == nil {
		g.mu.Lock() // it may end at once
		err = g.start()
		g.mu.Unlock()
	}
	if err != nil {
		g.memory.Close()
		return nil, fmt.Errorf("start the guard: %w", err)
	}
	for i := range int32(guardPlaces) {
		g.free = append(g.free, guardPlaces-1-i)
	}
	return g, nil
}

func mapTable(fd, protection int) ([]int32, error) {
	if protection&unix.PROT_WRITE != 0 {
		if err := unix.Ftruncate(fd, guardSize); err != nil {
			return nil, os.NewSyscallError("ftruncate", err)
		}
	}
	memory, err := unix.Mmap(fd, 0, guardSize, protection, unix.MAP_SHARED)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return unsafe.Slice((*int32)(unsafe.Pointer(&memory[0])), guardPlaces), nil
}

// start starts the process. Its standard input is the pipe, its standard output the table.
func (g *Guard) start() error {
	alive, theirs, err := InputPipe("guard")
	if err != nil {
		return err
	}
	defer theirs.Close()
	proc, err := Start(Spec{Path: selfExe, Args: []string{guardName}, Dir: "/", Stdin: theirs, Stdout: g.memory, OnExit: g.ended, outlives: true})
	if err != nil {
		alive.Close()
		return err
	}
	g.alive, g.proc = alive, proc
	return nil
}

func (g *Guard) ended(s State) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	g.alive.Close()
	g.failed(fmt.Errorf("the guard has ended (%s) and is started again", s))
	time.AfterFunc(guardPause, g.restart)
}

func (g *Guard) restart() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return
	}
	if err := g.start(); err != nil {
		g.failed(fmt.Errorf("start the guard again: %w", err))
		time.AfterFunc(guardPause, g.restart)
	}
}

// Pid is the guard's own process.
func (g *Guard) Pid() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.proc.Pid()
}

// Close ends the guard and waits for it. What is still in its table is ended by it. One that takes longer than
// guardTime, since somebody has stopped it, is killed.
func (g *Guard) Close() {
	g.mu.Lock()
	g.closed = true
	g.alive.Close()
	g.memory.Close()
	proc := g.proc
	g.mu.Unlock()
	late := time.AfterFunc(guardTime, func() { proc.Stop(0) })
	defer late.Stop()
	<-proc.Done()
}

const unguarded = -1

// add puts a group into the table; when there is no place left, it does without.
func (g *Guard) add(pid int) (place int) {
	if g == nil {
		return unguarded
	}
	g.mu.Lock()
	if len(g.free) == 0 {
		g.mu.Unlock()
		return unguarded
	}
	last := len(g.free) - 1
	at := g.free[last]
	g.free = g.free[:last]
	g.mu.Unlock()
	atomic.StoreInt32(&g.table[at], int32(pid))
	return int(at)
}

// remove takes a group out. It must not have been reaped: its number could be another's.
func (g *Guard) remove(place int) {
	if g == nil || place == unguarded {
		return
	}
	atomic.StoreInt32(&g.table[place], 0)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.free = append(g.free, int32(place))
}

// GuardMain is for the first line of main: in a process that was started as a guard it is one, and ends; in any other it
// does nothing.
func GuardMain() {
	if len(os.Args) != 1 || os.Args[0] != guardName {
		return
	}
	// Whoever stops the whole service must not stop this process first.
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE)
	table, err := mapTable(int(os.Stdout.Fd()), unix.PROT_READ)
	if err != nil {
		os.Exit(1)
	}
	io.Copy(io.Discard, os.Stdin) // returns when nobody can write any more
	endGroups(table)
	os.Exit(0)
}

// endGroups ends what is in the table.
func endGroups(table []int32) {
	groups := []int{}
	for i := range table {
		if pid := atomic.LoadInt32(&table[i]); pid > 1 {
			groups = append(groups, int(pid))
			syscall.Kill(-int(pid), syscall.SIGTERM)
			syscall.Kill(-int(pid), syscall.SIGCONT)
		}
	}
	// One that is gone is forgotten at once: its number may soon be another's.
	for end := time.Now().Add(guardGrace); len(groups) > 0 && time.Now().Before(end); time.Sleep(guardPoll) {
		groups = slices.DeleteFunc(groups, isGone)
	}
	for _, pid := range groups {
		syscall.Kill(-pid, syscall.SIGKILL)
	}
}

func isGone(group int) bool { return errors.Is(syscall.Kill(-group, 0), syscall.ESRCH) }
