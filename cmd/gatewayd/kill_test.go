package main

import (
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

// orphanTime is how long a program may outlive a gatewayd that was killed.
const orphanTime = 2 * time.Second

// A gatewayd that is killed cannot stop its programs; they must not run on without it.
func TestKilledLeavesNoPrograms(t *testing.T) {
	scripts := map[string]string{
		"silent.sh":   announcement + "exec sleep 60\n",
		"writing.sh":  announcement + "printf 'Content-Type: text/plain\\n\\n'\nexec cat /dev/zero\n",
		"stubborn.sh": "trap '' TERM HUP INT PIPE\n" + announcement + "while :; do sleep 60; done\n",
		"children.sh": "sleep 60 & (trap '' TERM HUP INT; sleep 60) & sleep 0.05\n" + announcement + "wait\n",
	}
	a := serveKilled(t, scripts)
	var conns []net.Conn
	for range 5 {
		for name := range scripts {
			conn, _, err := a.begin("/"+name, fmt.Sprint(len(conns)))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conns = append(conns, conn)
		}
	}
	variable := "PIDS=" + a.pids
	if n := len(programsOf(variable)); n < len(conns) {
		t.Fatalf("%d processes of %d programs", n, len(conns))
	}
	killed := time.Now()
	a.cmd.Process.Kill()
	<-a.ended
	for {
		left := programsOf(variable)
		if len(left) == 0 {
			break
		}
		if time.Since(killed) > orphanTime {
			t.Fatalf("%d processes are left %v after gatewayd was killed: %q", len(left), orphanTime, left)
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Logf("all processes of %d programs were gone after %v", len(conns), time.Since(killed).Round(time.Millisecond))
}

// serveKilled is serveAnnouncing for a gatewayd that does not live to the end of the test.
func serveKilled(t *testing.T, scripts map[string]string) *announcing {
	a := serveAnnouncing(t, scripts, `
routes:
  "/*": { cgi: ./cgi-bin, max_running: 100 }
`)
	a.mortal = true
	t.Cleanup(func() {
		for _, pid := range programsOf("PIDS=" + a.pids) {
			var n int
			if fmt.Sscan(pid, &n); n > 1 {
				syscall.Kill(n, syscall.SIGKILL)
			}
		}
	})
	return a
}
