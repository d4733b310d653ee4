package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Programs that use up the limit of processes of their user, who is gatewayd's too, take nothing down: requests are
// refused honestly, and when the programs are gone everything is as before.
func TestFewProcesses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("this test needs root, as scripts/test.sh does")
	}
	const user = 34567
	dir, err := os.MkdirTemp("/tmp", "gw")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), "admin: off\nlog: { access: off }\nroutes:\n  \"/cgi-bin/*\": { cgi: ./cgi-bin, max_running: none }\n", 0o644)
	writeTestFile(t, filepath.Join(dir, "cgi-bin/slow"), "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\ncat > /dev/null; sleep 0.3 & sleep 0.3 & sleep 0.3; echo hello\n", 0o755)
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	writeTestFile(t, filepath.Join(dir, "gatewayd"), string(self), 0o755)
	wrapper := filepath.Join(dir, "limited")
	writeTestFile(t, wrapper, fmt.Sprintf("#!/bin/sh\nexec setpriv --reuid %d --regid %d --clear-groups prlimit --nproc=160 \"$@\"\n", user, user), 0o755)
	if err := exec.Command("chmod", "-R", "a+rX", dir).Run(); err != nil {
		t.Fatal(err)
	}
	d, urls, err := startDaemon(wrapper, dir, []string{"PATH=" + os.Getenv("PATH"), "GATEWAYD_TEST=1"}, 1, filepath.Join(dir, "gatewayd"), "run", "--listen", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if d.cmd != nil {
			d.stop(syscall.SIGKILL)
		}
	}()
	body := bytes.Repeat([]byte("x"), 300_000) // more than memory takes, so that files are written
	var whole, refused, other atomic.Int64
	c := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	defer c.CloseIdleConnections()
	post := func() int {
		resp, err := c.Post(urls[0]+"/cgi-bin/slow", "text/plain", bytes.NewReader(body))
		if err != nil {
			t.Error(err)
			return 0
		}
		defer resp.Body.Close()
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	var clients sync.WaitGroup
	for range 200 {
		clients.Go(func() {
			for range 3 {
				switch post() {
				case 200:
					whole.Add(1)
				case 503:
					refused.Add(1)
				default: // the script itself could not fork, or had been cut off by its own shell
					other.Add(1)
				}
			}
		})
	}
	clients.Wait()
	t.Logf("%d answered, %d refused, %d of other kinds", whole.Load(), refused.Load(), other.Load())
	if refused.Load() == 0 || whole.Load() == 0 {
		t.Error("the limit was not reached, or nothing was: this test tells nothing")
	}
	for deadline := time.Now().Add(patience); post() != 200; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("requests are still refused though nothing runs")
		}
	}
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	exec.Command("pkill", "-9", "-U", strconv.Itoa(user)).Run()
}
