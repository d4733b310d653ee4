package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const answering = "admin: off\nroutes: { /*: { respond: { status: 200, body: hello } } }\n"

// serveToPipe serves answering with a pipe as standard error.
func serveToPipe(t *testing.T) (d *daemon, url string, stderr *os.File) {
	t.Helper()
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), answering, 0o644)
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	t.Cleanup(func() { reader.Close() })
	program, err := exec.LookPath("gatewayd")
	if err != nil {
		t.Fatal(err)
	}
	d = &daemon{cmd: exec.Command(program, "run", "--listen", "127.0.0.1:0"), ended: make(chan struct{})}
	d.cmd.Dir, d.cmd.Stdout, d.cmd.Stderr = dir, &d.stdout, writer
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	t.Cleanup(func() {
		if d.cmd != nil {
			d.stop(syscall.SIGKILL)
		}
	})
	line, err := d.stdout.await(regexp.MustCompile(`listening on \S+\n`), 0, d.ended)
	if err != nil {
		t.Fatal(err)
	}
	return d, strings.TrimPrefix(strings.TrimSpace(line), "listening on "), reader
}

// getMany makes n requests, each of which makes a long line of the access log, and wants each answered.
func getMany(t *testing.T, url string, n int) {
	t.Helper()
	for i := range n {
		resp, err := http.Get(fmt.Sprint(url, "/", i, "/", strings.Repeat("x", 10<<10)))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if string(body) != "hello" || err != nil {
			t.Fatalf("request %d: %s %q, %v", i, resp.Status, body, err)
		}
	}
}

// A log that nobody reads any more is no reason to end.
func TestStandardErrorWithoutAReader(t *testing.T) {
	d, url, stderr := serveToPipe(t)
	stderr.Close()
	getMany(t, url, 3)
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

// A log that nobody reads for now is no reason to wait: what has no room is lost, and the log says so.
func TestStandardErrorThatNobodyReads(t *testing.T) {
	d, url, stderr := serveToPipe(t)
	getMany(t, url, 200) // 2 MiB; a pipe and the buffer behind it hold less
	line := regexp.MustCompile(`^\S+ (127\.0\.0\.1 "GET /.* id=[0-9a-f]+|(WRN|ERR|INF) .*)$`)
	in := bufio.NewScanner(stderr)
	in.Buffer(nil, 1<<20)
	requests, lost := 0, 0
	for lost == 0 && in.Scan() {
		if !line.MatchString(in.Text()) {
			t.Fatalf("a broken line: %.200q", in.Text())
		}
		if strings.Contains(in.Text(), `"GET /`) {
			requests++
		}
		if _, after, ok := strings.Cut(in.Text(), " lost="); ok {
			fmt.Sscan(after, &lost)
		}
	}
	if sum := requests + lost; sum < 199 || sum > 200 || requests < 100 { // the last line may come after the answer
		t.Errorf("%d requests in the log and %d lost, of 200", requests, lost)
	}
	go io.Copy(io.Discard, stderr)
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

func TestStandardErrorThatNobodyReadsAtTheEnd(t *testing.T) {
	d, url, _ := serveToPipe(t)
	getMany(t, url, 20)
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

// A log file that may grow no further (ulimit -f) is no reason to end either.
func TestLogFileThatMayNotGrow(t *testing.T) {
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), "log: { output: ./log }\n"+answering, 0o644)
	d, urls, err := startDaemon("/bin/sh", dir, os.Environ(), 1, "-c", "ulimit -f 64; exec gatewayd run --listen 127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	getMany(t, urls[0], 20)
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "log")); err != nil || info.Size() < 16<<10 || info.Size() > 64<<10 {
		t.Errorf("the log has not met its limit: %v, %v", info.Size(), err)
	}
}
