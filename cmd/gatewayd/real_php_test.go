package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"gatewayd/gateway/loadclient"
)

// phpMaxRequests is after how many requests a PHP process ends, for tests of what happens then.
const phpMaxRequests = 50

// phpWay is a way to run PHP.
type phpWay struct {
	name  string
	serve func(t *testing.T, dir, root string) *served // dir/root is served as /*
}

// phpWays are own workers, and php-fpm on both kinds of socket; each process ends after a few requests.
func phpWays() []phpWay {
	fpm := func(network string) func(*testing.T, string, string) *served {
		return func(t *testing.T, dir, root string) *served {
			f := startFPM(t, network, fmt.Sprintf("pm.max_requests = %d", phpMaxRequests))
			return serveReal(t, dir, fmt.Sprintf(`
admin: off
routes:
  "/*": { php: { root: ./%s, connect: %q } }
`, root, f.address))
		}
	}
	return []phpWay{
		{"own workers", func(t *testing.T, dir, root string) *served {
			return serveReal(t, dir, fmt.Sprintf(`
admin: off
routes:
  "/*": { php: ./%s, user: www-data, env: { PHP_FCGI_MAX_REQUESTS: %d } }
`, root, phpMaxRequests))
		}},
		{"php-fpm, unix", fpm("unix")},
		{"php-fpm, tcp", fpm("tcp")},
	}
}

// phpSite is the programs of testdata/real/php.txtar, in dir/site.
func phpSite(t *testing.T) (dir string) {
	t.Helper()
	needRoot(t)
	dir = openTempDir(t)
	archive, err := txtar.ParseFile(filepath.Join("testdata", "real", "php.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		writeTestFile(t, filepath.Join(dir, f.Name), strings.ReplaceAll(string(f.Data), "@@", dir), 0o644)
	}
	client{t, dir, []string{"PATH=" + os.Getenv("PATH")}}.run("chown", "www-data:", dir)
	return dir
}

// TestPHP holds PHP to what its programs rely on, under each way to run it.
func TestPHP(t *testing.T) {
	t.Parallel()
	for _, way := range phpWays() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			dir := phpSite(t)
			s := way.serve(t, dir, "site")
			for name, test := range map[string]func(*testing.T, *served, string){
				"answers": phpAnswers, "variables": phpVariables, "uploads": phpUploads, "files": phpFiles, "source": phpSource, "session": phpSession,
				"stream": phpStreams, "client leaves": phpClientLeaves, "max requests": phpRecycles, "log": phpLogs,
			} {
				t.Run(name, func(t *testing.T) { test(t, s, dir) })
			}
		})
	}
}

func phpAnswers(t *testing.T, s *served, _ string) {
	for _, c := range []struct {
		path   string
		status int
		body   string
		header map[string]string
	}{
		{"/answers.php?kind=404", 404, "no such thing", nil},
		{"/answers.php?kind=418", 418, "tea", nil},
		{"/answers.php?kind=503", 503, "later", nil},
		{"/answers.php?kind=redirect", 302, "", map[string]string{"Location": "/vars.php?from=redirect"}},
		{"/answers.php?kind=permanent", 301, "", map[string]string{"Location": "https://example.org/moved"}},
		{"/answers.php?kind=created", 201, "made", map[string]string{"Location": "/things/1"}},
		{"/answers.php?kind=304", 304, "", nil},
		{"/answers.php?kind=204", 204, "", nil},
		{"/answers.php?kind=empty", 200, "", nil},
		{"/answers.php?kind=length", 200, "hello", map[string]string{"Content-Length": "5"}},
		{"/answers.php?kind=exit", 200, "before", nil},
		{"/answers.php?kind=fatal", 500, "", nil},
		{"/notexec.php", 200, "no exec bit is needed\n", nil},
		{"/sub/", 200, "index of sub, /sub/index.php\n", nil},
		{"/sub", 301, "", map[string]string{"Location": "/sub/"}},
	} {
		r := fetch(t, request(t, "GET", s.url+c.path, nil))
		if r.StatusCode != c.status || c.body != "" && r.body != c.body || c.body == "" && c.status/100 == 3 && strings.Contains(r.body, "<?php") {
			t.Errorf("%s: status %d, want %d, body %q", c.path, r.StatusCode, c.status, last(r.body, 300))
		}
		for name, want := range c.header {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.path, name, got, want)
			}
		}
	}
	if cookies := get(t, s.url+"/answers.php?kind=cookies", 200).Cookies(); len(cookies) != 2 || cookies[0].Name != "one" || cookies[1].Value != "zwei%20und%20mehr" {
		t.Errorf("cookies %v", cookies)
	}
	if r := fetch(t, request(t, "HEAD", s.url+"/answers.php?kind=length", nil)); r.StatusCode != 200 || r.body != "" || r.ContentLength != 5 {
		t.Errorf("HEAD: status %d, %d bytes of %d", r.StatusCode, len(r.body), r.ContentLength)
	}
}

// phpSeen is what a script says of its request.
type phpSeen struct {
	Script    string
	Server    map[string]any
	Get, Post map[string]any
	Dir       string
	UID       int
	Env       map[string]string
}

func phpSees(t *testing.T, s *served, path string) (seen phpSeen) {
	t.Helper()
	r := get(t, s.url+path, 200)
	text := strings.NewReplacer(`"get":[]`, `"get":null`, `"post":[]`, `"post":null`).Replace(r.body) // PHP's empty arrays
	if err := json.Unmarshal([]byte(text), &seen); err != nil {
		t.Fatalf("%s: %v in %s", path, err, last(r.body, 500))
	}
	return seen
}

func phpVariables(t *testing.T, s *served, dir string) {
	site := filepath.Join(dir, "site")
	for _, c := range []struct {
		path, script string
		want         map[string]any // nil: not set
	}{
		{"/vars.php?a=1&b=%20x", "vars", map[string]any{"SCRIPT_NAME": "/vars.php", "SCRIPT_FILENAME": site + "/vars.php", "DOCUMENT_ROOT": site, "PHP_SELF": "/vars.php",
			"QUERY_STRING": "a=1&b=%20x", "REQUEST_URI": "/vars.php?a=1&b=%20x", "PATH_INFO": nil, "PATH_TRANSLATED": nil, "GATEWAY_INTERFACE": "CGI/1.1", "HTTP_PROXY": nil, "REDIRECT_STATUS": "200"}},
		{"/vars.php/extra%20path/more", "vars", map[string]any{"SCRIPT_NAME": "/vars.php", "PATH_INFO": "/extra path/more", "PATH_TRANSLATED": site + "/extra path/more", "PHP_SELF": "/vars.php/extra path/more"}},
		{"/vars.php/x.php", "vars", map[string]any{"SCRIPT_NAME": "/vars.php", "PATH_INFO": "/x.php"}},
		{"/", "index", map[string]any{"SCRIPT_NAME": "/index.php", "REQUEST_URI": "/", "PATH_INFO": nil}},
		{"/no/such/page?q=1", "index", map[string]any{"SCRIPT_NAME": "/index.php", "SCRIPT_FILENAME": site + "/index.php", "REQUEST_URI": "/no/such/page?q=1", "QUERY_STRING": "q=1", "PATH_INFO": nil, "PHP_SELF": "/index.php"}},
		{"/nothing.php", "index", map[string]any{"SCRIPT_NAME": "/index.php", "REQUEST_URI": "/nothing.php"}},
		{"/gr%C3%BC%C3%9Fe%0Ax.php", "index", map[string]any{"SCRIPT_NAME": "/index.php", "REQUEST_URI": "/gr%C3%BC%C3%9Fe%0Ax.php"}},
	} {
		seen := phpSees(t, s, c.path)
		if seen.Script != c.script {
			t.Errorf("%s: %s.php ran", c.path, seen.Script)
		}
		for name, want := range c.want {
			if got, ok := seen.Server[name]; ok != (want != nil) || got != want {
				t.Errorf("%s: %s is %v, want %v", c.path, name, got, want)
			}
		}
	}
	seen := phpSees(t, s, "/vars.php")
	if seen.Dir != site || seen.UID == 0 {
		t.Errorf("works in %s as user %d", seen.Dir, seen.UID)
	}
	for _, name := range []string{"TMPDIR", "XDG_RUNTIME_DIR"} { // of gatewayd's own environment
		if value, ok := seen.Env[name]; ok {
			t.Errorf("the program has %s=%s", name, value)
		}
	}
}

func phpUploads(t *testing.T, s *served, _ string) {
	for _, size := range []int64{0, 1, 1000, 65535, 65536, 300_000, 3_000_000} {
		for _, method := range []string{"POST", "PUT"} {
			for _, chunked := range []bool{false, true} {
				sum := sha256.New()
				io.Copy(sum, loadclient.Repeat("some text ", size)())
				req := request(t, method, s.url+"/input.php", loadclient.Repeat("some text ", size)())
				req.Header.Set("Content-Type", "application/octet-stream")
				req.ContentLength = size
				if chunked {
					req.ContentLength = -1
				} else if size == 0 {
					req.Body = http.NoBody
				}
				if r, want := fetch(t, req), fmt.Sprintf("%s %d %d %x", method, size, size, sum.Sum(nil)); r.body != want {
					t.Errorf("chunked %t: %q, want %q", chunked, last(r.body, 300), want)
				}
			}
		}
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	form.WriteField("field", "Grüße & mehr")
	file, _ := form.CreateFormFile("file", "naïve.bin")
	data := bytes.Repeat([]byte{0, 1, 0xff, '\r', '\n'}, 200_000)
	file.Write(data)
	form.Close()
	req := request(t, "POST", s.url+"/upload.php", &body)
	req.Header.Set("Content-Type", form.FormDataContentType())
	if r, want := fetch(t, req), fmt.Sprintf("Grüße & mehr|naïve.bin|application/octet-stream|%d|0|%x", len(data), sha256.Sum256(data)); r.body != want {
		t.Errorf("a file in a form: %q, want %q", last(r.body, 300), want)
	}
}

func phpFiles(t *testing.T, s *served, _ string) {
	for path, kind := range map[string]string{"/style.css": "text/css", "/photo.jpg": "image/jpeg"} {
		if r := get(t, s.url+path, 200); !strings.HasPrefix(r.Header.Get("Content-Type"), kind) || r.Header.Get("Last-Modified") == "" {
			t.Errorf("%s is %s, changed %q", path, r.Header.Get("Content-Type"), r.Header.Get("Last-Modified"))
		}
	}
	if r := fetch(t, request(t, "POST", s.url+"/style.css", strings.NewReader("x"))); r.StatusCode != 405 {
		t.Errorf("POST to a file: status %d", r.StatusCode)
	}
}

// phpSource: what is not a script never runs, and what is one never shows.
func phpSource(t *testing.T, s *served, _ string) {
	for _, path := range []string{"/photo.jpg/x.php", "/photo.jpg/.php", "/photo.jpg%0A.php", "/photo.jpg%00.php", "/photo.jpg/index.php", "/.hidden.php", "/photo.jpg//x.php", "/photo.jpg/%2E.php"} {
		r := fetch(t, request(t, "GET", s.url+path, nil))
		if strings.Contains(r.body, "it ran") || r.StatusCode >= 500 {
			t.Errorf("%s: status %d, %s", path, r.StatusCode, last(r.body, 300))
		}
	}
	wantNoSource(t, s.url, "/vars.php", "/vars.php/", "/vars.php/x.css", "/vars.php%20", "/vars.php.", "/vars.php%00", "/vars.php%00.css", "/vars.PHP", "/Vars.php", "/vars.php%2F", "//vars.php",
		"/./vars.php", "/sub/../vars.php", "/vars.php;x", "/vars.php?x=.css", "/vars%2Ephp", "/vars.php~", "/.hidden.php", "/.hidden.php/x", "/sub/index.php/style.css")
	req := request(t, "GET", s.url+"/vars.php", nil)
	req.Header.Set("Range", "bytes=0-4")
	if r := fetch(t, req); strings.Contains(r.body, "<?php") {
		t.Errorf("a range of a script: %q", r.body)
	}
}

func phpSession(t *testing.T, s *served, _ string) {
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Timeout: time.Minute}
	for n := range 3 {
		resp, err := c.Get(s.url + "/answers.php?kind=session")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want := fmt.Sprintf("visit %d", n+1); string(text) != want {
			t.Errorf("%q, want %q", text, want)
		}
	}
}

// phpStreams: what a script flushes arrives before it goes on.
func phpStreams(t *testing.T, s *served, dir string) {
	resp, err := (&http.Client{Timeout: patience}).Get(s.url + "/stream.php")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	for i := range 3 {
		part := make([]byte, len("part 0\n"))
		if _, err := io.ReadFull(resp.Body, part); err != nil || string(part) != fmt.Sprintf("part %d\n", i) {
			t.Fatalf("part %d: %q, %v", i, part, err)
		}
		writeTestFile(t, filepath.Join(dir, fmt.Sprintf("go%d", i)), "", 0o644)
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
		t.Errorf("then %q, %v", rest, err)
	}
}

// phpClientLeaves: a script that writes ends when nobody listens any more, as ignore_user_abort says by default.
func phpClientLeaves(t *testing.T, s *served, dir string) {
	for i := range 3 {
		id := fmt.Sprintf("endless%d", i)
		ask := loadclient.Request{Target: "/endless.php?id=" + id, Leave: 30}
		if report := (loadclient.Load{Address: strings.TrimPrefix(s.url, "http://"), Requests: 1, Next: func(int) *loadclient.Request { return &ask }}).Run(context.Background()); report.Failures() > 0 {
			t.Fatal(report)
		}
		left := time.Now()
		for {
			status, err := os.ReadFile(filepath.Join(dir, id))
			if err == nil && string(status) != "1\n" {
				t.Errorf("connection_status is %q, want 1: aborted", status)
			}
			if err == nil {
				break
			}
			if time.Since(left) > patience {
				t.Fatal("the script did not end")
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Logf("the script ended %v after its client had left", time.Since(left).Round(time.Millisecond))
	}
}

// phpRecycles: that a PHP process ends now and then is nobody's concern.
func phpRecycles(t *testing.T, s *served, _ string) {
	asks := []loadclient.Request{
		{Target: "/answers.php?kind=length", Want: loadclient.Want{Body: []byte("hello")}},
		{Method: "HEAD", Target: "/answers.php?kind=length"},
		{Method: "POST", Target: "/input.php", Body: loadclient.Repeat("x", 1000), Length: 1000, Want: loadclient.Want{Body: fmt.Appendf(nil, "POST 1000 1000 %x", sha256.Sum256(bytes.Repeat([]byte("x"), 1000)))}},
	}
	for _, clients := range []int{1, 8} {
		report := loadclient.Load{Address: strings.TrimPrefix(s.url, "http://"), Clients: clients, Requests: 1000, Next: func(n int) *loadclient.Request { return &asks[n%len(asks)] }}.Run(context.Background())
		t.Logf("%d clients: %v", clients, report)
		if report.Failures() > 0 {
			t.Errorf("%d clients: requests failed", clients)
		}
	}
}

func phpLogs(t *testing.T, s *served, _ string) {
	get(t, s.url+"/answers.php?kind=log", 200)
	s.awaitLog(t, "a complaint of ours")
	get(t, s.url+"/answers.php?kind=fatal", 500)
	s.awaitLog(t, "undefined_function_of_ours")
}

// TestPHPMissing: that php-fpm does not find a file is what people ask about most; the log tells them what is wrong.
func TestPHPMissing(t *testing.T) {
	t.Parallel()
	dir := phpSite(t)
	f := startFPM(t, "unix", "")
	secret := filepath.Join(dir, "secret")
	writeTestFile(t, filepath.Join(secret, "site", "page.php"), "<?php echo 'seen';", 0o644)
	writeTestFile(t, filepath.Join(dir, "site", "locked.php"), "<?php echo 'seen';", 0o600)
	writeTestFile(t, filepath.Join(dir, "site", "other.phtml"), "<?php echo 'seen';", 0o644)
	if err := os.Chmod(secret, 0o700); err != nil {
		t.Fatal(err)
	}
	s := serveConfig(t, dir, fmt.Sprintf(`
admin: off
routes:
  "/moved/*": { php: { root: ./site, connect: %[1]q, worker_root: /var/www/elsewhere } }
  "/secret/*": { php: { root: ./secret/site, connect: %[1]q } }
  "/ext/*": { fastcgi: { root: ./site, ext: [.phtml], connect: %[1]q } }
  "/own/*": { php: ./secret/site, user: www-data }
  "/*": { php: { root: ./site, connect: %[1]q } }
`, f.address))
	for _, c := range []struct {
		path   string
		status int
		log    []string
	}{
		{"/moved/vars.php", 404, []string{"/var/www/elsewhere/vars.php", dir + "/site/vars.php", "worker_root"}},
		{"/secret/page.php", 404, []string{secret, "www-data"}},
		{"/own/page.php", 503, []string{secret, "www-data"}},
		{"/locked.php", 403, []string{dir + "/site/locked.php", "www-data"}},
		{"/ext/other.phtml", 403, []string{"security.limit_extensions"}},
	} {
		offset := len(s.stderr.String())
		r := fetch(t, request(t, "GET", s.url+c.path, nil))
		if r.StatusCode != c.status || strings.Contains(r.body, "seen") || strings.Contains(r.body, dir) {
			t.Errorf("%s: status %d, %q", c.path, r.StatusCode, r.body)
		}
		line := s.awaitLogFrom(t, offset, `(?m)^.*request failed.*$`)
		wantText(t, "the log of "+c.path, line, c.log...)
	}
}
