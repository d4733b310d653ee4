package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/textproto"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestCGIPM runs an application written with CGI.pm the way a browser would.
func TestCGIPM(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	copyProgram(t, "cgi-pm/guestbook.pl", filepath.Join(dir, "cgi-bin"))
	copyProgram(t, "cgi-pm/nph-teapot.pl", filepath.Join(dir, "cgi-bin"))
	s := serveReal(t, dir, `
admin: off
routes:
  "/cgi-bin/*": { cgi: ./cgi-bin }
`)
	app := s.url + "/cgi-bin/guestbook.pl"
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	read := func(resp *http.Response, err error) reply {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return reply{resp, string(body)}
	}

	form := read(browser.Get(app + "/?a=b%20c"))
	if got := form.Header.Get("Content-Type"); form.StatusCode != 200 || got != "text/html; charset=utf-8" {
		t.Errorf("the form: status %d, type %s", form.StatusCode, got)
	}
	wantText(t, "the form", form.body, "Welcome, stranger", `action="/cgi-bin/guestbook.pl/sign"`, "You are at "+app+",", app+"/?a=b%20c")

	signed := read(browser.PostForm(app+"/sign", url.Values{"name": {"Zoë"}, "text": {"<grüße> & more"}}))
	if got := signed.Request.URL.String(); signed.StatusCode != 200 || signed.Request.Method != "GET" || got != app+"/" {
		t.Errorf("after signing: %s %s, status %d", signed.Request.Method, got, signed.StatusCode)
	}
	wantText(t, "the form after signing", signed.body, "Welcome, Zoë", "<li>Zoë: &lt;grüße&gt; &amp; more</li>")
	if at, err := url.Parse(app + "/"); err != nil || len(jar.Cookies(at)) != 2 {
		t.Errorf("cookies kept: %v, want two", jar.Cookies(at))
	}

	bye := read(browser.Get(app + "/logout"))
	if bye.body != "bye\n" {
		t.Errorf("logout: %q", bye.body)
	}
	wantText(t, "the form after logout", read(browser.Get(app+"/")).body, "Welcome, stranger")
	get(t, app+"/nowhere", 404)

	uploadPicture(t, app+"/upload", 3<<20, 201)
	uploadPicture(t, app+"/upload", 9<<20, 413) // by the application: POST_MAX

	pot := get(t, s.url+"/cgi-bin/nph-teapot.pl?size=3", 418)
	if pot.body != "stout 3\n" || pot.Header.Get("X-Pot") != "short" || len(pot.Header["Date"]) != 1 || len(pot.Header["Server"]) > 1 {
		t.Errorf("nph: %q %v", pot.body, pot.Header)
	}
}

func uploadPicture(t *testing.T, to string, size, status int) {
	t.Helper()
	picture := make([]byte, size)
	rand.NewChaCha8([32]byte{7}).Read(picture)
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	w.WriteField("title", "Ein Bärenbild")
	part, err := w.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="picture"; filename="bär.png"`},
		"Content-Type":        {"image/png"},
	})
	if err != nil {
		t.Fatal(err)
	}
	part.Write(picture)
	w.Close()
	req := request(t, "POST", to, &body)
	req.Header.Set("Content-Type", w.FormDataContentType())
	r := fetch(t, req)
	if r.StatusCode != status {
		t.Fatalf("upload of %d bytes: status %d, want %d\n%s", size, r.StatusCode, status, r.body)
	}
	want := fmt.Sprintf("bär.png image/png %d %x Ein Bärenbild\n", size, sha256.Sum256(picture))
	if status == http.StatusCreated && r.body != want {
		t.Errorf("the application saw %s, want %s", r.body, want)
	}
	if status != http.StatusCreated && !strings.HasPrefix(r.body, "refused: 413") {
		t.Errorf("the application's own refusal did not arrive: %q", r.body)
	}
}
