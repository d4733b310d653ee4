package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// soak reports whether the long forms of the tests are wanted.
func soak() bool { return os.Getenv("GATEWAYD_SOAK") != "" }

// maxGrowth is by how much a large body may raise gatewayd's peak resident size.
const maxGrowth = 64 << 20

// largeSize is the length of a large body; the short form of a variant may be shorter.
func largeSize(variant bool) int64 {
	switch {
	case soak():
		return 4 << 30
	case variant:
		return 64 << 20
	}
	return 256 << 20
}

// serveLarge serves the programs of testdata/real/large with a place for spooled bodies that the test can look at.
func serveLarge(t *testing.T) *served {
	dir := t.TempDir()
	for _, name := range []string{"large/sum.sh", "large/random.sh"} {
		copyProgram(t, name, filepath.Join(dir, "cgi-bin"))
	}
	temp := filepath.Join(dir, "temp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	s := serveReal(t, dir, `
admin: off
max_body: 5GiB
temp: ./temp
routes:
  "/*": { cgi: ./cgi-bin }
`)
	t.Cleanup(func() {
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left in temp: %v (%v)", left, err)
		}
	})
	get(t, s.url+"/sum.sh", 200) // what the first request needs is there
	return s
}

func TestLargeUpload(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprintf("chunked=%t", chunked), func(t *testing.T) {
			s, size := serveLarge(t), largeSize(chunked)
			sum := sha256.New()
			req := request(t, "POST", s.url+"/sum.sh", io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{3}), size), sum))
			req.ContentLength = size
			if chunked {
				req.ContentLength = -1
			}
			var answer string
			s.measure(t, size, func() {
				resp, err := (&http.Client{Timeout: 10 * time.Minute}).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				if err != nil || resp.StatusCode != 200 {
					t.Fatalf("status %d, %v: %s", resp.StatusCode, err, text)
				}
				answer = string(text)
			})
			if want := fmt.Sprintf("%d %x\n", size, sum.Sum(nil)); answer != want {
				t.Errorf("the program got %s, want %s", answer, want)
			}
		})
	}
}

func TestLargeDownload(t *testing.T) {
	for _, length := range []bool{true, false} {
		t.Run(fmt.Sprintf("length=%t", length), func(t *testing.T) {
			s, size := serveLarge(t), largeSize(!length)
			url, announced := fmt.Sprintf("%s/random.sh/stream?%d", s.url, size), int64(-1)
			if length {
				url, announced = fmt.Sprintf("%s/random.sh/length?%d", s.url, size), size
			}
			sum := sha256.New()
			s.measure(t, size, func() {
				resp, err := (&http.Client{Timeout: 10 * time.Minute}).Get(url)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				n, err := io.Copy(sum, resp.Body)
				if err != nil || resp.StatusCode != 200 || n != size || resp.ContentLength != announced {
					t.Fatalf("status %d, length %d, %d of %d bytes: %v", resp.StatusCode, resp.ContentLength, n, size, err)
				}
			})
			if got, sent := fmt.Sprintf("%x", sum.Sum(nil)), sumOf(t, filepath.Join(s.dir, "cgi-bin", "random.sum")); got != sent {
				t.Errorf("got %s, the program sent %s", got, sent)
			}
		})
	}
}

// sumOf waits for what sha256sum writes into a file: with a length the answer is whole before the program has ended.
func sumOf(t *testing.T, name string) string {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(2 * time.Millisecond) {
		if text, err := os.ReadFile(name); err == nil && strings.HasSuffix(string(text), "\n") {
			return strings.Fields(string(text))[0]
		}
		if time.Now().After(deadline) {
			t.Fatalf("the program did not write %s", name)
		}
	}
}

// measure times a transfer of size bytes and bounds the growth of gatewayd's peak resident size.
func (s *served) measure(t *testing.T, size int64, transfer func()) {
	t.Helper()
	before, start := s.peak(t), time.Now()
	transfer()
	took, growth := time.Since(start), s.peak(t)-before
	t.Logf("%d MiB in %v: %.0f MB/s, peak resident size %.1f MiB, growth %.1f MiB",
		size>>20, took.Round(time.Millisecond), float64(size)/1e6/took.Seconds(), mib(before+growth), mib(growth))
	if growth > maxGrowth {
		t.Errorf("the peak resident size grew by %.1f MiB", mib(growth))
	}
}

func mib(n int64) float64 { return float64(n) / (1 << 20) }

// peak is the largest resident size of gatewayd so far.
func (s *served) peak(t *testing.T) int64 {
	t.Helper()
	return s.procSize(t, "VmHWM")
}

// resident is the resident size of gatewayd.
func (s *served) resident(t *testing.T) int64 {
	t.Helper()
	return s.procSize(t, "VmRSS")
}

// procSize is a size in gatewayd's /proc/PID/status, in bytes.
func (s *served) procSize(t *testing.T, field string) int64 {
	t.Helper()
	kib, err := strconv.ParseInt(strings.TrimSuffix(s.procStatus(t, field), " kB"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// procStatus is a field of gatewayd's /proc/PID/status.
func (s *served) procStatus(t *testing.T, field string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, field+":"); ok {
			return strings.TrimSpace(value)
		}
	}
	t.Fatalf("no %s in\n%s", field, text)
	return ""
}
