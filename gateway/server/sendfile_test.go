package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/config"
)

// sendfileDir names the environment variable that makes TestSendfile the server that is traced rather than the test.
const sendfileDir = "GATEWAYD_TEST_SENDFILE"

// TestSendfile runs a whole server under strace: through every wrapper between the file and the socket, the kernel must
// be the one that copies.
func TestSendfile(t *testing.T) {
	if dir := os.Getenv(sendfileDir); dir != "" {
		serveUntilStdinEnds(t, dir)
		return
	}
	const size = 3 << 20
	dir := t.TempDir()
	want := make([]byte, size)
	for i := range want {
		want[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	if err := os.WriteFile(filepath.Join(dir, "big.bin"), want, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, line string
		status     string
		from, to   int
		least      int // bytes by sendfile: net/http sends the first 512 with the head
	}{
		{"whole file", "X-None: 1", "200", 0, size, size - 512},
		{"one range", "Range: bytes=1000-2000999", "206", 1000, 2001000, 2000000 - 512},
		{"compressed sibling", "Accept-Encoding: gzip", "200", 0, size, size - 512},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.name == "compressed sibling" {
				for i := range want {
					want[i] ^= 0xff
				}
				if err := os.WriteFile(filepath.Join(dir, "big.bin.gz"), want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			head, body, sent := tracedGet(t, dir, test.line)
			if !strings.HasPrefix(head, "HTTP/1.1 "+test.status) || !bytes.Equal(body, want[test.from:test.to]) {
				t.Errorf("%d bytes, and not those of the file: %q", len(body), head)
			}
			if sent < test.least || sent > test.to-test.from {
				t.Errorf("sendfile(2) sent %d bytes of %d", sent, test.to-test.from)
			}
		})
	}
}

func serveUntilStdinEnds(t *testing.T, dir string) {
	conf := load(t, dir, "listen: 127.0.0.1:0\nlog: { level: error, access: off }\nroutes:\n  \"/*\": { static: . }\n")
	s := New(Options{Load: func() (*config.Config, config.Problems) { return conf, nil }, Announce: os.Stderr, Version: "test"})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}

// tracedGet asks a server of its own for big.bin; sent is how many bytes sendfile(2) has sent.
func tracedGet(t *testing.T, dir, line string) (head string, body []byte, sent int) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "strace", "-f", "-qq", "-e", "trace=sendfile", "-e", "signal=none", "-o", trace, os.Args[0], "-test.run=^TestSendfile$")
	cmd.Env = append(os.Environ(), sendfileDir+"="+dir)
	var said bytes.Buffer
	cmd.Stdout = &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v: the test needs strace", err)
	}
	defer cmd.Wait()
	defer cancel() // before Wait
	address := ""
	for lines := bufio.NewScanner(stderr); address == "" && lines.Scan(); {
		if _, after, ok := strings.Cut(lines.Text(), "listening on http://"); ok {
			address = after
		} else {
			t.Log(lines.Text())
		}
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		cancel()
		cmd.Wait()
		t.Fatalf("%v; the server: %s", err, &said)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(30 * time.Second))
	fmt.Fprintf(conn, "GET /big.bin HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n\r\n", line)
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	io.Copy(io.Discard, stderr)
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server: %v, %s", err, &said)
	}
	start, rest, _ := bytes.Cut(all, []byte("\r\n\r\n"))
	return string(start), rest, sentBytes(t, trace)
}

var sendfileResult = regexp.MustCompile(`(?m)(?:sendfile\(|<\.\.\. sendfile resumed>).* = ([0-9]+)$`)

func sentBytes(t *testing.T, trace string) (sum int) {
	t.Helper()
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range sendfileResult.FindAllSubmatch(text, -1) {
		n, err := strconv.Atoi(string(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
