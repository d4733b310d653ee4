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
