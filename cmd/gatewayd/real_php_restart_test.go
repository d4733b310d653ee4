package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatewayd/gateway/loadclient"
)

// TestFPMRestarts restarts php-fpm again and again while requests are under way: by SIGTERM and a new start, which takes
// no regard of requests and leaves nobody listening for a while, and by SIGUSR2. No GET or HEAD fails. A POST may, if its
// bytes had been sent, and is never executed twice.
func TestFPMRestarts(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			restarts := 6
			if soak() {
				restarts = 60
			}
			dir := phpSite(t)
			f := startFPM(t, network, "")
			s := serveReal(t, dir, fmt.Sprintf(`
admin: off
routes:
  "/*": { php: { root: ./site, connect: %q } }
`, f.address))
			var posts posts
			ctx, stop := context.WithCancel(context.Background())
			done := make(chan *loadclient.Report)
			go func() {
				done <- loadclient.Load{Address: strings.TrimPrefix(s.url, "http://"), Clients: 8, Duration: time.Hour, Rate: 500, Next: noteRequest, Done: posts.done}.Run(ctx)
			}()
			for n := range restarts {
				time.Sleep(500 * time.Millisecond)
				if n%2 == 0 {
					f.stop()
					f.start()
				} else {
					f.reload()
				}
			}
			time.Sleep(500 * time.Millisecond)
			stop()
			report := <-done
			t.Logf("%d restarts: %v", restarts, report)
			if report.Failures() > 0 {
				t.Error("requests failed that could have been repeated, or failed in another way than by a 502")
			}
			posts.judge(t, filepath.Join(dir, "executions"), 8*restarts) // those under way
		})
	}
}

// noteRequest is the request number n to a script that notes each execution.
func noteRequest(n int) *loadclient.Request {
	r := &loadclient.Request{Method: []string{"GET", "HEAD", "POST"}[n%3], Target: fmt.Sprint("/note.php?id=", n)}
	if r.Method == "POST" {
		r.Want.Status = []int{200, 502}
	}
	return r
}

// reload has php-fpm start itself again by SIGUSR2, and returns when it has.
func (f *fpm) reload() {
	f.t.Helper()
	ready := func() int {
		text, _ := os.ReadFile(filepath.Join(f.dir, "fpm.log"))
		return strings.Count(string(text), "ready to handle connections")
	}
	before := ready()
	syscall.Kill(f.cmd.Process.Pid, syscall.SIGUSR2)
	for deadline := time.Now().Add(patience); ready() == before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatal("php-fpm did not start itself again")
		}
	}
}
