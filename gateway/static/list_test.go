package static

import (
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/docroot"
)

var (
	listedRow = regexp.MustCompile(`<tr><td><a href="([^"]*)"><bdi>([^<]*)</bdi>(/?)</a></td><td class="n">([^<]*)</td><td class="n t">([^<]*)</td></tr>`)
	anyTag    = regexp.MustCompile(`<[a-zA-Z/!][^>]*>`)
)

// hrefs are the decoded references of a page's rows, in its order.
func hrefs(t *testing.T, page string) []string {
	t.Helper()
	var names []string
	for _, row := range listedRow.FindAllStringSubmatch(page, -1) {
		href := html.UnescapeString(row[1])
		u, err := url.Parse(href)
		if err != nil || u.Scheme != "" || u.Host != "" || u.RawQuery != "" || u.Fragment != "" || !strings.HasPrefix(href, "./") {
			t.Errorf("href %q: %v", href, err)
			continue
		}
		names = append(names, strings.TrimPrefix(u.Path, "./"))
	}
	return names
}

func TestListing(t *testing.T) { // E7
	s := serve(t, Options{Browse: true, Index: []string{"index.html"}}, docroot.Options{}, map[string]string{
		"list/b.txt": strings.Repeat("x", 1536), "list/a.txt": "", "list/Z.txt": "z", "list/sub/x": "", "list/Sub/x": "",
		"list/.hidden": "secret", "list/.git/config": "secret", "indexed/index.html": "<p>index", "indexed/other": "",
	})
	must(t, unix.Mkfifo(s.path("list/fifo"), 0o666))
	must(t, os.Symlink("/etc/passwd", s.path("list/out")))
	must(t, os.Symlink("nothing", s.path("list/dangling")))
	must(t, os.Symlink("b.txt", s.path("list/in")))
	must(t, os.Symlink("sub", s.path("list/insub")))
	s.date(t, "list/b.txt", time.Date(2024, time.March, 5, 6, 7, 8, 0, time.UTC))
	page := s.get(t, "/list/")
	t.Run("rows", func(t *testing.T) {
		if page.status != 200 {
			t.Fatal(page.status)
		}
		want := []string{"Sub/", "insub/", "sub/", "Z.txt", "a.txt", "b.txt", "in"}
		if got := hrefs(t, page.body); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		for _, want := range []string{`>1.5 KiB<`, `>2024-03-05 06:07<`, `<a href="../">`} {
			if !strings.Contains(page.body, want) {
				t.Errorf("%s is missing", want)
			}
		}
	})
	t.Run("nothing from outside", func(t *testing.T) {
		if strings.Contains(page.body, "http") || strings.Contains(page.body, "src=") || strings.Contains(page.body, "<script") {
			t.Errorf("the page loads something: %s", page.body)
		}
		if !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") || page.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Error(page.header)
		}
	})
	t.Run("HEAD, tag and match", func(t *testing.T) {
		sameHead(t, page, s.ask(t, "HEAD", "/list/"))
		s.get(t, "/list/", "If-None-Match: "+page.header.Get("Etag")).want(t, "match", 304, "")
		s.write(t, "list/new", "")
		if again := s.get(t, "/list/"); again.header.Get("Etag") == page.header.Get("Etag") {
			t.Error("the tag has not changed")
		}
		must(t, os.Remove(s.path("list/new")))
	})
	t.Run("JSON", func(t *testing.T) {
		for accept, isJSON := range map[string]bool{
			"application/json": true, "application/json, text/plain, */*": true, "text/html, application/json;q=0.9": false,
			"text/html;q=0.8, application/json;q=0.9": true, "application/json;q=0": false, "*/*": false,
			"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": false, "application/jsonp": false,
		} {
			a := s.get(t, "/list/", "Accept: "+accept)
			a.field(t, "Vary", "Accept")
			if got := a.header.Get("Content-Type") == "application/json"; got != isJSON {
				t.Errorf("Accept %q: JSON %t", accept, got)
			}
		}
		var l listing
		must(t, json.Unmarshal([]byte(s.get(t, "/list/", "Accept: application/json").body), &l))
		if l.Path != "/list/" || l.More || len(l.Entries) != 7 || l.Entries[5].Name != "b.txt" || l.Entries[5].Size != 1536 || !l.Entries[0].Dir || l.Entries[0].Href != "./Sub/" {
			t.Errorf("%+v", l)
		}
	})
	t.Run("an index comes first", func(t *testing.T) {
		s.get(t, "/indexed/").want(t, "index", 200, "<p>index")
	})
	t.Run("no parent above the route", func(t *testing.T) {
		for target, want := range map[string]bool{"/": false, "/pre/": false, "/pre/list/": true, "/list/sub/": true} {
			if got := strings.Contains(s.get(t, target).body, `href="../"`); got != want {
				t.Errorf("%s: parent %t", target, got)
			}
		}
	})
	t.Run("hidden directory", func(t *testing.T) { s.get(t, "/list/.git/").want(t, "hidden", 404, "") })
	t.Run("without slash", func(t *testing.T) { s.get(t, "/list").field(t, "Location", "/list/") })
}

func TestListingEscapes(t *testing.T) { // E7
	names := []string{
		"<script>alert(1)<", `"><img src=x>`, "'x'", "&amp;", "a&b", "%41", "a?b", "a#b", "a b", " lead", "trail ", "\xff\xfe", "é", "a:b", "javascript:alert(1)",
		"new\nline", "tab\t", "\x00x"[1:], "\x7f", "\u202egpj.exe", "\u2028", "a\\b", "..x", "-", "~", "+", ";", "*",
		strings.Repeat("ü", 127), strings.Repeat("<", 255),
	}
	files := map[string]string{}
	for _, name := range names {
		files["d/"+name] = "text of " + name
	}
	s := serve(t, Options{Browse: true}, docroot.Options{Hidden: true}, files)
	page := s.get(t, "/d/").body
	got := hrefs(t, page)
	want := slices.Clone(names)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	plain := serve(t, Options{Browse: true}, docroot.Options{}, map[string]string{"d/x": ""}).get(t, "/d/").body
	tags := func(page string) map[string]bool {
		kinds := map[string]bool{}
		for _, tag := range anyTag.FindAllString(page, -1) {
			kinds[strings.FieldsFunc(tag, func(r rune) bool { return r == ' ' || r == '>' })[0]] = true
		}
		return kinds
	}
	if a, b := fmt.Sprint(tags(page)), fmt.Sprint(tags(plain)); a != b {
		t.Errorf("tags %s, a plain listing has %s", a, b)
	}
	for _, bad := range []string{"\u202e", "\xff", "line\n\n", "\u2028", "\x7f"} {
		if strings.Contains(page, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, row := range listedRow.FindAllStringSubmatch(page, -1) { // the links lead where they should
		target := "/d/" + strings.TrimPrefix(html.UnescapeString(row[1]), "./")
		if a := s.get(t, target); a.status != 200 || !strings.HasPrefix(a.body, "text of ") {
			t.Errorf("%s: %d", target, a.status)
		}
	}
	must(t, os.MkdirAll(s.path("d/<b>\n\xff"), 0o755))
	if title := s.get(t, "/d/%3Cb%3E%0A%FF/").body; !strings.Contains(title, "<title>/d/&lt;b&gt;\uFFFD\uFFFD/</title>") {
		t.Errorf("title: %.300q", title)
	}
}

func TestListingIsBounded(t *testing.T) {
	s := serve(t, Options{Browse: true}, docroot.Options{}, nil)
	must(t, os.Mkdir(s.path("many"), 0o755))
	for i := range maxListed {
		must(t, os.Link(s.oneFile(t), s.path(fmt.Sprintf("many/%06d", i))))
	}
	page := s.get(t, "/many/").body
	if n := strings.Count(page, "<bdi>"); n != maxListed || strings.Contains(page, "there are more") {
		t.Errorf("%d of %d names", n, maxListed)
	}
	must(t, os.Link(s.oneFile(t), s.path("many/more")))
	page = s.get(t, "/many/").body
	if n := strings.Count(page, "<bdi>"); n != maxListed || !strings.Contains(page, "there are more") {
		t.Errorf("%d of %d names, and it does not say that there are more", n, maxListed+1)
	}
}

// oneFile is a file to make links to, which is faster than to write many.
func (s *testSite) oneFile(t testing.TB) string {
	if _, err := os.Stat(s.path("one")); err != nil {
		s.write(t, "one", "")
	}
	return s.path("one")
}

func TestEmptyListing(t *testing.T) {
	s := serve(t, Options{Browse: true}, docroot.Options{}, nil)
	if a := s.get(t, "/"); a.status != 200 || !strings.Contains(a.body, "empty") {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := s.get(t, "/", "Accept: application/json"); !strings.Contains(a.body, `"entries":[]`) {
		t.Error(a.body)
	}
}

func TestSizeForPeople(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1.0 MiB", 1 << 20: "1.0 MiB", 33 << 20: "33.0 MiB", 5 << 40: "5.0 TiB", 1 << 60: "1048576.0 TiB"} {
		if got := sizeForPeople(n); got != want {
			t.Errorf("%d: %q, want %q", n, got, want)
		}
	}
}
