package process

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// threadsHelper uses up the limit of processes and then needs a few threads more than it had.
func threadsHelper() {
	ReserveThreads()
	var running []*Process
	for {
		p, err := Start(Spec{Path: "/bin/sleep", Args: []string{"sleep", "60"}})
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		running = append(running, p)
	}
	var blocked sync.WaitGroup
	for range 8 {
		blocked.Go(func() {
			wait := unix.NsecToTimespec(int64(300 * time.Millisecond))
			unix.Nanosleep(&wait, nil) // blocks its thread, as the kernel's file systems do
		})
	}
	blocked.Wait()
	for _, p := range running {
		p.Stop(0)
		<-p.Done()
	}
	fmt.Println("alive after", len(running), "programs")
}

func TestReserveThreads(t *testing.T) {
	needRoot(t)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for d := dir; strings.HasPrefix(d, os.TempDir()+"/"); d = d[:strings.LastIndexByte(d, '/')] {
		os.Chmod(d, 0o755)
	}
	if err := os.WriteFile(dir+"/test", self, 0o755); err != nil {
		t.Fatal(err)
	}
	got := output(t, Spec{
		Path: dir + "/test", Env: []string{"PROCESS_TEST_HELPER=threads"}, Dir: "/tmp",
		User: &User{Name: "somebody", UID: 45678, GID: 45678}, Limits: []Limit{{unix.RLIMIT_NPROC, 120}},
	})
	if !strings.HasPrefix(got, "alive after") {
		t.Errorf("got %q", got)
	}
}
