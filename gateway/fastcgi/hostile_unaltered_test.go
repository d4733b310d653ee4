package fastcgi_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/responder"
	"gatewayd/gateway/upstream"
)

// mirror is an application made of package responder, which knows the protocol from the specification and not from the
// client. It answers the length and hash of the body and of each variable in HTTP_.
func mirror(r *responder.Request) uint32 {
	sum := sha256.New()
	n, err := io.Copy(sum, r.Stdin)
	if err != nil {
		return 1
	}
	fmt.Fprintf(r.Stdout, "%sbody %d %x\n", plain, n, sum.Sum(nil))
	for _, p := range r.Params {
		if strings.HasPrefix(p.Name, "HTTP_X") {
			fmt.Fprintln(r.Stdout, mirrored(p.Name, p.Value))
		}
	}
	return 0
}

func mirrored(name, value string) string {
	return fmt.Sprintf("%x %d %x", sha256.Sum256([]byte(name)), len(value), sha256.Sum256([]byte(value)))
}

// unaltered makes requests of an application that is mirror.
func unaltered(t *testing.T, do func(s *stage)) {
	t.Helper()
	before := backendtest.Measure()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error)
	server := &responder.Server{Handler: mirror, MaxParams: 8 << 20, Buffer: 4096, Connections: 2, Log: func(err error) { t.Error(err) }}
	go func() { served <- server.Serve(ctx, l) }()
	s := newStage(t, 1, upstream.Address{Network: "unix", Address: path})
	do(s)
	s.close()
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	backendtest.NoMore(t, before)
}

// forged is bytes that, wherever one begins to read them, look like records of another request: with a script of the
// attacker's choice, an end of the body, an abort.
func forged(size int) []byte {
	params := record(4, 1, "\x0f\x09SCRIPT_FILENAME/tmp/evil", 0) + record(4, 1, "", 0)
	one := record(5, 1, "", 0) + record(2, 1, "", 0) + record(1, 1, "\x00\x01\x01\x00\x00\x00\x00\x00", 0) + params + record(5, 1, "", 0)
	return bytes.Repeat([]byte(one), size/len(one)+1)[:size]
}

// TestForgedBodies: a body is a body, however long, wherever a record of it ends, and whatever it looks like.
func TestForgedBodies(t *testing.T) {
	unaltered(t, func(s *stage) {
		var sizes []int
		for k := range 5 {
			for around := -9; around <= 9; around++ {
				sizes = append(sizes, k*65535+around, k<<16+around, k*65528+around)
			}
		}
		slices.Sort(sizes)
		for _, size := range slices.Compact(sizes) {
			if size < 0 {
				continue
			}
			for shift := range 2 {
				data := forged(size + shift)[shift:] // so that a record begins on the boundary, and so that none does
				for how, body := range map[string]io.Reader{
					"at once":         bytes.NewReader(data),
					"in memory":       inMemory{bytes.NewReader(data), data},
					"in halves":       iotest.HalfReader(bytes.NewReader(data)),
					"with its end":    iotest.DataErrReader(bytes.NewReader(data)),
					"in pieces of 7K": piecewise{bytes.NewReader(data), 7001},
				} {
					a := s.request(httptest.NewRequest("POST", "/app/x", body), patience)
					if want := fmt.Sprintf("body %d %x\n", size, sha256.Sum256(data)); a.body != want || a.err != nil {
						s.Fatalf("%d bytes %s: %q, %s; want %q", size, how, a.body, a.log(), want)
					}
				}
			}
		}
	})
}

// inMemory is a body all of which is in memory.
type inMemory struct {
	*bytes.Reader
	data []byte
}

func (m inMemory) Close() error  { return nil }
func (m inMemory) Bytes() []byte { return m.data }

// piecewise reads at most n bytes at once.
type piecewise struct {
	r io.Reader
	n int
}

func (p piecewise) Read(b []byte) (int, error) { return p.r.Read(b[:min(p.n, len(b))]) }

// TestForgedParameters: a variable is a variable, whatever its length, and whatever it looks like.
func TestForgedParameters(t *testing.T) {
	unaltered(t, func(s *stage) {
		text := strings.ReplaceAll(string(forged(1<<20)), "\x00", "\x80") // no header has a NUL in it
		ask := func(header map[string]string) {
			s.Helper()
			hr := httptest.NewRequest("GET", "/app/x", nil)
			want := map[string]bool{}
			for name, value := range header {
				hr.Header.Set(name, value)
				want[mirrored("HTTP_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_")), value)] = true
			}
			a := s.request(hr, patience)
			_, lines, _ := strings.Cut(strings.TrimSuffix(a.body, "\n"), "\n")
			got := map[string]bool{}
			for line := range strings.Lines(lines) {
				got[strings.TrimSuffix(line, "\n")] = true
			}
			if a.err != nil || !maps.Equal(got, want) {
				s.Errorf("%d variables came of %d, %s", len(got), len(want), a.log())
			}
		}
		value := func(n int) string { return strings.Trim(text[:n], " ") }
		for _, n := range []int{0, 1, 126, 127, 128, 129, 255, 256, 4095, 65500, 65533, 65534, 65535, 65536, 65537, 131070, 131071, 1 << 20} {
			ask(map[string]string{"X-Value": value(n)})
			ask(map[string]string{"X-Before": value(n), "X-After": value(127), "X-Empty": ""})
		}
		for _, n := range []int{120, 121, 122, 123, 124, 127, 128, 255, 256, 1000} { // HTTP_ is put before
			ask(map[string]string{"X" + strings.Repeat("n", n-1): "v", "X-Other": value(128)})
		}
		for n := 65400; n < 65600; n += 3 { // where the record of the parameters ends moves over all of a pair
			ask(map[string]string{"X-Much": value(n), "X-More": value(n % 300)})
		}
		many := map[string]string{}
		for i := range 1000 {
			many[fmt.Sprintf("X-%d", i)] = value(i)
		}
		ask(many)
	})
}
