package static

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"gatewayd/gateway"
	"gatewayd/gateway/docroot"
)

// nowhere is a ResponseWriter that keeps nothing.
type nowhere struct {
	header http.Header
	status int
}

func (w *nowhere) Header() http.Header         { return w.header }
func (w *nowhere) WriteHeader(status int)      { w.status = status }
func (w *nowhere) Write(p []byte) (int, error) { return len(p), nil }

// ReadFrom reads all of src into a buffer of its own, which is one allocation.
func (w *nowhere) ReadFrom(src io.Reader) (n int64, err error) {
	var buf [4096]byte
	for {
		m, err := src.Read(buf[:])
		n += int64(m)
		if err != nil {
			return n, nil
		}
	}
}

// once is one request to a Handler, to be repeated, and the status that it must have.
func once(t testing.TB, lines map[string]string, status int) func() {
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/alphabet.txt", []byte(alphabet), 0o644))
	h := New(Options{Root: docroot.New(dir, docroot.Options{}), Precompressed: true, CacheControl: "no-cache"})
	t.Cleanup(func() { h.Close() })
	r := httptest.NewRequest("GET", "/alphabet.txt", nil)
	for name, value := range lines {
		r.Header.Set(name, value)
	}
	r = r.WithContext(gateway.NewContext(r.Context(), &gateway.Request{Request: r, Path: "/alphabet.txt", Route: "/*"}))
	w := &nowhere{header: http.Header{}}
	return func() {
		clear(w.header)
		h.ServeHTTP(w, r)
		if w.status != status {
			t.Fatalf("status %d, want %d", w.status, status)
		}
	}
}

// The ceilings are what was measured and two more.
func TestAllocations(t *testing.T) {
	for name, test := range map[string]struct {
		lines   map[string]string
		status  int
		ceiling float64
	}{
		"200":                      {nil, 200, 14},
		"200 with siblings wanted": {map[string]string{"Accept-Encoding": "gzip, deflate, br, zstd"}, 200, 29},
		"206":                      {map[string]string{"Range": "bytes=0-4"}, 206, 17},
		"304":                      {map[string]string{"If-None-Match": "*"}, 304, 11},
	} {
		t.Run(name, func(t *testing.T) {
			if n := testing.AllocsPerRun(200, once(t, test.lines, test.status)); n > test.ceiling {
				t.Errorf("%.0f allocations, at most %.0f are allowed", n, test.ceiling)
			}
		})
	}
}

func BenchmarkServe(b *testing.B) {
	for name, test := range map[string]struct {
		lines  map[string]string
		status int
	}{
		"200":      {nil, 200},
		"siblings": {map[string]string{"Accept-Encoding": "gzip, deflate, br, zstd"}, 200},
		"206":      {map[string]string{"Range": "bytes=0-4"}, 206},
		"304":      {map[string]string{"If-None-Match": "*"}, 304},
	} {
		b.Run(name, func(b *testing.B) {
			do := once(b, test.lines, test.status)
			b.ReportAllocs()
			for b.Loop() {
				do()
			}
		})
	}
}
