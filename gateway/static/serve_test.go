package static

import (
	"fmt"
	"io"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/docroot"
)

var plainSite = map[string]string{
	"alphabet.txt":     alphabet,
	"empty.txt":        "",
	"index.html":       "<p>root index",
	"dir/index.html":   "<p>dir index",
	"bare/file.txt":    "file",
	"a b/ü/x.txt":      "deep",
	".git/config":      "secret",
	".well-known/acme": "token",
	"dir/.env":         "secret",
}

func TestRangesOverTheWire(t *testing.T) { // E1, E2
	s := serve(t, Options{CacheControl: "max-age=60"}, docroot.Options{}, plainSite)
	etag := s.get(t, "/alphabet.txt").header.Get("Etag")
	for _, test := range []struct {
		name, field, body, contentRange string
		status                          int
	}{
		{"first", "bytes=0-4", "abcde", "bytes 0-4/26", 206},
		{"last byte", "bytes=25-25", "z", "bytes 25-25/26", 206},
		{"open", "bytes=20-", "uvwxyz", "bytes 20-25/26", 206},
		{"suffix", "bytes=-3", "xyz", "bytes 23-25/26", 206},
		{"over-long", "bytes=24-99999999999999999999", "yz", "bytes 24-25/26", 206},
		{"touching ranges are one", "bytes=0-1,2-3", "abcd", "bytes 0-3/26", 206},
		{"unsatisfiable", "bytes=26-", "", "bytes */26", 416},
		{"suffix of nothing", "bytes=-0", "", "bytes */26", 416},
		{"invalid", "bytes=2-1", alphabet, "", 200},
		{"other unit", "items=0-1", alphabet, "", 200},
		{"no unit", "bytes 0-1", alphabet, "", 200},
		{"two fields", "bytes=0-1\r\nRange: bytes=2-3", alphabet, "", 200},
		{"17 ranges", "bytes=0-0" + strings.Repeat(",2-2", 16), alphabet, "", 200},
		{"200 times everything", "bytes=0-" + strings.Repeat(",0-", 199), alphabet, "", 200},
		{"more bytes than the file", "bytes=0-20,10-25", alphabet, "", 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.get(t, "/alphabet.txt", "Range: "+test.field)
			a.want(t, test.field, test.status, test.body)
			a.field(t, "Content-Range", test.contentRange)
			if test.status < 300 {
				a.field(t, "Etag", etag)
				a.field(t, "Cache-Control", "max-age=60")
				a.field(t, "Accept-Ranges", "bytes")
				a.field(t, "Content-Type", "text/plain; charset=utf-8")
				if a.header.Get("Last-Modified") == "" {
					t.Error("no Last-Modified")
				}
			} else {
				a.field(t, "Cache-Control", "")
				a.field(t, "Etag", "")
			}
			head := s.ask(t, "HEAD", "/alphabet.txt", "Range: "+test.field) // GET alone has ranges
			head.want(t, "HEAD", 200, "")
			head.field(t, "Content-Length", "26")
			head.field(t, "Content-Range", "")
		})
	}
	s.get(t, "/empty.txt", "Range: bytes=0-").want(t, "range of an empty file", 416, "")
	s.get(t, "/empty.txt", "Range: bytes=-1").want(t, "last byte of an empty file", 200, "")
}

func TestMultipartRanges(t *testing.T) { // E2
	s := serve(t, Options{}, docroot.Options{}, plainSite)
	for _, test := range []struct {
		name, field string
		parts       []string // "Content-Range body"
	}{
		{"two", "bytes=0-1,10-11", []string{"bytes 0-1/26 ab", "bytes 10-11/26 kl"}},
		{"reversed", "bytes=10-11,0-1", []string{"bytes 10-11/26 kl", "bytes 0-1/26 ab"}},
		{"three with a suffix", "bytes=0-0,5-5,-1", []string{"bytes 0-0/26 a", "bytes 5-5/26 f", "bytes 25-25/26 z"}},
		{"one is unsatisfiable", "bytes=0-0,99-,5-5", []string{"bytes 0-0/26 a", "bytes 5-5/26 f"}},
		{"two of three touch", "bytes=8-9,0-1,2-3", []string{"bytes 8-9/26 ij", "bytes 0-3/26 abcd"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.get(t, "/alphabet.txt", "Range: "+test.field)
			if a.status != 206 || a.header.Get("Content-Range") != "" {
				t.Fatalf("status %d, Content-Range %q", a.status, a.header.Get("Content-Range"))
			}
			kind, parameters, err := mime.ParseMediaType(a.header.Get("Content-Type"))
			if err != nil || kind != "multipart/byteranges" {
				t.Fatalf("%q, %v", kind, err)
			}
			var got []string
			for reader := multipart.NewReader(strings.NewReader(a.body), parameters["boundary"]); ; {
				part, err := reader.NextRawPart()
				if err == io.EOF {
					break
				}
				must(t, err)
				if part.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
					t.Errorf("part: %v", part.Header)
				}
				body, err := io.ReadAll(part)
				must(t, err)
				got = append(got, part.Header.Get("Content-Range")+" "+string(body))
			}
			if fmt.Sprint(got) != fmt.Sprint(test.parts) {
				t.Errorf("got %q, want %q", got, test.parts)
			}
			if boundary := "--" + parameters["boundary"]; !strings.HasPrefix(a.body, boundary+"\r\n") || !strings.HasSuffix(a.body, "\r\n"+boundary+"--\r\n") {
				t.Errorf("the body: %q", a.body)
			}
		})
	}
}

func TestPreconditions(t *testing.T) { // E3, E4
	s := serve(t, Options{CacheControl: "max-age=60"}, docroot.Options{}, plainSite)
	modified := time.Date(2024, time.March, 5, 6, 7, 8, 900_000_000, time.UTC)
	must(t, os.Chtimes(s.path("alphabet.txt"), modified, modified))
	etag := s.get(t, "/alphabet.txt").header.Get("Etag")
	const at, before, after = "Tue, 05 Mar 2024 06:07:08 GMT", "Tue, 05 Mar 2024 06:07:07 GMT", "Tue, 05 Mar 2024 06:07:09 GMT"
	r := "Range: bytes=0-1"
	for _, test := range []struct {
		name   string
		lines  []string
		status int
	}{
		{"If-None-Match", []string{"If-None-Match: " + etag}, 304},
		{"weak", []string{"If-None-Match: W/" + etag}, 304},
		{"list", []string{`If-None-Match: "a", W/"b,c" ,, ` + etag + `,"d"`}, 304},
		{"two lines", []string{`If-None-Match: "a"`, "If-None-Match: " + etag}, 304},
		{"star", []string{"If-None-Match: *"}, 304},
		{"other tag", []string{`If-None-Match: "a"`}, 200},
		{"a part of the tag", []string{"If-None-Match: " + etag[:len(etag)-2] + `"`}, 200},
		{"unquoted", []string{"If-None-Match: " + strings.Trim(etag, `"`)}, 200},
		{"broken quotes", []string{"If-None-Match: " + etag[:len(etag)-1]}, 200},
		{"small w", []string{"If-None-Match: w/" + etag}, 200},
		{"blank in the tag", []string{`If-None-Match: "a b", ` + etag}, 200},
		{"no comma", []string{`If-None-Match: "a" ` + etag}, 200},
		{"star in a list", []string{`If-None-Match: *, "a"`}, 200},
		{"empty", []string{"If-None-Match: "}, 200},
		{"a range beside a match", []string{"If-None-Match: " + etag, r}, 304},
		{"a range beside no match", []string{`If-None-Match: "a"`, r}, 206},
		{"If-None-Match beats If-Modified-Since", []string{`If-None-Match: "a"`, "If-Modified-Since: " + after}, 200},
		{"also when it is broken", []string{`If-None-Match: a`, "If-Modified-Since: " + after}, 200},

		{"If-Modified-Since", []string{"If-Modified-Since: " + at}, 304},
		{"later", []string{"If-Modified-Since: " + after}, 304},
		{"earlier", []string{"If-Modified-Since: " + before}, 200},
		{"RFC 850", []string{"If-Modified-Since: Tuesday, 05-Mar-24 06:07:08 GMT"}, 304},
		{"RFC 850, earlier", []string{"If-Modified-Since: Tuesday, 05-Mar-24 06:07:07 GMT"}, 200},
		{"RFC 850, 1970s", []string{"If-Modified-Since: Tuesday, 05-Mar-79 06:07:07 GMT"}, 200},
		{"asctime", []string{"If-Modified-Since: Tue Mar  5 06:07:08 2024"}, 304},
		{"asctime, earlier", []string{"If-Modified-Since: Tue Mar  5 06:07:07 2024"}, 200},
		{"beyond 2038", []string{"If-Modified-Since: Thu, 05 Mar 2048 06:07:08 GMT"}, 304},
		{"beyond 2106", []string{"If-Modified-Since: Mon, 05 Mar 2120 06:07:08 GMT"}, 304},
		{"garbage", []string{"If-Modified-Since: yesterday"}, 200},
		{"half a date", []string{"If-Modified-Since: Tue, 05 Mar 2024"}, 200},
		{"a number", []string{"If-Modified-Since: 1893456000"}, 200},
		{"another zone", []string{"If-Modified-Since: Tue, 05 Mar 2024 06:07:08 EST"}, 200},
		{"another zone, RFC 850", []string{"If-Modified-Since: Tuesday, 05-Mar-24 06:07:08 EST"}, 200},
		{"two dates", []string{"If-Modified-Since: " + at, "If-Modified-Since: " + at}, 200},
		{"empty date", []string{"If-Modified-Since: "}, 200},

		{"If-Match", []string{"If-Match: " + etag}, 200},
		{"If-Match list", []string{`If-Match: "a", ` + etag}, 200},
		{"If-Match star", []string{"If-Match: *"}, 200},
		{"If-Match other", []string{`If-Match: "a"`}, 412},
		{"If-Match weak", []string{"If-Match: W/" + etag}, 412},
		{"If-Match broken", []string{"If-Match: a"}, 200},
		{"If-Match beats If-None-Match", []string{`If-Match: "a"`, "If-None-Match: " + etag}, 412},
		{"If-Match, then If-None-Match", []string{"If-Match: " + etag, "If-None-Match: " + etag}, 304},
		{"If-Match and a range", []string{"If-Match: " + etag, r}, 206},
		{"If-Match beats a range", []string{`If-Match: "a"`, "Range: bytes=99-"}, 412},
		{"If-Unmodified-Since", []string{"If-Unmodified-Since: " + at}, 200},
		{"If-Unmodified-Since earlier", []string{"If-Unmodified-Since: " + before}, 412},
		{"If-Unmodified-Since garbage", []string{"If-Unmodified-Since: yesterday"}, 200},
		{"If-Match beats If-Unmodified-Since", []string{"If-Match: " + etag, "If-Unmodified-Since: " + before}, 200},

		{"If-Range tag", []string{r, "If-Range: " + etag}, 206},
		{"If-Range other tag", []string{r, `If-Range: "a"`}, 200},
		{"If-Range weak", []string{r, "If-Range: W/" + etag}, 200},
		{"If-Range unquoted", []string{r, "If-Range: " + strings.Trim(etag, `"`)}, 200},
		{"If-Range list", []string{r, "If-Range: " + etag + ", " + etag}, 200},
		{"If-Range date", []string{r, "If-Range: " + at}, 206},
		{"If-Range date, RFC 850", []string{r, "If-Range: Tuesday, 05-Mar-24 06:07:08 GMT"}, 206},
		{"If-Range later date", []string{r, "If-Range: " + after}, 200},
		{"If-Range earlier date", []string{r, "If-Range: " + before}, 200},
		{"If-Range garbage", []string{r, "If-Range: yesterday"}, 200},
		{"If-Range without Range", []string{"If-Range: " + etag}, 200},
		{"If-Range does not make a 416", []string{"Range: bytes=99-", `If-Range: "a"`}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.get(t, "/alphabet.txt", test.lines...)
			body := alphabet
			if test.status == 206 {
				body = alphabet[:2]
			}
			a.want(t, strings.Join(test.lines, " | "), test.status, body)
			head := s.ask(t, "HEAD", "/alphabet.txt", test.lines...)
			if want := strings.Replace(fmt.Sprint(test.status), "206", "200", 1); fmt.Sprint(head.status) != want {
				t.Errorf("HEAD: %d, want %s", head.status, want)
			}
			if test.status == 304 { // E15
				a.field(t, "Etag", etag)
				a.field(t, "Cache-Control", "max-age=60")
				a.field(t, "Content-Length", "")
				a.field(t, "Content-Type", "")
				a.field(t, "Transfer-Encoding", "")
			}
		})
	}
	t.Run("ignored on 404", func(t *testing.T) {
		for _, line := range []string{"If-Match: *", `If-Match: "a"`, "If-None-Match: *", "If-Unmodified-Since: " + before, r} {
			s.get(t, "/nothing", line).want(t, line, 404, "")
		}
	})
}

func TestValidators(t *testing.T) { // E5
	s := serve(t, Options{}, docroot.Options{}, plainSite)
	tag := func() string { return s.get(t, "/alphabet.txt").header.Get("Etag") }
	first := tag()
	if len(first) < 4 || first[0] != '"' || first[len(first)-1] != '"' {
		t.Fatalf("not strong: %q", first)
	}
	info, err := os.Stat(s.path("alphabet.txt"))
	must(t, err)
	t.Run("the tag stays", func(t *testing.T) {
		if again := tag(); again != first {
			t.Errorf("%q, then %q", first, again)
		}
	})
	t.Run("other bytes, same size and date", func(t *testing.T) {
		s.write(t, "alphabet.txt", strings.ToUpper(alphabet))
		must(t, os.Chtimes(s.path("alphabet.txt"), info.ModTime(), info.ModTime()))
		if tag() == first {
			t.Error("the tag has not changed")
		}
	})
	t.Run("another file in its place, same size and date", func(t *testing.T) {
		before := tag()
		s.write(t, "other.txt", alphabet)
		must(t, os.Chtimes(s.path("other.txt"), info.ModTime(), info.ModTime()))
		must(t, os.Rename(s.path("other.txt"), s.path("alphabet.txt")))
		if tag() == before {
			t.Error("the tag has not changed")
		}
	})
	t.Run("no date later than now", func(t *testing.T) {
		must(t, os.Chtimes(s.path("alphabet.txt"), time.Time{}, time.Now().Add(48*time.Hour)))
		a := s.get(t, "/alphabet.txt")
		given, err := http.ParseTime(a.header.Get("Last-Modified"))
		must(t, err)
		now, err := http.ParseTime(a.header.Get("Date"))
		must(t, err)
		if given.After(now) {
			t.Errorf("Last-Modified %s is after Date %s", given, now)
		}
	})
	t.Run("no date for a file of 1970", func(t *testing.T) {
		must(t, os.Chtimes(s.path("alphabet.txt"), time.Time{}, time.Unix(1, 0)))
		a := s.get(t, "/alphabet.txt", "If-Modified-Since: Tue, 05 Mar 2024 06:07:08 GMT")
		a.want(t, "not comparable by date", 200, alphabet)
		a.field(t, "Last-Modified", "")
	})
}

func TestPaths(t *testing.T) { // E6, E7, E10, E14, D10, D13
	s := serve(t, Options{Index: []string{"index.htm", "index.html"}}, docroot.Options{}, plainSite)
	must(t, os.MkdirAll(s.path("weird/index.html"), 0o755))
	must(t, os.Mkdir(s.path("a;b\r\nSet-Cookie: x"), 0o755))
	must(t, os.Mkdir(s.path(`\evil.example`), 0o755))
	must(t, unix.Mkfifo(s.path("fifo"), 0o666))
	must(t, unix.Mkfifo(s.path("bare/fifo.txt"), 0o666))
	must(t, unix.Mknod(s.path("socket"), unix.S_IFSOCK|0o666, 0))
	must(t, os.WriteFile(filepath.Join(s.dir, "../secret"), []byte("secret"), 0o644))
	must(t, os.Symlink("../secret", s.path("out")))
	must(t, os.Symlink("..", s.path("outdir")))
	must(t, os.Symlink("alphabet.txt", s.path("in")))
	must(t, os.Symlink("nowhere", s.path("dangling")))
	for _, test := range []struct {
		name, target string
		status       int
		want         string // body or Location
	}{
		{"root index", "/", 200, "<p>root index"},
		{"index", "/dir/", 200, "<p>dir index"},
		{"no index", "/bare/", 403, ""},
		{"an index that is a directory", "/weird/", 403, ""},
		{"directory without slash", "/dir", 301, "/dir/"},
		{"query is kept", "/dir?foo=/a&b=%0d%0a", 301, "/dir/?foo=/a&b=%0d%0a"},
		{"empty query is kept", "/dir?", 301, "/dir/?"},
		{"bytes in the query", "/dir?\xc3\xbc", 301, "/dir/?%C3%BC"},
		{"encoding", "/a%20b/%C3%BC", 301, "/a%20b/%C3%BC/"},
		{"a doubled slash names no host", "//dir", 301, "/dir/"},
		{"dots name no host", "//evil.example/..", 200, "<p>root index"},
		{"dots name no host, encoded", "//evil.example/%2e%2e/dir", 301, "/dir/"},
		{"a backslash names no host", `/\evil.example`, 301, "/%5Cevil.example/"},
		{"an encoded backslash names no host", "/%5Cevil.example", 301, "/%5Cevil.example/"},
		{"a line end makes no header", "/a;b%0D%0ASet-Cookie:%20x", 301, "/a;b%0D%0ASet-Cookie:%20x/"},
		{"prefix without slash", "/pre", 301, "/pre/"},
		{"prefix", "/pre/", 200, "<p>root index"},
		{"below a prefix", "/pre/alphabet.txt", 200, alphabet},
		{"directory below a prefix", "/pre/dir?x", 301, "/pre/dir/?x"},
		{"exact", "/exact", 200, "<p>root index"},
		{"nothing", "/nothing", 404, ""},
		{"slash behind a file", "/alphabet.txt/", 404, ""},
		{"path below a file", "/alphabet.txt/extra", 404, ""},
		{"slash behind nothing", "/nothing/", 404, ""},
		{"trailing blank", "/alphabet.txt%20", 404, ""},
		{"trailing dot", "/alphabet.txt.", 404, ""},
		{"other case", "/Alphabet.TXT", 404, ""},
		{"stream", "/alphabet.txt::$DATA", 404, ""},
		{"long name", "/" + strings.Repeat("x", 300), 404, ""},
		{"hidden", "/.git/config", 404, ""},
		{"hidden directory", "/.git", 404, ""},
		{"hidden in a directory", "/dir/.env", 404, ""},
		{"well known", "/.well-known/acme", 200, "token"},
		{"fifo", "/fifo", 403, ""},
		{"fifo with slash", "/fifo/", 403, ""},
		{"fifo in a directory", "/bare/fifo.txt", 403, ""},
		{"socket", "/socket", 403, ""},
		{"link inside", "/in", 200, alphabet},
		{"link out", "/out", 403, ""},
		{"link out with slash", "/out/", 403, ""},
		{"below a link out", "/outdir/secret", 403, ""},
		{"link out to a directory", "/outdir/", 403, ""},
		{"dangling", "/dangling", 404, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := s.get(t, test.target)
			a.want(t, test.target, test.status, test.want)
			if test.status == 301 {
				a.field(t, "Location", test.want)
				a.field(t, "Set-Cookie", "")
			}
			if strings.Contains(a.body, "secret") {
				t.Errorf("the answer holds a secret: %q", a.body)
			}
			head := s.ask(t, "HEAD", test.target)
			sameHead(t, a, head)
		})
	}
}

// sameHead says what differs between the heads of a GET and a HEAD, but for Date.
func sameHead(t *testing.T, get, head answer) {
	t.Helper()
	a, b := get.header.Clone(), head.header.Clone()
	a.Del("Date")
	b.Del("Date")
	if get.status != head.status || fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("GET gives %d %v, HEAD gives %d %v", get.status, a, head.status, b)
	}
}

func TestHints(t *testing.T) {
	s := serve(t, Options{}, docroot.Options{}, plainSite)
	must(t, os.Symlink("/etc/passwd", s.path("out")))
	for name, want := range map[string]string{"/out": "symlinks: any", "/bare/": "browse: true"} {
		_, _, err := s.handler.Resolve(name, false)
		if e := gateway.AsError(err); e.Status != 403 || !strings.Contains(e.Hint, want) {
			t.Errorf("%s: %d, hint %q", name, e.Status, e.Hint)
		}
	}
	must(t, os.Rename(s.dir, s.dir+".away"))
	_, _, err := s.handler.Resolve("/alphabet.txt", false)
	if e := gateway.AsError(err); e.Status != 404 || !strings.Contains(e.Hint, "root") {
		t.Errorf("without the root: %d, hint %q", e.Status, e.Hint)
	}
}

func TestLinksAnywhereAndHiddenNames(t *testing.T) { // E14
	s := serve(t, Options{}, docroot.Options{Symlinks: true, Hidden: true}, plainSite)
	must(t, os.WriteFile(filepath.Join(s.dir, "../outside"), []byte("outside"), 0o644))
	must(t, os.Symlink(filepath.Join(s.dir, "../outside"), s.path("out")))
	must(t, os.Symlink("/dev/zero", s.path("zero")))
	s.get(t, "/out").want(t, "link out", 200, "outside")
	s.get(t, "/.git/config").want(t, "hidden", 200, "secret")
	s.get(t, "/zero").want(t, "device", 403, "")
}

func TestRootIsSwitched(t *testing.T) {
	top := t.TempDir()
	for _, release := range []string{"1", "2"} {
		must(t, os.MkdirAll(filepath.Join(top, release), 0o755))
		must(t, os.WriteFile(filepath.Join(top, release, "alphabet.txt"), []byte("release "+release), 0o644))
	}
	s := serve(t, Options{}, docroot.Options{}, nil)
	must(t, os.Remove(s.dir))
	s.get(t, "/alphabet.txt").want(t, "no root", 404, "")
	for _, release := range []string{"1", "2", "1"} {
		must(t, os.Symlink(filepath.Join(top, release), s.dir+".new"))
		must(t, os.Rename(s.dir+".new", s.dir))
		s.get(t, "/alphabet.txt").want(t, "switched", 200, "release "+release)
	}
}

func TestNamesOfAnyByte(t *testing.T) { // E13
	names := []string{
		"a b", " lead", "trail ", "ü", "\xff\xc0", "100%", "%41", "a+b", "a;b", "a#b", "a?b", "a&b=c", "a\\b", "..a", "a..", "...", "-x", "~", "a:b",
		"'\"<>&", "\x01\x7f", "new\nline", "cr\r\nlf", "*", "(a)", strings.Repeat("n", 255),
	}
	files := map[string]string{}
	for _, name := range names {
		files[name] = "text of " + name
		files["in "+name[:min(len(name), 200)]+"/file"] = "below " + name
	}
	s := serve(t, Options{Precompressed: true, Browse: true}, docroot.Options{Hidden: true}, files)
	for _, name := range names {
		s.get(t, "/"+encode(name), "Accept-Encoding: gzip, br").want(t, name, 200, "text of "+name)
		s.get(t, "/"+encode("in "+name[:min(len(name), 200)])+"/file").want(t, name, 200, "below "+name)
		folder := "in " + name[:min(len(name), 200)]
		if a := s.get(t, "/"+encode(folder)); a.status != 301 || !namesPath(a.header.Get("Location"), folder) {
			t.Errorf("%q: %d, Location %q", folder, a.status, a.header.Get("Location"))
		}
	}
}

// encode percent-encodes every byte.
func encode(name string) string {
	var b strings.Builder
	for i := range len(name) {
		fmt.Fprintf(&b, "%%%02X", name[i])
	}
	return b.String()
}

// namesPath says whether a reference is an absolute path and nothing else, in the characters that RFC 3986 gives a path,
// and names what it should.
func namesPath(location, name string) bool {
	for i := range len(location) {
		if c := location[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"<>\^`+"`"+`{|}?#`, c) >= 0 {
			return false
		}
	}
	decoded, err := url.PathUnescape(location)
	return err == nil && decoded == "/"+name+"/" && !strings.HasPrefix(location, "//")
}

func TestMethods(t *testing.T) { // E11
	s := serve(t, Options{Index: []string{"index.html"}}, docroot.Options{}, plainSite)
	for _, target := range []string{"/alphabet.txt", "/", "/nothing"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "get", "BREW"} {
			a := s.ask(t, method, target, "X-Secret: echo")
			a.want(t, method, 405, "")
			a.field(t, "Allow", "GET, HEAD, OPTIONS")
			if strings.Contains(a.body, "echo") {
				t.Errorf("%s echoes: %q", method, a.body)
			}
		}
		a := s.ask(t, "OPTIONS", target)
		a.want(t, "OPTIONS", 204, "")
		a.field(t, "Allow", "GET, HEAD, OPTIONS")
		a.field(t, "Content-Length", "")
		a.field(t, "Transfer-Encoding", "")
	}
	a := s.ask(t, "POST", "/alphabet.txt", "Range: bytes=0-1", "If-None-Match: *")
	a.want(t, "nothing partial or not modified for POST", 405, "")
}

func TestKeepAlive(t *testing.T) { // every kind of answer leaves the next one in step
	s := serve(t, Options{}, docroot.Options{}, plainSite)
	var requests strings.Builder
	want := []int{}
	for _, r := range []struct {
		line, extra string
		status      int
	}{
		{"GET /alphabet.txt", "", 200}, {"HEAD /alphabet.txt", "", 200}, {"GET /alphabet.txt", "Range: bytes=0-1,5-6\r\n", 206},
		{"GET /alphabet.txt", "If-None-Match: *\r\n", 304}, {"GET /nothing", "", 404}, {"HEAD /nothing", "", 404}, {"GET /dir", "", 301},
		{"OPTIONS /", "", 204}, {"GET /alphabet.txt", "Range: bytes=99-\r\n", 416}, {"GET /empty.txt", "", 200}, {"GET /alphabet.txt", "Range: bytes=3-3\r\n", 206},
		{"POST /alphabet.txt", "Content-Length: 3\r\n\r\nabc", 405}, {"GET /alphabet.txt", "Connection: close\r\n", 200},
	} {
		head, body, _ := strings.Cut(r.extra, "\r\n\r\n")
		if body != "" {
			head += "\r\n"
		}
		requests.WriteString(r.line + " HTTP/1.1\r\nHost: h\r\n" + head + "\r\n" + body)
		want = append(want, r.status)
	}
	conn, err := net.Dial("tcp", s.addr)
	must(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = io.WriteString(conn, requests.String())
	must(t, err)
	all, err := io.ReadAll(conn)
	must(t, err)
	var got []int
	for _, line := range strings.Split(string(all), "HTTP/1.1 ")[1:] {
		var status int
		fmt.Sscan(line, &status)
		got = append(got, status)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestServeName(t *testing.T) {
	s := serve(t, Options{}, docroot.Options{}, plainSite)
	outer := s.handler
	mux := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/x-own") // as a program that has a file sent may do
		outer.ServeName(w, r, strings.TrimPrefix(r.URL.Path, "/"))
	})
	s.listen(t, mux)
	a := s.get(t, "/alphabet.txt")
	a.want(t, "file", 200, alphabet)
	a.field(t, "Content-Type", "text/x-own")
	s.get(t, "/alphabet.txt", "Range: bytes=1-2").want(t, "range", 206, "bc")
	a = s.get(t, "/alphabet.txt", "If-None-Match: *")
	a.want(t, "match", 304, "")
	a.field(t, "Content-Type", "")
	for _, target := range []string{"/dir", "/dir/", "/", "/nothing", "/alphabet.txt/", "/.git/config"} {
		s.get(t, target).want(t, target, 404, "")
	}
	s.ask(t, "POST", "/alphabet.txt").want(t, "POST", 405, "")
}

// bigFile makes a file of n bytes that are different everywhere.
func bigFile(t testing.TB, path string, n int, seed byte) []byte {
	t.Helper()
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(data)
	must(t, os.WriteFile(path, data, 0o644))
	return data
}

func TestBigFileTwoClientsAndAReplacement(t *testing.T) { // E12
	s := serve(t, Options{}, docroot.Options{}, nil)
	want := bigFile(t, s.path("big"), 33<<20, 0)
	var begun, done sync.WaitGroup
	replaced := make(chan struct{})
	for range 2 {
		begun.Add(1)
		done.Go(func() {
			conn, err := net.Dial("tcp", s.addr)
			if err != nil {
				t.Error(err)
				begun.Done()
				return
			}
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			io.WriteString(conn, "GET /big HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
			first := make([]byte, 1000)
			n, err := io.ReadFull(conn, first)
			begun.Done()
			<-replaced
			rest, restErr := io.ReadAll(conn)
			if err != nil || restErr != nil {
				t.Error(err, restErr)
			}
			_, body, _ := strings.Cut(string(first[:n])+string(rest), "\r\n\r\n")
			if body != string(want) {
				t.Errorf("%d bytes, and not those of the file", len(body))
			}
		})
	}
	begun.Wait()
	bigFile(t, s.path("new"), 1<<20, 1)
	must(t, os.Rename(s.path("new"), s.path("big")))
	close(replaced)
	done.Wait()
}

func TestTruncatedWhileSending(t *testing.T) { // E12
	for name, lines := range map[string]string{"whole": "", "range": "Range: bytes=1-\r\n", "parts": "Range: bytes=0-0,2-\r\n"} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{}, docroot.Options{}, nil)
			const size = 256 << 20 // sparse, and more than any socket buffer holds
			must(t, os.WriteFile(s.path("big"), nil, 0o644))
			must(t, os.Truncate(s.path("big"), size))
			conn, err := net.Dial("tcp", s.addr)
			must(t, err)
			defer conn.Close()
			conn.SetDeadline(time.Now().Add(30 * time.Second))
			_, err = io.WriteString(conn, "GET /big HTTP/1.1\r\nHost: h\r\n"+lines+"\r\n")
			must(t, err)
			_, err = io.ReadFull(conn, make([]byte, 1000))
			must(t, err)
			must(t, os.Truncate(s.path("big"), 1<<20))
			n, err := io.Copy(io.Discard, conn) // the connection was to be kept: it ends because it is broken
			if n >= size-2000 {
				t.Errorf("%d bytes of a file that had become shorter, %v", n, err)
			}
			if why := s.failure(t); why == nil || !strings.Contains(why.Error(), "shorter") {
				t.Errorf("the reason: %v", why)
			}
		})
	}
}

// A file that grows while it is sent must not send more than was announced: the next answer would begin with its bytes.
func TestGrownWhileSending(t *testing.T) {
	s := serve(t, Options{}, docroot.Options{}, nil)
	const size = 32 << 20 // sparse, and more than any socket buffer holds
	must(t, os.WriteFile(s.path("grows"), nil, 0o644))
	must(t, os.Truncate(s.path("grows"), size))
	conn, err := net.Dial("tcp", s.addr)
	must(t, err)
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err = io.WriteString(conn, "GET /grows HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	must(t, err)
	first := make([]byte, 1000)
	_, err = io.ReadFull(conn, first)
	must(t, err)
	must(t, os.Truncate(s.path("grows"), size+1<<20))
	rest, err := io.ReadAll(conn)
	must(t, err)
	if a := parse(t, "GET", append(first, rest...)); len(a.body) != size { // parse looks at the length too
		t.Errorf("%d bytes, want %d", len(a.body), size)
	}
}

func TestClientLeaves(t *testing.T) {
	s := serve(t, Options{}, docroot.Options{}, nil)
	must(t, os.WriteFile(s.path("big"), nil, 0o644))
	must(t, os.Truncate(s.path("big"), 256<<20))
	conn, err := net.Dial("tcp", s.addr)
	must(t, err)
	_, err = io.WriteString(conn, "GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
	must(t, err)
	_, err = io.ReadFull(conn, make([]byte, 1000))
	must(t, err)
	conn.Close()
	if e := gateway.AsError(s.failure(t)); e == nil || e.Status != gateway.StatusClientClosed {
		t.Errorf("the reason: %+v", e)
	}
}

func TestClosedHandler(t *testing.T) {
	s := serve(t, Options{}, docroot.Options{}, plainSite)
	must(t, s.handler.Close())
	s.get(t, "/alphabet.txt").want(t, "closed", 503, "")
}

func TestMediaTypes(t *testing.T) { // E8
	const utf8 = "; charset=utf-8"
	types := map[string]string{
		"a.html": "text/html" + utf8, "a.HTM": "text/html" + utf8, "a.css": "text/css" + utf8, "a.js": "text/javascript" + utf8,
		"a.mjs": "text/javascript" + utf8, "a.json": "application/json", "a.svg": "image/svg+xml", "a.PNG": "image/png", "a.JpG": "image/jpeg",
		"a.gif": "image/gif", "a.webp": "image/webp", "a.txt": "text/plain" + utf8, "a.pdf": "application/pdf", "a.wasm": "application/wasm",
		"a.woff2": "font/woff2", "a.mp4": "video/mp4", "a.xml": "application/xml", "a.csv": "text/csv" + utf8, "a.tar.gz": "application/gzip",
		"a": "application/octet-stream", "a.": "application/octet-stream", "a.unknown": "application/octet-stream",
		"dir.html/file": "application/octet-stream", "a.hTmL.bak": "application/octet-stream", "a.htmlK": "application/octet-stream",
		"a.m\u212Av": "application/octet-stream", // KELVIN SIGN folds to k in Unicode
	}
	files := map[string]string{}
	for name := range types {
		files[name] = "x"
	}
	s := serve(t, Options{}, docroot.Options{}, files)
	for name, want := range types {
		a := s.get(t, "/"+strings.ReplaceAll(encode(name), "%2F", "/"))
		a.field(t, "Content-Type", want)
		a.field(t, "X-Content-Type-Options", "nosniff")
	}
}

func TestTypesTable(t *testing.T) {
	for extension, contentType := range types {
		kind, parameters, err := mime.ParseMediaType(contentType)
		if err != nil || extension != lowerASCII(extension) || strings.HasPrefix(kind, "text/") && parameters["charset"] != "utf-8" {
			t.Errorf("%s: %q, %v", extension, contentType, err)
		}
	}
}

// As nobody: root may read everything. The rights of the file system are a thread's own.
func TestRights(t *testing.T) {
	s := serve(t, Options{Index: []string{"index.html"}}, docroot.Options{}, map[string]string{
		"unreadable": "x", "searchable/index.html": "x", "searchable/file": "x", "closed/file": "x", "shut/index.html": "x",
	})
	for name, mode := range map[string]os.FileMode{"unreadable": 0, "searchable": 0o711, "closed": 0o600, "shut/index.html": 0, "..": 0o755, "../..": 0o755} {
		must(t, os.Chmod(s.path(name), mode))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its rights
		if os.Geteuid() == 0 {
			unix.SetfsgidRetGid(65534)
			unix.SetfsuidRetUid(65534)
		}
		for rest, want := range map[string]string{
			"/unreadable": "403", "/searchable": "slash", "/searchable/": "searchable/index.html", "/searchable/file": "searchable/file",
			"/closed/file": "403", "/closed": "slash", "/shut/": "403",
		} {
			name, kind, err := s.handler.Resolve(rest, false)
			got := name
			switch {
			case err != nil:
				e := gateway.AsError(err)
				got = fmt.Sprint(e.Status)
				if !strings.Contains(e.Hint, "read") {
					t.Errorf("%s: hint %q", rest, e.Hint)
				}
			case kind == AddSlash:
				got = "slash"
			}
			if got != want {
				t.Errorf("%s: %s, want %s", rest, got, want)
			}
		}
	}()
	<-done
}

func TestNoDescriptorsLeft(t *testing.T) {
	s := serve(t, Options{Index: []string{"index.html"}}, docroot.Options{}, plainSite)
	s.handler.Resolve("/alphabet.txt", false) // so that the root is open
	var limit unix.Rlimit
	must(t, unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	next, err := os.Open(os.DevNull)
	must(t, err)
	low := limit
	low.Cur = uint64(next.Fd())
	next.Close()
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &low))
	_, _, fileErr := s.handler.Resolve("/alphabet.txt", false)
	_, _, indexErr := s.handler.Resolve("/dir/", false)
	must(t, unix.Setrlimit(unix.RLIMIT_NOFILE, &limit))
	for _, err := range []error{fileErr, indexErr} {
		if e := gateway.AsError(err); e == nil || e.Status != 503 || !strings.Contains(e.Hint, "ulimit") {
			t.Errorf("%+v", e)
		}
	}
}
