package relay

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"gatewayd/gateway"
)

// sink is a client that takes everything at once.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header             { return s.header }
func (s *sink) WriteHeader(int)                 {}
func (s *sink) Write(p []byte) (int, error)     { return len(p), nil }
func (s *sink) FlushError() error               { return nil }
func (s *sink) SetReadDeadline(time.Time) error { return nil }

// readyBody is an answer that is there as a whole.
type readyBody struct{ bytes.Reader }

func (*readyBody) Ready() bool  { return true }
func (*readyBody) Close() error { return nil }

// plainBody is one that is not known to be.
type plainBody struct{ bytes.Reader }

func (*plainBody) Close() error { return nil }

// bench answers one request again and again. What is made for it outside of relay is made once.
type bench struct {
	handler *Handler
	w       *sink
	r       *http.Request
	req     *gateway.Request
}

func newBench(size int, ready bool) *bench {
	data := make([]byte, size)
	header := http.Header{"Content-Type": {"text/plain"}}
	resp := &http.Response{StatusCode: 200, Header: header}
	whole, plain := &readyBody{}, &plainBody{}
	b := &bench{w: &sink{header: http.Header{}}, r: httptest.NewRequest("GET", "/", nil)}
	b.req = &gateway.Request{Request: b.r, Path: "/"}
	b.r = b.r.WithContext(gateway.NewContext(b.r.Context(), b.req))
	b.r.Body = http.NoBody
	b.handler = New(Options{IdleTimeout: time.Minute, Resolver: resolver(anyScript), Backend: backend(func(*gateway.Request) (*http.Response, error) {
		resp.ContentLength = int64(size)
		whole.Reset(data)
		plain.Reset(data)
		if resp.Body = io.ReadCloser(plain); ready {
			resp.Body = whole
		}
		return resp, nil
	})})
	return b
}

func (b *bench) serve() {
	clear(b.w.header)
	b.handler.ServeHTTP(b.w, b.r)
}

// ceilings are the allocations that one request may cost, the context and the request that carries it included.
var ceilings = []struct {
	name  string
	size  int
	ready bool
	most  float64
}{{"1KiB-ready", 1 << 10, true, 11}, {"1KiB", 1 << 10, false, 18}, {"1MiB", 1 << 20, false, 22}}

func TestAllocations(t *testing.T) {
	for _, c := range ceilings {
		b := newBench(c.size, c.ready)
		if got := testing.AllocsPerRun(200, b.serve); got > c.most+slack {
			t.Errorf("%s: %v allocations, want at most %v", c.name, got, c.most)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	for _, c := range ceilings {
		b.Run(c.name, func(b *testing.B) {
			bench := newBench(c.size, c.ready)
			b.ReportAllocs()
			for b.Loop() {
				bench.serve()
			}
		})
	}
}
