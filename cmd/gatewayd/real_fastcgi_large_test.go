package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// serveLargeFastCGI serves app.c as workers, its uploads spooled below /app and streamed below /stream.
func serveLargeFastCGI(t *testing.T) *served {
	dir := t.TempDir()
	compileC(t, dir)
	temp := filepath.Join(dir, "temp")
	if err := os.Mkdir(temp, 0o700); err != nil {
		t.Fatal(err)
	}
	s := serveConfig(t, dir, fmt.Sprintf(`
admin: off
max_body: 5GiB
temp: ./temp
env: { TEMP_FILE: %q }
routes:
  "/app/*": { fastcgi: { run: ./app, workers: 1 } }
  "/stream/*": { fastcgi: { run: ./app, workers: 1 }, buffer: none }
`, filepath.Join(dir, "sum")))
	t.Cleanup(func() {
		if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
			t.Errorf("left in temp: %v (%v)", left, err)
		}
	})
	for _, route := range []string{"/app", "/stream"} {
		get(t, s.url+route+"/large?8", 200) // what the first request needs is there
	}
	return s
}

func TestLargeFastCGIUpload(t *testing.T) {
	for _, route := range []string{"/app", "/stream"} {
		t.Run(route[1:], func(t *testing.T) {
			s, size := serveLargeFastCGI(t), largeSize(route == "/stream")
			sum := sha256.New()
			req := request(t, "POST", s.url+route+"/sum", io.TeeReader(io.LimitReader(rand.NewChaCha8([32]byte{5}), size), sum))
			req.ContentLength = size
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

func TestLargeFastCGIDownload(t *testing.T) {
	for _, length := range []bool{true, false} {
		t.Run(fmt.Sprintf("length=%t", length), func(t *testing.T) {
			s, size := serveLargeFastCGI(t), largeSize(!length)
			req, announced := request(t, "GET", fmt.Sprintf("%s/app/large?%d", s.url, size), nil), int64(-1)
			if length {
				req.Header.Set("X-Length", "yes")
				announced = size
			}
			got := sha256.New()
			s.measure(t, size, func() {
				resp, err := (&http.Client{Timeout: 10 * time.Minute}).Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer resp.Body.Close()
				n, err := io.Copy(got, resp.Body)
				if err != nil || resp.StatusCode != 200 || n != size || resp.ContentLength != announced {
					t.Fatalf("status %d, length %d, %d of %d bytes: %v", resp.StatusCode, resp.ContentLength, n, size, err)
				}
			})
			if sent := sumOfGenerated(size); fmt.Sprintf("%x", got.Sum(nil)) != sent {
				t.Errorf("got %x, the program sent %s", got.Sum(nil), sent)
			}
		})
	}
}

// sumOfGenerated is the SHA-256 of what app.c's /large answers.
func sumOfGenerated(size int64) string {
	sum, g, piece := sha256.New(), generator{}, make([]byte, 1<<20)
	for ; size > 0; size -= int64(len(piece)) {
		piece = piece[:min(int64(len(piece)), size)]
		g.fill(piece)
		sum.Write(piece)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}
