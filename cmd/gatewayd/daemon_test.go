package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a test waits for what must happen; it is only used up when something is wrong.
const patience = 20 * time.Second

// daemon is a gatewayd that a test has started.
type daemon struct {
	cmd    *exec.Cmd
	stdout notedOutput
	stderr notedOutput
	ended  chan struct{}
	err    error // of Wait
}

// notedOutput keeps what a process writes and wakes those who wait for it.
type notedOutput struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *notedOutput) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *notedOutput) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the text from offset on matches.
func (o *notedOutput) await(re *regexp.Regexp, offset int, ended <-chan struct{}) (string, error) {
	deadline := time.Now().Add(patience)
	for {
		text := o.String()
		if m := re.FindString(text[offset:]); m != "" {
			return m, nil
		}
		select {
		case <-ended:
			if m := re.FindString(o.String()[offset:]); m != "" {
				return m, nil
			}
			return "", fmt.Errorf("gatewayd ended before %q was seen in:\n%s", re, o.String())
		default:
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("%q was not seen in:\n%s", re, text)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// startDaemon runs the program with args in dir and env and waits until it listens; urls are where.
func startDaemon(program, dir string, env []string, listeners int, args ...string) (d *daemon, urls []string, err error) {
	d = &daemon{ended: make(chan struct{})}
	d.cmd = exec.Command(program, args...)
	d.cmd.Dir, d.cmd.Env = dir, env
	d.cmd.Stdout, d.cmd.Stderr = &d.stdout, &d.stderr
	if err := d.cmd.Start(); err != nil {
		return nil, nil, err
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	if _, err := d.stdout.await(regexp.MustCompile(strings.Repeat(`(?s)listening on \S+\n.*`, listeners)), 0, d.ended); err != nil {
		d.stop(syscall.SIGKILL)
		return nil, nil, fmt.Errorf("%w\n%s", err, d.stderr.String())
	}
	for _, m := range regexp.MustCompile(`listening on (\S+)`).FindAllStringSubmatch(d.stdout.String(), -1) {
		urls = append(urls, m[1])
	}
	return d, urls, nil
}

// stop ends the daemon with sig and says what it left behind.
func (d *daemon) stop(sig syscall.Signal) error {
	if d == nil || d.cmd == nil {
		return errors.New("no gatewayd runs")
	}
	children := descendants(d.cmd.Process.Pid)
	d.cmd.Process.Signal(sig)
	select {
	case <-d.ended:
	case <-time.After(patience):
		d.cmd.Process.Kill()
		<-d.ended
		return fmt.Errorf("gatewayd did not end after %v:\n%s", sig, d.stderr.String())
	}
	d.cmd = nil
	if d.err != nil {
		return fmt.Errorf("gatewayd ended with %v:\n%s", d.err, d.stderr.String())
	}
	for _, pid := range children {
		if err := awaitGone(pid); err != nil {
			return err
		}
	}
	return nil
}

// descendants are the processes below pid.
func descendants(pid int) (all []int) {
	var text []byte
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		more, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		text = append(text, more...)
	}
	for _, field := range strings.Fields(string(text)) {
		if child, err := strconv.Atoi(field); err == nil {
			all = append(all, child)
			all = append(all, descendants(child)...)
		}
	}
	return all
}

func awaitGone(pid int) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return nil
		}
	}
	return fmt.Errorf("process %d was left behind", pid)
}

// daemonKey finds the slot for the daemon of a script in its values.
type daemonKey struct{}

func current(ts *testscript.TestScript) *daemon {
	d := *ts.Value(daemonKey{}).(**daemon)
	if d == nil {
		ts.Fatalf("serve comes first")
	}
	return d
}

func cmdServe(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("unsupported: ! serve; use ! exec gatewayd run")
	}
	listeners := 1
	if len(args) > 0 && strings.HasPrefix(args[0], "listeners=") {
		n, err := strconv.Atoi(strings.TrimPrefix(args[0], "listeners="))
		ts.Check(err)
		listeners, args = n, append([]string{"run"}, args[1:]...)
	} else {
		args = append([]string{"run", "--listen", "127.0.0.1:0"}, args...)
	}
	program, err := lookIn(ts.Getenv("PATH"), "gatewayd")
	ts.Check(err)
	env := []string{"PATH=" + ts.Getenv("PATH"), "ADMIN=" + ts.Getenv("ADMIN"), "HOME=" + ts.Getenv("WORK"), "SECRET_OF_THE_SERVER=1", "PASSED=passed"}
	d, urls, err := startDaemon(program, ts.MkAbs("."), env, listeners, args...)
	ts.Check(err)
	ts.Setenv("URL", urls[0])
	ts.Setenv("HOST", strings.TrimPrefix(urls[0], "http://"))
	ts.Setenv("PID", strconv.Itoa(d.cmd.Process.Pid))
	*ts.Value(daemonKey{}).(**daemon) = d
	ts.Defer(func() {
		if d.cmd != nil {
			d.stop(syscall.SIGKILL)
		}
		ts.Logf("gatewayd wrote:\n%s", d.stderr.String())
	})
}

func lookIn(path, name string) (string, error) {
	for dir := range strings.SplitSeq(path, ":") {
		if info, err := os.Stat(dir + "/" + name); err == nil && info.Mode()&0o111 != 0 {
			return dir + "/" + name, nil
		}
	}
	return "", fmt.Errorf("%s is not in %s", name, path)
}

func cmdHTTP(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: http [CURL ARGS] URL")
	}
	last := len(args) - 1
	if strings.HasPrefix(args[last], "/") {
		args[last] = ts.Getenv("URL") + args[last]
	}
	args = append([]string{"--silent", "--show-error", "--include", "--path-as-is", "--max-time", "20"}, args...)
	err := ts.Exec("curl", args...)
	if neg != (err != nil) {
		ts.Fatalf("curl: %v", err)
	}
}

func cmdRaw(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: raw FILE")
	}
	conn, err := net.Dial("tcp", ts.Getenv("HOST"))
	ts.Check(err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	_, err = io.WriteString(conn, strings.ReplaceAll(ts.ReadFile(args[0]), "\n", "\r\n"))
	ts.Check(err)
	answer, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		ts.Fatalf("%v after %q", err, answer)
	}
	ts.Stdout().Write(bytes.ReplaceAll(answer, []byte("\r\n"), []byte("\n")))
}

func cmdLog(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: log REGEXP")
	}
	d := current(ts)
	re := regexp.MustCompile("(?m)" + args[0])
	if neg {
		if m := re.FindString(d.stderr.String()); m != "" {
			ts.Fatalf("the log has %q", m)
		}
		return
	}
	_, err := d.stderr.await(re, 0, d.ended)
	ts.Check(err)
}

func cmdSighup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sighup REGEXP")
	}
	d := current(ts)
	offset := len(d.stderr.String())
	ts.Check(d.cmd.Process.Signal(syscall.SIGHUP))
	_, err := d.stderr.await(regexp.MustCompile("(?m)"+args[0]), offset, d.ended)
	ts.Check(err)
}

func cmdEnd(ts *testscript.TestScript, neg bool, args []string) {
	sig := syscall.SIGTERM
	switch {
	case len(args) == 1 && args[0] == "INT":
		sig = syscall.SIGINT
	case len(args) == 1 && args[0] == "sent":
		sig = 0
	case len(args) > 0:
		ts.Fatalf("usage: end [INT|sent]")
	}
	err := current(ts).stop(sig)
	if neg != (err != nil) {
		ts.Fatalf("end: %v", err)
	}
}
