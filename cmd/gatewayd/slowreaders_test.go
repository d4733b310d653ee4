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
	conn.SetDeadline(time.Now().Add(3 * patience))
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

// TestSlowReadersKeepNoProgram: whoever reads slowly has a place, or a worker, for no longer than the program needs.
func TestSlowReadersKeepNoProgram(t *testing.T) {
	const readers, size = 20, 16 << 20 // more than the socket buffers of both sides hold
	for name, c := range map[string]struct{ large, small, route string }{
		"cgi": {
			fmt.Sprintf("#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\n'\nhead -c %d /dev/zero\n", size),
			"#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nsmall\\n'\n",
			"cgi: ./programs, max_running: 1",
		},
		"fastcgi": {
			fmt.Sprintf("<?php for ($i = 0; $i < %d; $i++) echo str_repeat(\"\\0\", 1 << 20);\n", size>>20),
			"<?php echo 'small';\n",
			"fastcgi: { run: [php-cgi], workers: 1, root: ./programs, ext: [.run] }",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeTestFile(t, filepath.Join(dir, "programs", "large.run"), c.large, 0o755)
			writeTestFile(t, filepath.Join(dir, "programs", "small.run"), c.small, 0o755)
			s := serveReal(t, dir, fmt.Sprintf("admin: off\nroutes:\n  \"/*\": { %s, queue: { max: 100, wait: 20s } }\n", c.route))
			get(t, s.url+"/small.run", 200)
			stalls := watchStalls()
			before, begun := s.resident(t), time.Now()
			var slow []*slowReader
			for range readers {
				slow = append(slow, s.readSlowly(t, "/large.run"))
			}
			get(t, s.url+"/small.run", 200)
			took := time.Since(begun)
			late := stalls.end(t)
			t.Logf("%d answers of %d MiB that nobody reads were out of the way after %v; gatewayd grew by %.1f MiB", readers, size>>20, took, mib(s.resident(t)-before))
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
		})
	}
}
