package process

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// initHelper is the server below process 1: it makes orphans, says what became of them, and ends with 7 when it is told to
// by SIGTERM.
func initHelper() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	for range 5 {
		p, err := Start(sh("sleep 0.05 & exit 3"))
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		if <-p.Done(); p.state.ExitCode() != 3 {
			fmt.Println("an exit status was stolen:", p.state)
			os.Exit(1)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); len(others()) > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Printf("pid %d, parent %d, others %v\n", os.Getpid(), os.Getppid(), others())
	<-told
	os.Exit(7)
}

// others are the processes of the namespace but the first two.
func others() (all []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range stats {
		if stat, err := os.ReadFile(name); err == nil && name != "/proc/1/stat" && name != fmt.Sprintf("/proc/%d/stat", os.Getpid()) {
			all = append(all, strings.TrimSpace(string(stat)))
		}
	}
	return all
}

func TestInit(t *testing.T) {
	needRoot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", self)
	cmd.Env = []string{"PROCESS_TEST_HELPER=init", "PATH=" + os.Getenv("PATH")}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	line, err := bufio.NewReader(out).ReadString('\n')
	if !strings.HasSuffix(line, "parent 1, others []\n") {
		t.Fatalf("%q, %v", line, err)
	}
	// unshare waits in the outer namespace; what it started is process 1.
	child := childOf(t, cmd.Process.Pid)
	syscall.Kill(child, syscall.SIGTERM)
	err = cmd.Wait()
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 7 {
		t.Errorf("ended with %v, want exit status 7", err)
	}
}

func childOf(t *testing.T, pid int) (child int) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if _, serr := fmt.Sscan(string(text), &child); err != nil || serr != nil {
		t.Fatal(err, serr)
	}
	return child
}
