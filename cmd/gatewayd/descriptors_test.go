package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// With 64 descriptors and 500 clients that hold their connections nothing falls over, the operator gets through, and
// when the clients are gone everything is as before.
func TestFewDescriptors(t *testing.T) {
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	conf := filepath.Join(dir, "gatewayd.yaml")
	text := fmt.Sprintf("admin: unix:%s/admin.sock\nlog: { output: ./log, access: off }\nroutes:\n  \"/*\": { static: ./public }\n  \"/cgi-bin/*\": { cgi: ./cgi-bin }\n", dir)
	writeTestFile(t, conf, text, 0o644)
	writeTestFile(t, filepath.Join(dir, "public/a.txt"), "a file\n", 0o644)
	writeTestFile(t, filepath.Join(dir, "cgi-bin/hello"), "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n", 0o755)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(dir, "limited")
	writeTestFile(t, wrapper, "#!/bin/sh\nulimit -n 64\nexec \"$@\"\n", 0o755)
	gatewayd := filepath.Join(dir, "gatewayd")
	if err := os.Symlink(self, gatewayd); err != nil {
		t.Fatal(err)
	}
	d, urls, err := startDaemon(wrapper, dir, os.Environ(), 1, gatewayd, "run", "-c", conf, "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pid := d.cmd.Process.Pid
	defer func() {
		if d.cmd != nil {
			d.stop(syscall.SIGKILL)
		}
	}()
	host := strings.TrimPrefix(urls[0], "http://")

	var crowd []net.Conn
	for range 500 {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		crowd = append(crowd, conn)
		io.WriteString(conn, "GET /a.txt HTTP/1.1\r\nHost: h\r\n\r\nGET /cgi-bin/hello HTTP/1.1\r\nX-Unfinished") // never idle for net/http
	}
	time.Sleep(500 * time.Millisecond)
	before := cpuTime(t, pid)
	time.Sleep(2 * time.Second)
	if used := cpuTime(t, pid) - before; used > 400*time.Millisecond {
		t.Errorf("%v of processor time in 2s of waiting", used)
	}

	admin := func(args ...string) {
		t.Helper()
		out, err := exec.Command(gatewayd, append(args, "--socket", filepath.Join(dir, "admin.sock"))...).CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
	}
	admin("status")
	writeTestFile(t, conf, strings.Replace(text, "access: off", "access: text", 1), 0o644)
	admin("reload")
	os.Rename(filepath.Join(dir, "log"), filepath.Join(dir, "log.1"))
	syscall.Kill(pid, syscall.SIGUSR1)
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if _, err := os.Stat(filepath.Join(dir, "log")); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the log was not opened again")
		}
	}
	for _, conn := range crowd {
		conn.Close()
	}
	gone := time.Now()
	for _, path := range []string{"/a.txt", "/cgi-bin/hello"} {
		for {
			resp, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Get(urls[0] + path)
			if err == nil {
				resp.Body.Close()
			}
			if err == nil && resp.StatusCode == 200 {
				break
			}
			if time.Since(gone) > 5*time.Second {
				t.Fatalf("%s: %v, %v", path, resp, err)
			}
		}
	}
	t.Logf("served again %v after the crowd had left", time.Since(gone))
	requestsAreHonest(t, urls[0])
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(filepath.Join(dir, "log.1")); strings.Count(string(text), "cannot accept connections") != 1 {
		t.Errorf("the shortage was not logged once:\n%s", text)
	}
}

// requestsAreHonest sends more programs at once than there are descriptors for: each is answered, or told to come again.
func requestsAreHonest(t *testing.T, url string) {
	t.Helper()
	var good, refused atomic.Int64
	var clients sync.WaitGroup
	for range 40 {
		clients.Go(func() {
			c := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
			for range 10 {
				resp, err := c.Get(url + "/cgi-bin/hello")
				if err != nil {
					t.Error(err)
					continue
				}
				body, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				switch {
				case err == nil && resp.StatusCode == 200 && string(body) == "hello\n":
					good.Add(1)
				case err == nil && resp.StatusCode == 503:
					refused.Add(1)
				default:
					t.Errorf("%d %q %v", resp.StatusCode, body, err)
				}
			}
		})
	}
	clients.Wait()
	t.Logf("of 400 requests to programs %d were answered and %d told to come again", good.Load(), refused.Load())
	if good.Load() == 0 {
		t.Error("none was answered")
	}
}

// cpuTime is what a process has used.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	ticks := 0
	for _, field := range f[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}
