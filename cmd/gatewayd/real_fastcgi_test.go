package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gatewayd/gateway/loadclient"
)

// fastcgiPrograms are the programs of testdata/real/fastcgi by the library that they are written with: what they are
// started by, ready for a config.
func fastcgiPrograms(t *testing.T, dir string) map[string]string {
	t.Helper()
	for _, name := range []string{"fast.pl", "fcgi.pl", "app.rb"} {
		copyProgram(t, "fastcgi/"+name, dir)
	}
	compileC(t, dir)
	compileGo(t, filepath.Join("testdata", "real", "fastcgi", "app.go"), filepath.Join(dir, "app-go"))
	return map[string]string{"libfcgi": "./app", "CGI::Fast": "./fast.pl", "FCGI.pm": "./fcgi.pl", "ruby-fcgi": "./app.rb", "net/http/fcgi": "./app-go"}
}

// compileC makes dir/app of app.c: a CGI program and a FastCGI worker.
func compileC(t *testing.T, dir string) {
	t.Helper()
	compile(t, filepath.Join("testdata", "real", "fastcgi", "app.c"), filepath.Join(dir, "app"))
}

func compile(t *testing.T, source, program string) {
	t.Helper()
	if out, err := exec.Command("gcc", "-Wall", "-Werror", "-Wno-unused-result", "-O2", "-o", program, source, "-lfcgi").CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
}

func compileGo(t *testing.T, source, program string) {
	t.Helper()
	if out, err := exec.Command("go", "build", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
}

// TestFastCGILibraries: programs of several libraries, as they are, as workers.
func TestFastCGILibraries(t *testing.T) {
	t.Parallel()
	dir := openTempDir(t)
	for name, program := range fastcgiPrograms(t, dir) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serveReal(t, t.TempDir(), fmt.Sprintf(`
admin: off
routes:
  "/app/*": { fastcgi: { run: %q, workers: 1 }, env: { OF_OURS: "a b" } }
`, filepath.Join(dir, program)))
			app := s.url + "/app"
			onePool(t, app)
			wantText(t, "the variables", get(t, app+"/env?a=%20&b", 200).body, "QUERY_STRING=a=%20&b\n", "REQUEST_METHOD=GET\n", "OF_OURS=a b\n")
			echoes(t, app)
			if r := get(t, app+"/stderr?nothing+much", 200); r.body != "complained\n" {
				t.Errorf("%q", r.body)
			}
			s.awaitLog(t, `a complaint: nothing\+much`)
			onePool(t, app)
		})
	}
}

// onePool wants the same process to count requests.
func onePool(t *testing.T, app string) {
	t.Helper()
	var pid, count [3]int
	for i := range pid {
		text := get(t, app, 200).body
		if _, err := fmt.Sscan(text, &pid[i], &count[i]); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	if pid[0] != pid[1] || pid[1] != pid[2] || count[1] != count[0]+1 || count[2] != count[0]+2 {
		t.Errorf("three requests were answered by the processes %v, as their requests %v", pid, count)
	}
}

// echoes sends bodies of all sizes, with a length and in chunks, and wants them back.
func echoes(t *testing.T, app string) {
	t.Helper()
	for _, size := range []int{0, 1, 1000, 65535, 65536, 300_000} {
		body := bytes.Repeat([]byte("some bytes \x00\xff\r\n"), size/15+1)[:size]
		for _, chunked := range []bool{false, true} {
			req := request(t, "POST", app+"/echo", bytes.NewReader(body))
			req.Header.Set("Content-Type", "application/octet-stream")
			if chunked {
				req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
			}
			if r := fetch(t, req); r.StatusCode != 200 || r.body != string(body) {
				t.Errorf("%d bytes, chunked %t: status %d, %d bytes", size, chunked, r.StatusCode, len(r.body))
			}
		}
	}
}

// TestLibfcgi asks more of a program in C: large answers, statuses, complaints, an end of its own.
func TestLibfcgi(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	compileC(t, dir)
	s := serveReal(t, dir, `
admin: off
routes:
  "/app/*": { fastcgi: ./app }
`)
	app := s.url + "/app"
	for _, size := range []int64{0, 8, 8192, 65536, 1 << 20, 20 << 20} {
		r := get(t, fmt.Sprintf("%s/large?%d", app, size), 200)
		if want := generated(size); r.body != string(want) {
			t.Errorf("%d bytes of %d, or others", len(r.body), size)
		}
	}
	for _, status := range []int{201, 302, 404, 418, 503} {
		get(t, fmt.Sprintf("%s/status?%d", app, status), status)
	}
	if r := get(t, app+"/exit", 502); strings.Contains(r.body, "exit") {
		t.Errorf("the client is told %q", r.body)
	}
	s.awaitLog(t, `(?m)^.*exit(ed|s| status| code)?.* 3\b.*$`)
	report := loadclient.Load{Address: strings.TrimPrefix(s.url, "http://"), Clients: 20, Requests: 2000, Next: func(int) *loadclient.Request {
		return &loadclient.Request{Target: "/app/large?4096", Want: loadclient.Want{Body: generated(4096)}}
	}}.Run(context.Background())
	if t.Log(report); report.Failures() > 0 {
		t.Error("requests failed")
	}
}

// generated is what app.c's /large answers.
func generated(size int64) []byte {
	all := make([]byte, size)
	(&generator{}).fill(all)
	return all
}

// generator makes the bytes of app.c's /large: an xorshift of 64 bits, the low byte first.
type generator struct {
	word uint64
}

// fill fills p, whose length is a multiple of 8.
func (g *generator) fill(p []byte) {
	if g.word == 0 {
		g.word = 88172645463325252
	}
	for i := 0; i+8 <= len(p); i += 8 {
		g.word ^= g.word << 13
		g.word ^= g.word >> 7
		g.word ^= g.word << 17
		binary.LittleEndian.PutUint64(p[i:], g.word)
	}
}

// TestMapServer draws a map, by a program that is both: a process for each request, and a worker.
func TestMapServer(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"cgi", "fastcgi"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			copyProgram(t, "fastcgi/points.map", dir)
			writeTestFile(t, filepath.Join(dir, "mapserver.conf"), "CONFIG\n  ENV\n    MS_MAP_PATTERN \"\\.map$\"\n  END\nEND\n", 0o644)
			s := serveReal(t, dir, fmt.Sprintf(`
admin: off
routes:
  "/map": { %s: /usr/lib/cgi-bin/mapserv, env: { MS_MAPFILE: %[2]s/points.map, MAPSERVER_CONFIG_FILE: %[2]s/mapserver.conf } }
`, word, dir))
			capabilities := get(t, s.url+"/map?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetCapabilities", 200)
			wantText(t, "the capabilities", capabilities.body, "<WMT_MS_Capabilities", "Points of ours", "Three points")
			for range 3 {
				drawMap(t, s.url)
			}
		})
	}
}

func drawMap(t *testing.T, base string) {
	t.Helper()
	r := get(t, base+"/map?SERVICE=WMS&VERSION=1.1.1&REQUEST=GetMap&LAYERS=points&STYLES=&SRS=EPSG:4326&BBOX=-180,-90,180,90&WIDTH=200&HEIGHT=100&FORMAT=image/png", 200)
	picture, err := png.Decode(strings.NewReader(r.body))
	if err != nil || r.Header.Get("Content-Type") != "image/png" || picture.Bounds().Dx() != 200 || picture.Bounds().Dy() != 100 {
		t.Fatalf("%v, %s, %q", err, r.Header.Get("Content-Type"), last(r.body, 500))
	}
	if n := count(picture, color.RGBA{255, 0, 0, 255}); n < 3*50 {
		t.Errorf("%d points of the map are red", n)
	}
}

// TestFastCGIExamples runs what examples/fastcgi shows to people.
func TestFastCGIExamples(t *testing.T) {
	t.Parallel()
	const folder = "../../examples/fastcgi"
	dir := openTempDir(t)
	compile(t, filepath.Join(folder, "counter.c"), filepath.Join(dir, "counter"))
	compileGo(t, filepath.Join(folder, "counter.go"), filepath.Join(dir, "counter-go"))
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		program := filepath.Join(dir, entry.Name())
		switch filepath.Ext(entry.Name()) {
		case ".c":
			program = filepath.Join(dir, "counter")
		case ".go":
			program = filepath.Join(dir, "counter-go")
		default:
			text, err := os.ReadFile(filepath.Join(folder, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			writeTestFile(t, program, string(text), 0o755)
		}
		t.Run(entry.Name(), func(t *testing.T) {
			t.Parallel()
			s := serveReal(t, t.TempDir(), fmt.Sprintf("admin: off\nroutes:\n  \"/*\": { fastcgi: { run: %q, workers: 1 } }\n", program))
			for n := 1; n <= 3; n++ {
				r := get(t, s.url+"/", 200)
				if want := regexp.MustCompile(fmt.Sprintf(`^Request number %d of process \d+\.\n$`, n)); !want.MatchString(r.body) || !strings.HasPrefix(r.Header.Get("Content-Type"), "text/plain") {
					t.Errorf("%s %q", r.Header.Get("Content-Type"), r.body)
				}
			}
			form := request(t, "POST", s.url+"/", strings.NewReader("name=Zo%C3%AB+B"))
			form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if r := fetch(t, form); r.StatusCode != http.StatusOK || !strings.Contains(r.body, "15 bytes") {
				t.Errorf("POST: status %d, %q", r.StatusCode, r.body)
			}
		})
	}
}
