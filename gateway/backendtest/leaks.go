package backendtest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"
)

// Residue is what a test could leave behind in this process.
type Residue struct {
	Goroutines  int
	Descriptors int
	Children    int // processes of ours, zombies among them
}

// Measure counts what there is now.
func Measure() Residue {
	fds, _ := os.ReadDir("/proc/self/fd")
	return Residue{Goroutines: runtime.NumGoroutine(), Descriptors: len(fds), Children: len(Children())}
}

// NoMore fails t unless, within ten seconds, there is no more than there was before.
func NoMore(t *testing.T, before Residue) {
	t.Helper()
	var now Residue
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		now = Measure()
		if now.Goroutines <= before.Goroutines && now.Descriptors <= before.Descriptors && now.Children <= before.Children {
			return
		}
	}
	var stacks bytes.Buffer
	if now.Goroutines > before.Goroutines {
		pprof.Lookup("goroutine").WriteTo(&stacks, 1)
	}
	t.Errorf("left behind: %+v before, %+v now\nchildren: %q\ndescriptors: %s\n%s", before, now, Children(), descriptors(), stacks.String())
}

// Children are the lines of /proc/PID/stat of the processes whose parent this process is.
func Children() (all []string) {
	names, _ := filepath.Glob("/proc/[0-9]*/stat")
	mine := fmt.Sprint(os.Getpid())
	for _, name := range names {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		after := string(stat[bytes.LastIndexByte(stat, ')')+1:])
		if fields := strings.Fields(after); len(fields) > 1 && fields[1] == mine {
			all = append(all, strings.TrimSpace(string(stat)))
		}
	}
	return all
}

func descriptors() string {
	var all []string
	links, _ := filepath.Glob("/proc/self/fd/*")
	for _, link := range links {
		to, _ := os.Readlink(link)
		all = append(all, filepath.Base(link)+" -> "+to)
	}
	return strings.Join(all, ", ")
}
