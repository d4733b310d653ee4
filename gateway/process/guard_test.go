package process

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// guardedScripts are programs that a killed parent must not leave behind.
func guardedScripts() []Spec {
	shimmed := sh("sleep 600")
	shimmed.Umask = ptr(0)
	return []Spec{
		sh("exec sleep 600"),
		sh("sleep 600 & sleep 600"),
		sh("trap '' TERM; sleep 600 & while :; do sleep 600; done"),
		shimmed,
	}
}

// guardedHelper starts all of them twice over, lets one more leave a child in the background, and waits to be killed.
func guardedHelper() {
	guard, err := StartGuard(func(err error) { fmt.Println("failed:", err) })
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	background := sh("sleep 600 >/dev/null 2>&1 & echo $!")
	background.Stdout = os.Stdout
	p, err := Exec{guard}.Start(background)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	<-p.Done()
	for range 2 {
		for _, s := range guardedScripts() {
			p, err := Exec{guard}.Start(s)
			if err != nil {
				fmt.Println(err)
				os.Exit(1)
			}
			fmt.Println(p.Pid())
		}
	}
	fmt.Println("guard", guard.Pid())
	select {}
}

func TestKilledParentLeavesNobody(t *testing.T) {
	ours, theirs, err := OutputPipe("stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	parent := start(t, Spec{Path: selfExe, Args: []string{"test"}, Env: []string{"PROCESS_TEST_HELPER=guarded"}, Stdout: theirs})
	theirs.Close()
	ours.SetReadDeadline(time.Now().Add(20 * time.Second))
	lines := bufio.NewScanner(ours)
	var groups []int
	guard := 0
	for guard == 0 && lines.Scan() {
		if pid, ok := strings.CutPrefix(lines.Text(), "guard "); ok {
			guard, _ = strconv.Atoi(pid)
			break
		}
		pid, err := strconv.Atoi(lines.Text())
		if err != nil {
			t.Fatal(lines.Text())
		}
		groups = append(groups, pid)
	}
	if len(groups) != 1+2*len(guardedScripts()) || guard == 0 {
		t.Fatalf("groups %v, guard %d, %v", groups, guard, lines.Err())
	}
	background := groups[0]
	defer syscall.Kill(background, syscall.SIGKILL)
	time.Sleep(50 * time.Millisecond) // the children of the scripts, too
	killed := time.Now()
	syscall.Kill(parent.Pid(), syscall.SIGKILL)
	<-parent.Done()
	eventually(t, "every group is gone", func() bool {
		for _, pgid := range groups[1:] {
			if groupAlive(pgid) {
				return false
			}
		}
		return true
	})
	if took := time.Since(killed); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
	eventually(t, "the guard is gone", func() bool { return !alive(guard) })
	if !alive(background) {
		t.Error("what a program has left in the background when it ended was ended too")
	}
}

// groupAlive says whether the group has a process that is not a zombie: in a container nobody may reap them.
func groupAlive(pgid int) bool {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if f[2] == strconv.Itoa(pgid) && f[0] != "Z" {
			return true
		}
	}
	return false
}

func TestGuardTakesPlacesBack(t *testing.T) {
	guard, err := StartGuard(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Close()
	for range 3 {
		var running []*Process
		for range 20 {
			running = append(running, startBy(t, Exec{guard}, sh("read x")))
		}
		if got := guarded(guard); got == 0 { // some may have ended: they read from /dev/null
			t.Log("all have ended already")
		}
		for _, p := range running {
			wait(t, p)
		}
	}
	if got := guarded(guard); got != 0 || len(guard.free) != guardPlaces {
		t.Errorf("%d groups in the table, %d places free", got, len(guard.free))
	}
}

func guarded(g *Guard) (n int) {
	for _, pid := range g.table {
		if pid != 0 {
			n++
		}
	}
	return n
}

func TestGuardIsStartedAgain(t *testing.T) {
	failed := make(chan error, 10)
	guard, err := StartGuard(func(err error) { failed <- err })
	if err != nil {
		t.Fatal(err)
	}
	first := guard.Pid()
	p := startBy(t, Exec{guard}, Spec{Path: "/bin/sleep", Args: []string{"sleep", "600"}})
	syscall.Kill(first, syscall.SIGKILL)
	if err := <-failed; !strings.Contains(err.Error(), "SIGKILL") {
		t.Error(err)
	}
	eventually(t, "another guard", func() bool { return guard.Pid() != first })
	if !alive(p.Pid()) {
		t.Error("the program is gone with its guard")
	}
	guard.Close() // the new one knows of the program
	wait(t, p)
}

func TestStoppedGuardIsNotWaitedFor(t *testing.T) {
	guard, err := StartGuard(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(guard.Pid(), syscall.SIGSTOP)
	closed := make(chan struct{})
	go func() {
		guard.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(2 * guardTime):
		syscall.Kill(guard.Pid(), syscall.SIGCONT)
		t.Error("the end of the server waits for its guard")
		<-closed
	}
}

func TestNoGuard(t *testing.T) {
	var g *Guard
	g.remove(g.add(1))
	full := &Guard{}
	if place := full.add(1); place != unguarded {
		t.Errorf("place %d in a table without any", place)
	}
	full.remove(unguarded)
}

// Being told to end with the rest of its service, the guard stays until nothing is left to guard.
func TestGuardOutlivesTheUsualSignals(t *testing.T) {
	guard, err := StartGuard(func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	defer guard.Close()
	ignores := func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", guard.Pid()))
		return strings.Contains(string(text), "SigIgn:\t0000000000005003\n") || strings.Contains(string(text), "SigIgn:\t0000000000005")
	}
	eventually(t, "it ignores them", ignores)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		syscall.Kill(guard.Pid(), sig)
	}
	time.Sleep(50 * time.Millisecond)
	if !alive(guard.Pid()) {
		t.Error("it has ended")
	}
}
