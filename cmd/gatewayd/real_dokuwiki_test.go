package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"html"
	"image/color"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"
)

const dokuwikiFiles = "/usr/share/dokuwiki"

// copyDokuWiki puts DokuWiki into dir/wiki, with its configuration and its data beside it, and one user, who may do
// everything. The files belong to www-data.
func copyDokuWiki(t *testing.T, dir string) {
	t.Helper()
	needRoot(t)
	wiki := filepath.Join(dir, "wiki")
	shell := client{t, dir, []string{"PATH=" + os.Getenv("PATH")}}
	shell.run("cp", "-rL", dokuwikiFiles, wiki)
	shell.run("mkdir", "-p", "conf", "data/attic", "data/cache", "data/index", "data/locks", "data/log", "data/media", "data/media_attic", "data/media_meta", "data/meta", "data/pages", "data/tmp")
	for _, pattern := range []string{"/etc/dokuwiki/*.conf", "/etc/dokuwiki/*.php", "/etc/dokuwiki/*.css"} {
		shell.run("sh", "-ec", "cp -L "+pattern+" conf/ 2>/dev/null || true") // the package's own users are nobody's to read
	}
	hash, err := bcrypt.GenerateFromPassword([]byte(wikiPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"wiki/inc/preload.php": fmt.Sprintf("<?php define('DOKU_CONF', '%s/conf/');\n", dir),
		"conf/users.auth.php":  fmt.Sprintf("# <?php exit()?>\nzoe:%s:Zoë Brontë:zoe@example.org:admin,user\n", hash),
		"conf/acl.auth.php":    "# <?php exit()?>\n*\t@ALL\t1\n*\t@user\t16\n",
		"conf/local.php": fmt.Sprintf(`<?php
$conf['title'] = 'Our wiki';
$conf['useacl'] = 1;
$conf['superuser'] = '@admin';
$conf['userewrite'] = 2; // /doku.php/page: by PATH_INFO
$conf['savedir'] = '%s/data';
`, dir),
	} {
		writeTestFile(t, filepath.Join(dir, name), text, 0o644)
	}
	shell.run("chown", "-R", "www-data:www-data", dir)
}

const wikiPassword = "correct horse"

// TestDokuWiki uses DokuWiki as people do, under each way to run PHP.
func TestDokuWiki(t *testing.T) {
	t.Parallel()
	for _, way := range phpWays() {
		t.Run(way.name, func(t *testing.T) {
			t.Parallel()
			dir := openTempDir(t)
			copyDokuWiki(t, dir)
			s := way.serve(t, dir, "wiki")
			useDokuWiki(t, s.url)
			wantNoSource(t, s.url, "/inc/init.php", "/conf/local.php", "/inc/lang/en/lang.php")
		})
	}
}

// TestDokuWikiLooks opens DokuWiki in a browser: its style sheet is used, and its script has run.
func TestDokuWikiLooks(t *testing.T) {
	t.Parallel()
	dir := openTempDir(t)
	copyDokuWiki(t, dir)
	s := phpWays()[0].serve(t, dir, "wiki")
	page := s.url + "/doku.php/wiki:welcome"

	text := browse(t, "--dump-dom", page)
	wantText(t, "the page in the browser", text, "This topic does not exist yet")
	if !regexp.MustCompile(`<html [^>]*class="[^"]*\bjs\b`).MatchString(text) {
		t.Errorf("its script has not run: %.200s", text)
	}

	shot := filepath.Join(t.TempDir(), "dokuwiki.png")
	browse(t, "--window-size=1280,1000", "--screenshot="+shot, page)
	if keep := os.Getenv("GATEWAYD_SCREENSHOTS"); keep != "" {
		keepCopy(t, shot, filepath.Join(keep, "dokuwiki.png"))
	}
	if n := count(decodePNG(t, shot), color.RGBA{0xfb, 0xfa, 0xf9, 0xff}); n < 10_000 { // __background_site__ of its template
		t.Errorf("%d points have the colour of the template's background: the style sheet was not used", n)
	}
}

// visitor is a browser that has cookies and follows redirects.
type visitor struct {
	*http.Client
	t    *testing.T
	base string
}

func newVisitor(t *testing.T, base string) visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return visitor{&http.Client{Jar: jar, Timeout: time.Minute}, t, base}
}

// page sends a request that must end in a 200.
func (v visitor) page(req *http.Request) reply {
	v.t.Helper()
	resp, err := v.Do(req)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 200 {
		v.t.Fatalf("%s %s: status %d, %v\n%s", req.Method, req.URL, resp.StatusCode, err, last(string(body), 2<<10))
	}
	return reply{resp, string(body)}
}

func (v visitor) get(path string) reply {
	v.t.Helper()
	return v.page(request(v.t, "GET", v.base+path, nil))
}

func (v visitor) post(path string, form url.Values) reply {
	v.t.Helper()
	req := request(v.t, "POST", v.base+path, strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return v.page(req)
}

// useDokuWiki reads, logs in, writes a page, uploads a file and downloads it.
func useDokuWiki(t *testing.T, base string) {
	t.Helper()
	v := newVisitor(t, base)
	first := v.get("/")
	wantText(t, "the first page", first.body, "Our wiki", "This topic does not exist yet")
	if got := first.Request.URL.String(); got != base+"/doku.php/start" {
		t.Errorf("the first page is at %s", got)
	}
	wikiLooks(t, v, first.body)

	v.get("/doku.php/start?do=login")
	in := v.post("/doku.php/start", url.Values{"do": {"login"}, "id": {"start"}, "u": {"zoe"}, "p": {wikiPassword}, "r": {"1"}})
	wantText(t, "the page after the log-in", in.body, "Logged in as", "Zoë Brontë")

	writePage(t, v)
	uploadMedia(t, v)
	reader := newVisitor(t, base)
	wantText(t, "the page, for one who is not logged in", reader.get("/doku.php/grüße:zoë").body, "A heading of ours", "<strong>bold</strong> Grüße &amp; &lt;tags&gt;")
	if r := fetch(t, request(t, "GET", base+"/doku.php/start?do=admin", nil)); strings.Contains(r.body, "Configuration Settings") {
		t.Error("one who is not logged in sees what is for the administrator")
	}
}

// wikiLooks: the style sheet and the script of a page, which PHP makes, and a picture, which is a file.
func wikiLooks(t *testing.T, v visitor, page string) {
	t.Helper()
	for pattern, kind := range map[string]string{
		`href="(/lib/exe/css.php[^"]*)"`:     "text/css",
		`src="(/lib/exe/js.php[^"]*)"`:       "javascript",
		`src="(/lib/tpl/dokuwiki/[^"]*png)"`: "image/png",
	} {
		m := regexp.MustCompile(pattern).FindStringSubmatch(page)
		if m == nil {
			t.Errorf("the page has no %s", pattern)
			continue
		}
		r := v.get(html.UnescapeString(m[1]))
		if got := r.Header.Get("Content-Type"); !strings.Contains(got, kind) || len(r.body) < 100 {
			t.Errorf("%s is %s of %d bytes", m[1], got, len(r.body))
		}
	}
}

// hidden are the hidden fields of a form, by name.
func hidden(page string) url.Values {
	fields := url.Values{}
	for _, input := range regexp.MustCompile(`<input type="hidden"[^>]*>`).FindAllString(page, -1) {
		name := regexp.MustCompile(`name="([^"]*)"`).FindStringSubmatch(input)
		value := regexp.MustCompile(`value="([^"]*)"`).FindStringSubmatch(input)
		if name != nil && value != nil {
			fields.Set(html.UnescapeString(name[1]), html.UnescapeString(value[1]))
		}
	}
	return fields
}

func writePage(t *testing.T, v visitor) {
	t.Helper()
	const text = "====== A heading of ours ======\n\n**bold** Grüße & <tags>\n\n  * one\n  * two\n"
	form := hidden(v.get("/doku.php/grüße:zoë?do=edit").body)
	if form.Get("sectok") == "" {
		t.Fatalf("the form has no token: %v", form)
	}
	form.Set("wikitext", text)
	form.Set("do[save]", "1")
	saved := v.post("/doku.php/grüße:zoë", form)
	wantText(t, "the page that was saved", saved.body, "A heading of ours", "<strong>bold</strong> Grüße &amp; &lt;tags&gt;")
	if raw := v.get("/doku.php/grüße:zoë?do=export_raw"); raw.body != text {
		t.Errorf("the page is %q, want %q", raw.body, text)
	}
	form.Set("sectok", "wrong")
	form.Set("wikitext", "not to be seen")
	v.post("/doku.php/grüße:zoë", form)
	if raw := v.get("/doku.php/grüße:zoë?do=export_raw"); raw.body != text {
		t.Error("a page was saved without its token")
	}
}

func uploadMedia(t *testing.T, v visitor) {
	t.Helper()
	data := make([]byte, 1_500_000)
	rand.NewChaCha8([32]byte{1}).Read(data)
	fields := hidden(v.get("/lib/exe/mediamanager.php?ns=grüße").body)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for name := range fields {
		form.WriteField(name, fields.Get(name))
	}
	form.WriteField("mediaid", "grüße.zip")
	file, _ := form.CreateFormFile("upload", "archive.zip")
	file.Write(data)
	form.Close()
	req := request(t, "POST", v.base+"/lib/exe/mediamanager.php?ns=grüße", &body)
	req.Header.Set("Content-Type", form.FormDataContentType())
	wantText(t, "the page after the upload", v.page(req).body, "Upload successful")

	path := "/lib/exe/fetch.php/grüße:grüße.zip"
	down := v.get(path)
	if got, want := sha256.Sum256([]byte(down.body)), sha256.Sum256(data); got != want || down.Header.Get("Content-Type") != "application/zip" {
		t.Errorf("the file came back with %d bytes of %d as %s: %x, want %x", len(down.body), len(data), down.Header.Get("Content-Type"), got, want)
	}
	req = request(t, "GET", v.base+path, nil)
	req.Header.Set("Range", "bytes=1000-1999")
	resp, err := v.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	part, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != 206 || !bytes.Equal(part, data[1000:2000]) {
		t.Errorf("a part of it: status %d, %d bytes, %v", resp.StatusCode, len(part), err)
	}
}

// wantNoSource fails if any of the paths shows PHP source.
func wantNoSource(t *testing.T, base string, paths ...string) {
	t.Helper()
	for _, path := range paths {
		for _, method := range []string{"GET", "POST", "HEAD"} {
			if r := fetch(t, request(t, method, base+path, nil)); strings.Contains(r.body, "<?php") {
				t.Errorf("%s %s: status %d with source:\n%s", method, path, r.StatusCode, last(r.body, 500))
			}
		}
	}
}
