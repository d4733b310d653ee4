package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowReader has asked for an answer and taken no more than its head.
type slowReader struct {
	conn net.Conn
	resp *http.Response
}

func (s *served) readSlowly(t *testing.T, path string) *slowReader {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
	resp, err := http.ReadResponse(bufio.NewReaderSize(conn, 1<<10), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	return &slowReader{conn, resp}
}

// rest takes the answer to its end.
func (r *slowReader) rest() (n int, err error) {
	buf := make([]byte, 64<<10)
	for {
		m, err := r.resp.Body.Read(buf)
		if len(bytes.Trim(buf[:m], "\x00")) > 0 {
			return n, fmt.Errorf("something else than zeroes after %d bytes", n)
		}
		n += m
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// TestSlowReadersKeepNoProgram: whoever reads slowly does not take part in max_running for longer than the program needs.
func TestSlowReadersKeepNoProgram(t *testing.T) {
	const readers, size = 20, 16 << 20 // more than the socket buffers of both sides hold
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "cgi-bin", "large.sh"), fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n%%s\\n' \"$QUERY_STRING\"\nhead -c %d /dev/zero\n", size), 0o755)
	writeTestFile(t, filepath.Join(dir, "cgi-bin", "small.sh"), "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nsmall\\n'\n", 0o755)
	s := serveConfig(t, dir, `
admin: off
routes:
  "/*": { cgi: ./cgi-bin, max_running: 1, queue: { max: 100, wait: 20s } }
`)
	get(t, s.url+"/small.sh", 200)
	stalls := watchStalls()
	before, begun := s.resident(t), time.Now()
	var slow []*slowReader
	for range readers {
		slow = append(slow, s.readSlowly(t, "/large.sh"))
	}
	get(t, s.url+"/small.sh", 200)
	took := time.Since(begun)
	late := stalls.end(t)
	t.Logf("%d answers of %d MiB that nobody reads were behind after %v; gatewayd grew by %.1f MiB", readers, size>>20, took, mib(s.resident(t)-before))
	if limit := inTime(readers*400*time.Millisecond) + late; took > limit {
		t.Errorf("they were in the way for %v, want at most %v", took, limit)
	}
	var all sync.WaitGroup
	for _, r := range slow {
		all.Go(func() {
			if n, err := r.rest(); n != size || err != nil {
				t.Errorf("%d bytes of %d, %v", n, size, err)
			}
		})
	}
	all.Wait()
}
