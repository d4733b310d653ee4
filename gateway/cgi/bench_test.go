package cgi

import (
	"context"
	"io"
	"os/exec"
	"testing"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/process"
)

// tiny is the smallest CGI program that a system comes with.
func tiny() []string { return []string{"/usr/bin/printf", "Content-Type: text/plain\n\nok"} }

func answerTiny(tb testing.TB, b *Backend, req *gateway.Request) {
	resp, err := b.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := resp.Body.(io.WriterTo).WriteTo(io.Discard); err != nil {
		tb.Fatal(err)
	}
	resp.Body.Close()
}

func tinyBackend(t *testing.T) (*Backend, *gateway.Request) {
	a := newProgram(t, "", Options{Command: tiny()})
	req := a.request(context.Background(), "a=b", nil)
	req.Script.Filename = tiny()[0]
	return a.backend, req
}

// The ceiling is what it took when this was written, and a little more.
const maxAllocations = 100

func TestAllocations(t *testing.T) {
	b, req := tinyBackend(t)
	got := testing.AllocsPerRun(50, func() { answerTiny(t, b, req) })
	t.Logf("%.0f allocations for each request", got)
	if got > maxAllocations {
		t.Errorf("%.0f allocations for each request, want at most %d", got, maxAllocations)
	}
}

func BenchmarkRoundTrip(b *testing.B) {
	backend := New(Options{Command: tiny()})
	defer backend.Close()
	var req *gateway.Request
	b.Run("one after the other", func(b *testing.B) {
		b.ReportAllocs()
		req = benchRequest(b)
		for b.Loop() {
			answerTiny(b, backend, req)
		}
	})
	b.Run("at once", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			req := benchRequest(b)
			for pb.Next() {
				answerTiny(b, backend, req)
			}
		})
	})
}

func benchRequest(b *testing.B) *gateway.Request {
	a := &app{file: tiny()[0], dir: "/"}
	req := a.request(context.Background(), "a=b", nil)
	req.Script = cgispec.Script{Name: "/app", Filename: tiny()[0], Root: "/"}
	return req
}

// What forking, executing and waiting costs by itself.
func BenchmarkBare(b *testing.B) {
	b.Run("process", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p, err := process.Start(process.Spec{Path: tiny()[0], Args: tiny()})
			if err != nil {
				b.Fatal(err)
			}
			<-p.Done()
		}
	})
	b.Run("os exec", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := exec.Command(tiny()[0], tiny()[1:]...).Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("os exec with pipes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var errs discard
			cmd := exec.Command(tiny()[0], tiny()[1:]...)
			cmd.Stderr = &errs
			if _, err := cmd.Output(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }
