package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/config"
)

// start serves a config until the test ends and returns the address.
func start(t testing.TB, dir, text string) (*Server, string) {
	t.Helper()
	return startLoaded(t, load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { level: error, access: off }\n"+text))
}

func startLoaded(t testing.TB, conf *config.Config) (*Server, string) {
	t.Helper()
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return conf, nil }})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil { // the test's own context has ended
			t.Error(err)
		}
	})
	addresses := s.Addresses()
	return s, strings.TrimPrefix(addresses[0], "http://")
}

// benchmarkGet sends one request after another on a kept connection.
func benchmarkGet(b *testing.B, addr, path string) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: benchmark\r\nAccept: */*\r\n\r\n", path)
	answers := bufio.NewReader(conn)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.WriteString(conn, request); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(answers, nil)
		if err != nil {
			b.Fatal(err)
		}
		if resp.StatusCode != 200 {
			b.Fatal(resp.Status)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

func BenchmarkRequest(b *testing.B) {
	dir := tree(b, map[string]string{"www/small.txt": strings.Repeat("small file\n", 500), "cgi/hello": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n"})
	_, addr := start(b, dir, "routes: { /answer: { respond: { status: 200, body: hello } }, /*: { static: ./www }, /cgi/*: { cgi: ./cgi } }\n")
	for _, path := range []string{"/answer", "/small.txt", "/cgi/hello"} {
		b.Run(strings.Trim(path, "/"), func(b *testing.B) { benchmarkGet(b, addr, path) })
	}
}

// endless is a connection on which the same request comes as often as it is asked for. What is answered is not looked at.
type endless struct {
	net.Conn
	request []byte
	part    []byte // of the request that has been begun
	left    int
	done    chan struct{}
}

func (c *endless) Read(p []byte) (int, error) {
	if len(c.part) == 0 {
		if c.left == 0 {
			return 0, io.EOF
		}
		c.left, c.part = c.left-1, c.request
	}
	n := copy(p, c.part)
	c.part = c.part[n:]
	return n, nil
}

func (c *endless) Write(p []byte) (int, error) { return len(p), nil }

func (c *endless) Close() error { close(c.done); return nil }

func (c *endless) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80} }

func (c *endless) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 4711} }

func (c *endless) SetReadDeadline(time.Time) error { return nil }

func (c *endless) SetWriteDeadline(time.Time) error { return nil }

// requests has the frontend answer so many requests.
func (s *Server) requests(path string, n int) {
	c := &endless{request: []byte("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nUser-Agent: benchmark\r\nAccept: */*\r\n\r\n"), left: n, done: make(chan struct{})}
	s.front.feed(c)
	<-c.done
}

const benchConfig = "routes: { /answer: { respond: { status: 200, body: hello } }, /*: { static: ./www } }\n"

// BenchmarkUserSpace is what a request costs without the network.
func BenchmarkUserSpace(b *testing.B) {
	s, _ := start(b, tree(b, map[string]string{"www/small.txt": strings.Repeat("small file\n", 93)}), benchConfig)
	for _, path := range []string{"/answer", "/small.txt"} {
		b.Run(strings.Trim(path, "/"), func(b *testing.B) {
			b.ReportAllocs()
			s.requests(path, b.N)
		})
	}
}

// What is allocated for a request, by everything between the connection and the handler's own work.
func TestRequestsAllocateLittle(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates too")
	}
	s, _ := start(t, tree(t, map[string]string{"www/small.txt": "small"}), benchConfig)
	const requests = 1000
	for path, most := range map[string]float64{"/answer": 13, "/small.txt": 25} {
		allocations := testing.AllocsPerRun(5, func() { s.requests(path, requests) }) / requests
		t.Logf("%s: %.2f allocations a request", path, allocations)
		if allocations > most {
			t.Errorf("%s: %.2f allocations a request, want at most %v", path, allocations, most)
		}
	}
}
