package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// cutBody is a request with a body, as it goes over the wire; a client that sends less of it has not sent it.
type cutBody struct {
	name string
	wire []byte
	from int // where the body begins
}

func cutBodies() (all []cutBody) {
	for _, size := range []int{1, 10, 1000, 70_000} { // the last one is spooled to a file
		body := bytes.Repeat([]byte("0123456789"), size/10+1)[:size]
		all = append(all, cutBody{name: fmt.Sprintf("%d bytes, length", size)}.of(fmt.Sprintf("Content-Length: %d", size), body))
		var chunks bytes.Buffer
		for left := body; len(left) > 0; {
			n := min(len(left), max(size/3, 1))
			fmt.Fprintf(&chunks, "%x\r\n%s\r\n", n, left[:n])
			left = left[n:]
		}
		chunks.WriteString("0\r\n\r\n")
		all = append(all, cutBody{name: fmt.Sprintf("%d bytes, chunked", size)}.of("Transfer-Encoding: chunked", chunks.Bytes()))
	}
	return all
}

func (c cutBody) of(framing string, body []byte) cutBody {
	head := "POST /canary.sh HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + framing + "\r\n\r\n"
	c.wire, c.from = append([]byte(head), body...), len(head)
	return c
}

// offsets are where to cut: everywhere if that is not too often, else at both ends and here and there between.
func (c cutBody) offsets() (all []int) {
	const everywhere = 60
	for at := c.from; at < len(c.wire); at++ {
		n, left := at-c.from, len(c.wire)-at
		if n < everywhere || left < everywhere || (len(c.wire)/everywhere > 0 && n%(len(c.wire)/everywhere) == 0) {
			all = append(all, at)
		}
	}
	return all
}

// A body that was not received whole never reaches a program: each leaves a canary when it runs.
func TestHalfBodiesReachNoProgram(t *testing.T) {
	dir := t.TempDir()
	canary := filepath.Join(dir, "canary")
	writeTestFile(t, filepath.Join(dir, "cgi-bin", "canary.sh"), `#!/bin/sh
echo ran >>"$CANARY"
cat >/dev/null
printf 'Content-Type: text/plain\n\nran\n'
`, 0o755)
	s := serveConfig(t, dir, fmt.Sprintf(`
admin: off
env: { CANARY: %q }
routes:
  "/*": { cgi: ./cgi-bin }
`, canary))
	for _, body := range cutBodies() {
		t.Run(body.name, func(t *testing.T) {
			if answer, err := s.sendPart(body.wire, len(body.wire), 0); err != nil || !strings.HasSuffix(answer, "ran\n") && !strings.Contains(answer, "\r\nran\n\r\n") {
				t.Fatalf("the whole request: %q (%v)", answer, err)
			}
			if err := os.Remove(canary); err != nil {
				t.Fatal("the whole request left no canary: ", err)
			}
			offsets := body.offsets()
			s.cutAt(t, body, offsets)
			if _, err := os.Stat(canary); err == nil {
				t.Fatalf("the program ran for one of %d half bodies", len(offsets))
			}
			t.Logf("%d half bodies", len(offsets))
		})
	}
}

// cutAt sends the request cut at each of the offsets, in each way to leave, and waits until it is clear what became of it.
func (s *served) cutAt(t *testing.T, body cutBody, offsets []int) {
	t.Helper()
	work := make(chan [2]int)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for at := range work {
				// Who closes half has left, as far as gatewayd can know: there may be no answer.
				if answer, err := s.sendPart(body.wire, at[0], at[1]); err == nil && answer != "" && !strings.HasPrefix(answer, "HTTP/1.1 400 ") {
					t.Errorf("cut at %d of %d: %.100q", at[0], len(body.wire), answer)
				}
			}
		})
	}
	for i, at := range offsets {
		work <- [2]int{at, 0}
		work <- [2]int{at, 1 + i%2}
	}
	close(work)
	clients.Wait()
	s.awaitQuiet(t)
}

// sendPart sends the first n bytes of a request and leaves: by half a close, after which it reads the answer, by a close,
// or by a reset.
func (s *served) sendPart(wire []byte, n, how int) (answer string, err error) {
	c, err := net.DialTimeout("tcp", strings.TrimPrefix(s.url, "http://"), patience)
	if err != nil {
		return "", err
	}
	defer c.Close()
	conn := c.(*net.TCPConn)
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := conn.Write(wire[:n]); err != nil {
		return "", err
	}
	switch how {
	case 1:
		return "", nil
	case 2:
		return "", conn.SetLinger(0)
	}
	if n < len(wire) {
		if err := conn.CloseWrite(); err != nil {
			return "", err
		}
	}
	text, err := io.ReadAll(conn)
	return string(text), err
}

// awaitQuiet waits until gatewayd has no connection and no program: no request is still on its way to one.
func (s *served) awaitQuiet(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		open := s.sockets(t) - 1 // the one that listens
		if open == 0 && len(s.children()) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("gatewayd has %d connections and the children %q", open, s.children())
		}
	}
}

// sockets counts the sockets that gatewayd has open.
func (s *served) sockets(t *testing.T) (n int) {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", s.pid)
	fds, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, err := os.Readlink(filepath.Join(dir, fd.Name())); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}
