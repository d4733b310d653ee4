package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// announcing are programs that write the number of their group into a file below their directory pids, named by the
// query, once they are as the test wants them: a shell's $$ is its group's number, since gatewayd gives each program a
// group of its own.
type announcing struct {
	*served
	pids string
}

// announcement is the line of a script that says so.
const announcement = `echo $$ >"$PIDS/$QUERY_STRING"` + "\n"

// serveAnnouncing serves scripts (name -> text without the first line) in a directory as /*, with more options. Scripts
// that are left at the end of the test are killed.
func serveAnnouncing(t *testing.T, scripts map[string]string, conf string) *announcing {
	t.Helper()
	adoptOrphans(t)
	dir := t.TempDir()
	a := &announcing{pids: filepath.Join(dir, "pids")}
	if err := os.Mkdir(a.pids, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range scripts {
		writeTestFile(t, filepath.Join(dir, "cgi-bin", name), "#!/bin/sh\n"+text, 0o755)
	}
	t.Cleanup(func() {
		files, _ := os.ReadDir(a.pids)
		for _, f := range files { // nothing is left, unless the test has failed
			if group, err := a.group(f.Name()); err == nil && groupAlive(group) {
				syscall.Kill(-group, syscall.SIGKILL)
			}
		}
	})
	a.served = serveConfig(t, dir, fmt.Sprintf("admin: off\nenv: { PIDS: %q }\n%s", a.pids, conf))
	return a
}

// group is that of the program which was asked for with this query.
func (a *announcing) group(query string) (int, error) {
	text, err := os.ReadFile(filepath.Join(a.pids, query))
	if err != nil {
		return 0, err
	}
	line, whole := strings.CutSuffix(string(text), "\n")
	if !whole {
		return 0, errors.New("not written yet")
	}
	return strconv.Atoi(line)
}

// awaitGroup waits for the announcement.
func (a *announcing) awaitGroup(query string) (group int, err error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if group, err = a.group(query); err == nil {
			return group, nil
		}
	}
	return 0, fmt.Errorf("the program %s did not begin: %w", query, err)
}

// begin asks for target?query and returns once the program is there; the caller closes the connection.
func (a *announcing) begin(target, query string) (conn *net.TCPConn, group int, err error) {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(a.url, "http://"), patience)
	if err != nil {
		return nil, 0, err
	}
	conn = c.(*net.TCPConn)
	conn.SetDeadline(time.Now().Add(patience))
	if _, err = fmt.Fprintf(conn, "GET %s?%s HTTP/1.1\r\nHost: h\r\n\r\n", target, query); err == nil {
		group, err = a.awaitGroup(query)
	}
	if err != nil {
		conn.Close()
	}
	return conn, group, err
}

// adoptOrphans makes this process the one that reaps the children of programs, for the length of a test: the system's
// own init may take seconds, in which they would count as alive. See groupAlive.
func adoptOrphans(t *testing.T) {
	t.Helper()
	adopt := func(on uintptr) {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, on, 0, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	adopt(1)
	t.Cleanup(func() { adopt(0) })
}

// groupAlive says whether a process of the group is left. Orphans of it that have ended are reaped; a leader that has
// ended and that gatewayd has not reaped counts.
func groupAlive(group int) bool {
	for {
		pid, err := syscall.Wait4(-group, nil, syscall.WNOHANG, nil)
		if err == nil && pid <= 0 || err != nil && err != syscall.EINTR {
			break
		}
	}
	return !errors.Is(syscall.Kill(-group, 0), syscall.ESRCH)
}

// awaitGroupGone waits until no process of the group is left.
func awaitGroupGone(group int) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(500 * time.Microsecond) {
		if !groupAlive(group) {
			return nil
		}
	}
	return fmt.Errorf("the group %d was left behind", group)
}

// children are the processes below gatewayd, as they were started, without the one that guards them.
func (s *served) children() (all []string) {
	for _, pid := range descendants(s.pid) {
		if line := commandLine(pid); !strings.HasPrefix(line, "gatewayd: guard") {
			all = append(all, fmt.Sprint(pid, " ", line))
		}
	}
	return all
}

// commandLine is what a process was started as; "" for a zombie.
func commandLine(pid int) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return strings.ReplaceAll(string(text), "\x00", " ")
}

// quantiles are for a log line; all is sorted by it. Of nothing they are 0.
func quantiles(all []time.Duration) (p50, p99, longest time.Duration) {
	if len(all) == 0 {
		return 0, 0, 0
	}
	slices.Sort(all)
	at := func(q float64) time.Duration {
		return all[min(int(q*float64(len(all))), len(all)-1)].Round(100 * time.Microsecond)
	}
	return at(0.5), at(0.99), at(1)
}
