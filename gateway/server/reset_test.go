package server

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// A client that speaks HTTP/1.0 sees the end of a whole answer, and a reset where one is broken off.
func TestBrokenAnswerWithoutAnyFrame(t *testing.T) {
	dir := tree(t, map[string]string{
		"cgi/whole":  "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nwhole'\n",
		"cgi/killed": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nwhole'\nsleep 0.1\nkill -9 $$\n",
	})
	for _, sendTimeout := range []string{"30s", "none"} {
		_, addr := start(t, dir, "http: { send_timeout: "+sendTimeout+" }\nroutes: { /cgi/*: { cgi: ./cgi } }\n")
		for name, want := range map[string]error{"whole": nil, "killed": syscall.ECONNRESET} {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(20 * time.Second))
			fmt.Fprintf(conn, "GET /cgi/%s HTTP/1.0\r\nHost: h\r\n\r\n", name)
			if text, err := io.ReadAll(conn); !errors.Is(err, want) {
				t.Errorf("send_timeout %s, %s: %q ends with %v, want %v", sendTimeout, name, text, err, want)
			}
		}
	}
}
