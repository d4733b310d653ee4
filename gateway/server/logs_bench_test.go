package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/config"
)

// cpuTime is what this process has used, user and system.
func cpuTime() time.Duration {
	var u unix.Rusage
	unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkLogged is a request that is logged to a file, by one connection and by many; cpu-ns/op is what server and
// client use together.
func BenchmarkLogged(b *testing.B) {
	dir := tree(b, map[string]string{})
	for _, access := range []string{"off", "text"} {
		for _, connections := range []int{1, 32} {
			b.Run(fmt.Sprintf("%s/%d", access, connections), func(b *testing.B) {
				conf := load(b, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { level: error, access: text, access_output: ./access.log }\nroutes: { /*: { respond: { status: 200, body: hello } } }\n")
				conf.Log.Access = access
				s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return conf, nil }})
				if _, err := s.Start(); err != nil {
					b.Fatal(err)
				}
				defer s.Shutdown(b.Context())
				defer os.Truncate(filepath.Join(dir, "access.log"), 0)
				loadLogged(b, s.Addresses()[0][len("http://"):], connections)
			})
		}
	}
}

func loadLogged(b *testing.B, addr string, connections int) {
	before := cpuTime()
	b.ResetTimer()
	b.SetParallelism((connections + 1) / 2)
	if connections == 1 {
		benchmarkGet(b, addr, "/")
	} else {
		b.RunParallel(func(pb *testing.PB) {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				b.Error(err)
				return
			}
			defer conn.Close()
			answers := bufio.NewReader(conn)
			for pb.Next() {
				io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: benchmark\r\n\r\n")
				resp, err := http.ReadResponse(answers, nil)
				if err != nil {
					b.Error(err)
					return
				}
				io.Copy(io.Discard, resp.Body)
			}
		})
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}
