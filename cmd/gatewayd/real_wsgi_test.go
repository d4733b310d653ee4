package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// debianPath is where Debian's Python is, whose packages the tests have.
const debianPath = "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"

const flaskApp = `
import hashlib

from flask import Flask, Response, request, send_file, session

app = Flask(__name__)
app.secret_key = "for tests"


@app.get("/")
def hello():
    session["n"] = session.get("n", 0) + 1
    return f"visit {session['n']} below {request.script_root}\n"


@app.post("/upload")
def upload():
    return hashlib.sha256(request.files["file"].read()).hexdigest()


@app.get("/stream")
def stream():
    return Response((f"{n}\n" for n in range(1000)), mimetype="text/plain")


@app.get("/source")
def source():
    return send_file(__file__)


@app.get("/broken")
def broken():
    return 1 / 0
`

// TestFlask: sessions, uploads, streams, files and a page that fails, in a config of two lines.
func TestFlask(t *testing.T) {
	dir := openTempDir(t)
	writeTestFile(t, filepath.Join(dir, "shop.py"), flaskApp, 0o644)
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), "routes:\n  \"/shop/*\": { wsgi: { app: \"shop:app\", threads: 4, workers: 2 } }\n", 0o644)
	s := serveIn(t, dir, debianPath, "run", "--listen", "127.0.0.1:0")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	page := func(method, path, kind string, body io.Reader) (int, string) {
		t.Helper()
		req, err := http.NewRequest(method, s.url+path, body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", kind)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	for n := range 3 {
		if status, text := page("GET", "/shop/", "", nil); status != 200 || text != fmt.Sprintf("visit %d below /shop\n", n+1) {
			t.Errorf("%d %q", status, text)
		}
	}
	content := bytes.Repeat([]byte("some bytes "), 300_000)
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	part, err := w.CreateFormFile("file", "x.bin")
	if err != nil {
		t.Fatal(err)
	}
	part.Write(content)
	w.Close()
	if status, text := page("POST", "/shop/upload", w.FormDataContentType(), &form); status != 200 || text != fmt.Sprintf("%x", sha256.Sum256(content)) {
		t.Errorf("%d %q", status, text)
	}
	if status, text := page("GET", "/shop/stream", "", nil); status != 200 || len(text) != 3890 || !strings.HasSuffix(text, "\n998\n999\n") {
		t.Errorf("%d, %d bytes", status, len(text))
	}
	if status, text := page("GET", "/shop/source", "", nil); status != 200 || text != flaskApp {
		t.Errorf("%d, %d bytes", status, len(text))
	}
	if status, _ := page("GET", "/shop/broken", "", nil); status != 500 {
		t.Errorf("%d", status)
	}
	if status, _ := page("GET", "/shop/nothing", "", nil); status != 404 {
		t.Errorf("%d", status)
	}
	if _, err := s.stderr.await(regexp.MustCompile("ZeroDivisionError: division by zero"), 0, s.ended); err != nil {
		t.Error(err)
	}
}

var csrf = regexp.MustCompile(`name="csrfmiddlewaretoken" value="([^"]+)"`)

// TestDjango serves the project that django-admin makes: its administration, logged in, with its style sheets, and a user
// that is added there.
func TestDjango(t *testing.T) {
	dir := openTempDir(t)
	python := func(args ...string) {
		t.Helper()
		cmd := exec.Command("/usr/bin/python3", args...)
		cmd.Dir, cmd.Env = dir, []string{"PATH=" + debianPath, "DJANGO_SUPERUSER_PASSWORD=correct horse", "HOME=" + dir}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	python("-m", "django", "startproject", "shop", ".")
	settings := filepath.Join(dir, "shop", "settings.py")
	text, err := os.ReadFile(settings)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "\nALLOWED_HOSTS = [\"127.0.0.1\"]\n"...)
	if err := os.WriteFile(settings, text, 0o600); err != nil {
		t.Fatal(err)
	}
	python("manage.py", "migrate", "-v0")
	python("manage.py", "createsuperuser", "--noinput", "--username", "ada", "--email", "ada@example.org")
	writeTestFile(t, filepath.Join(dir, "gatewayd.yaml"), "routes:\n  \"/*\": { wsgi: \"shop.wsgi\" }\n  \"/static/admin/*\": { static: /usr/lib/python3/dist-packages/django/contrib/admin/static/admin }\n", 0o644)
	s := serveIn(t, dir, debianPath, "run", "--listen", "127.0.0.1:0")
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	read := func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s, %v\n%.500s", resp.Request.URL, resp.Status, err, text)
		}
		return string(text)
	}
	send := func(path string, fields url.Values) string {
		t.Helper()
		form := read(client.Get(s.url + path))
		token := csrf.FindStringSubmatch(form)
		if token == nil {
			t.Fatalf("%s has no form", path)
		}
		fields.Set("csrfmiddlewaretoken", token[1])
		return read(client.PostForm(s.url+path, fields))
	}
	if page := send("/admin/login/?next=/admin/", url.Values{"username": {"ada"}, "password": {"correct horse"}}); !strings.Contains(page, "Site administration") {
		t.Fatalf("not logged in:\n%.2000s", page)
	}
	if page := send("/admin/auth/user/add/", url.Values{"username": {"grace"}, "password1": {"battery staple"}, "password2": {"battery staple"}}); !strings.Contains(page, "was added successfully") {
		t.Errorf("no user was added:\n%.2000s", page)
	}
	if page := read(client.Get(s.url + "/admin/auth/user/")); !strings.Contains(page, "grace") {
		t.Error("the user is not there")
	}
	read(client.Get(s.url + "/static/admin/css/base.css"))
}
