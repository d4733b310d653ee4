package fastcgi

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/upstream"
)

// instant answers every request on a connection with the same bytes, as fast as that can be done.
func instant(c net.Conn, answer []byte) {
	defer c.Close()
	end := []byte("\x01\x05\x00\x01\x00\x00\x00\x00") // of STDIN
	buf := make([]byte, 64<<10)
	for n := 0; ; {
		got, err := c.Read(buf[n:])
		if err != nil {
			return
		}
		if n += got; !bytes.HasSuffix(buf[:n], end) {
			continue
		}
		n = 0
		if _, err := c.Write(answer); err != nil {
			return
		}
	}
}

// instantBackend is a Backend with instant behind it.
func instantBackend(tb testing.TB, keep int, answer string) *Backend {
	l, address := listen(tb, "unix")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go instant(c, []byte(answer))
		}
	}()
	up := upstream.NewFixed([]upstream.Address{address}, keep)
	b := New(Options{Upstream: up})
	tb.Cleanup(func() {
		b.Close()
		up.Close()
		l.Close()
	})
	return b
}

func plainRequest(ctx context.Context) *gateway.Request {
	hr := httptest.NewRequestWithContext(ctx, http.MethodGet, "/app/path?a=b", nil)
	hr.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
	hr.Header.Set("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
	hr.Body, hr.ContentLength = http.NoBody, 0
	return &gateway.Request{
		Request: hr, Path: "/app/path", Prefix: "/app",
		Script: cgispec.Script{Name: "/app", PathInfo: "/path", Filename: "/srv/app.fcgi", Root: "/srv"},
		Stderr: func(string) {},
	}
}

// answerOf is an answer with so many bytes, in records as libfcgi (8 KiB) or others (64 KiB) make them.
func answerOf(size, record int) string {
	text := "Content-Type: text/plain\r\n\r\n" + strings.Repeat("x", size)
	var b strings.Builder
	for len(text) > 0 {
		n := min(record, len(text))
		b.WriteString(out(text[:n]))
		text = text[n:]
	}
	return b.String() + end()
}

func roundTrip(tb testing.TB, b *Backend, req *gateway.Request, buf []byte) {
	resp, err := b.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	for err == nil {
		_, err = resp.Body.Read(buf)
	}
	if err != io.EOF {
		tb.Fatal(err)
	}
	resp.Body.Close()
}

func BenchmarkRoundTrip(b *testing.B) {
	for _, bench := range []struct {
		name         string
		keep         int
		size, record int
	}{
		{"1 KiB, kept", 1, 1 << 10, 8 << 10},
		{"1 KiB, connecting", 0, 1 << 10, 8 << 10},
		{"1 MiB, records of 8 KiB", 1, 1 << 20, 8184},
		{"1 MiB, records of 64 KiB", 1, 1 << 20, 65528},
	} {
		b.Run(bench.name, func(b *testing.B) {
			backend := instantBackend(b, bench.keep, answerOf(bench.size, bench.record))
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			buf := make([]byte, 64<<10)
			b.SetBytes(int64(bench.size))
			b.ReportAllocs()
			for b.Loop() {
				roundTrip(b, backend, plainRequest(ctx), buf)
			}
		})
	}
}

// BenchmarkBare is what the bytes of such requests cost by themselves.
func BenchmarkBare(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		b.Run(http.StatusText(200), func(b *testing.B) {
			l, address := listen(b, "unix")
			defer l.Close()
			answer := answerOf(size, 65528)
			go func() {
				c, err := l.Accept()
				if err == nil {
					instant(c, []byte(answer))
				}
			}()
			c, err := net.Dial(address.Network, address.Address)
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			question := appendEnd(make([]byte, 800), typeStdin)
			buf := make([]byte, 64<<10)
			b.SetBytes(int64(size))
			for b.Loop() {
				c.Write(question)
				for n := 0; n < len(answer); {
					got, err := c.Read(buf)
					if err != nil {
						b.Fatal(err)
					}
					n += got
				}
			}
		})
	}
}

// The ceilings are what it took when this was written, and a little more.
func TestAllocations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		keep   int
		answer string
		most   float64
	}{
		{"kept", 1, answerOf(1<<10, 8<<10), 20},
		{"kept, 1 MiB", 1, answerOf(1<<20, 8<<10), 20},
	} {
		b := instantBackend(t, tt.keep, tt.answer)
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		req, buf := plainRequest(ctx), make([]byte, 64<<10)
		got := testing.AllocsPerRun(200, func() { roundTrip(t, b, req, buf) })
		t.Logf("%s: %.0f allocations for each request", tt.name, got)
		if got > tt.most {
			t.Errorf("%s: %.0f allocations for each request, want at most %.0f", tt.name, got, tt.most)
		}
	}
}
