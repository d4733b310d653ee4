package static

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/docroot"
)

func TestAcceptEncoding(t *testing.T) { // E9
	all := map[string]string{"x.txt": "plain", "x.txt.br": "BR", "x.txt.zst": "ZSTD", "x.txt.gz": "GZIP"}
	without := func(gone ...string) map[string]string {
		files := map[string]string{}
		for name, text := range all {
			files[name] = text
		}
		for _, name := range gone {
			delete(files, name)
		}
		return files
	}
	gzipOnly := without("x.txt.br", "x.txt.zst")
	for _, test := range []struct {
		accept string // "-" is no field
		files  map[string]string
		want   string // coding, "" for none
	}{
		{"-", all, ""},
		{"", all, ""},
		{"gzip", all, "gzip"},
		{"br", all, "br"},
		{"zstd", all, "zstd"},
		{"gzip, deflate, br, zstd", all, "br"},
		{"gzip, deflate, br, zstd", gzipOnly, "gzip"},
		{"gzip, deflate, br, zstd", without("x.txt.br"), "zstd"},
		{"br, zstd", gzipOnly, ""},
		{"deflate", all, ""},
		{"GZip", all, "gzip"},
		{"x-gzip", all, "gzip"},
		{"gzipped", all, ""},
		{"gzip;q=1.0, br;q=0.5", all, "gzip"},
		{"gzip;q=0.5,br;q=0.499", all, "gzip"},
		{"gzip; q=0.5, br ;Q=1", all, "br"},
		{"br;q=0", all, ""},
		{"br;q=0.000, gzip", all, "gzip"},
		{"*", all, "br"},
		{"*, br;q=0", all, "zstd"},
		{"*;q=0", all, ""},
		{"*;q=0, gzip", all, "gzip"},
		{"gzip;q=0.5, *", all, "br"},
		{"identity", all, ""},
		{"identity, gzip;q=0.5", all, ""},
		{"identity;q=0.5, gzip;q=0.5", all, "gzip"},
		{"identity;q=0.5, gzip", all, "gzip"},
		{"identity;q=0", all, ""}, // it takes nothing that there is: what there is, is sent
		{"identity;q=0, *;q=0.1", all, "br"},
		{"identity;q=0, gzip;q=0.001", all, "gzip"},
		{"gzip;q=2", all, ""},
		{"gzip;q=-1", all, ""},
		{"gzip;q=1.001", all, ""},
		{"gzip;q=0.1234", all, ""},
		{"gzip;q=nan", all, ""},
		{"gzip;q=", all, ""},
		{"gzip;q", all, ""},
		{"gzip;x=1;q=0", all, ""},
		{"gzip;;", all, "gzip"},
		{",,gzip,,", all, "gzip"},
		{"\"gzip\"", all, ""},
		{"deflate\r\nAccept-Encoding: gzip", all, "gzip"},
	} {
		t.Run(test.accept, func(t *testing.T) {
			s := serve(t, Options{Precompressed: true}, docroot.Options{}, test.files)
			suffix := map[string]string{"": "", "br": ".br", "zstd": ".zst", "gzip": ".gz"}[test.want]
			var lines []string
			if test.accept != "-" {
				lines = []string{"Accept-Encoding: " + test.accept}
			}
			a := s.get(t, "/x.txt", lines...)
			a.want(t, test.accept, 200, test.files["x.txt"+suffix])
			a.field(t, "Content-Encoding", test.want)
			a.field(t, "Vary", "Accept-Encoding")
			a.field(t, "Content-Type", "text/plain; charset=utf-8")
			sameHead(t, a, s.ask(t, "HEAD", "/x.txt", lines...))
		})
	}
}

func TestEncodedAnswers(t *testing.T) { // E9
	s := serve(t, Options{Precompressed: true, CacheControl: "no-cache", Index: []string{"index.html"}}, docroot.Options{}, map[string]string{
		"x.txt": alphabet, "x.txt.gz": "0123456789", "index.html": "plain", "index.html.gz": "compressed", "p.jpg": "photo", "p.jpg.gz": "no",
	})
	gzip := "Accept-Encoding: gzip"
	plain, encoded := s.get(t, "/x.txt"), s.get(t, "/x.txt", gzip)
	etag := encoded.header.Get("Etag")
	t.Run("each has its own tag", func(t *testing.T) {
		if etag == plain.header.Get("Etag") {
			t.Error(etag)
		}
		s.get(t, "/x.txt", gzip, "If-None-Match: "+plain.header.Get("Etag")).want(t, "the other's tag", 200, "0123456789")
		a := s.get(t, "/x.txt", gzip, "If-None-Match: "+etag)
		a.want(t, "the tag", 304, "")
		a.field(t, "Vary", "Accept-Encoding")
		a.field(t, "Etag", etag)
		a.field(t, "Cache-Control", "no-cache")
	})
	t.Run("ranges are of the encoded file", func(t *testing.T) {
		a := s.get(t, "/x.txt", gzip, "Range: bytes=2-3", "If-Range: "+etag)
		a.want(t, "range", 206, "23")
		a.field(t, "Content-Range", "bytes 2-3/10")
		a.field(t, "Content-Encoding", "gzip")
		a.field(t, "Vary", "Accept-Encoding")
		s.get(t, "/x.txt", "Range: bytes=2-3", "If-Range: "+etag).want(t, "If-Range with the other's tag", 200, alphabet)
		s.get(t, "/x.txt", gzip, "Range: bytes=10-").field(t, "Content-Encoding", "")
	})
	t.Run("an index has siblings too", func(t *testing.T) {
		s.get(t, "/", gzip).want(t, "index", 200, "compressed")
	})
	t.Run("the sibling by its own name", func(t *testing.T) {
		a := s.get(t, "/x.txt.gz", gzip)
		a.want(t, "sibling", 200, "0123456789")
		a.field(t, "Content-Encoding", "")
		a.field(t, "Content-Type", "application/gzip")
	})
	t.Run("types that are compressed have none", func(t *testing.T) {
		a := s.get(t, "/p.jpg", gzip)
		a.want(t, "photo", 200, "photo")
		a.field(t, "Vary", "")
	})
	t.Run("off", func(t *testing.T) {
		off := serve(t, Options{}, docroot.Options{}, map[string]string{"x.txt": "plain", "x.txt.gz": "gz"})
		a := off.get(t, "/x.txt", gzip)
		a.want(t, "off", 200, "plain")
		a.field(t, "Vary", "")
		a.field(t, "Content-Encoding", "")
	})
}

func TestSiblingsThatDoNotCount(t *testing.T) { // E9
	at := time.Date(2024, time.March, 5, 6, 7, 8, 123_456_789, time.UTC)
	for name, test := range map[string]struct {
		make func(t *testing.T, s *testSite)
		want string
	}{
		"older": {func(t *testing.T, s *testSite) {
			s.write(t, "x.txt.gz", "gz")
			s.date(t, "x.txt.gz", at.Add(-time.Second))
		}, "plain"},
		"a little older": {func(t *testing.T, s *testSite) {
			s.write(t, "x.txt.gz", "gz")
			s.date(t, "x.txt.gz", at.Add(-time.Nanosecond))
		}, "plain"},
		"same time": {func(t *testing.T, s *testSite) { s.write(t, "x.txt.gz", "gz"); s.date(t, "x.txt.gz", at) }, "gz"},
		"in whole seconds": {func(t *testing.T, s *testSite) {
			s.write(t, "x.txt.gz", "gz")
			s.date(t, "x.txt.gz", at.Truncate(time.Second))
		}, "gz"},
		"in microseconds": {func(t *testing.T, s *testSite) {
			s.write(t, "x.txt.gz", "gz")
			s.date(t, "x.txt.gz", at.Truncate(time.Microsecond))
		}, "gz"},
		"newer":       {func(t *testing.T, s *testSite) { s.write(t, "x.txt.gz", "gz") }, "gz"},
		"empty":       {func(t *testing.T, s *testSite) { s.write(t, "x.txt.gz", "") }, "plain"},
		"a directory": {func(t *testing.T, s *testSite) { must(t, os.Mkdir(s.path("x.txt.gz"), 0o755)) }, "plain"},
		"a fifo":      {func(t *testing.T, s *testSite) { must(t, unix.Mkfifo(s.path("x.txt.gz"), 0o666)) }, "plain"},
		"a link out":  {func(t *testing.T, s *testSite) { must(t, os.Symlink("/etc/passwd", s.path("x.txt.gz"))) }, "plain"},
		"dangling":    {func(t *testing.T, s *testSite) { must(t, os.Symlink("nothing", s.path("x.txt.gz"))) }, "plain"},
		"a link inside": {func(t *testing.T, s *testSite) {
			s.write(t, "gz", "gz")
			must(t, os.Symlink("gz", s.path("x.txt.gz")))
		}, "gz"},
		"a sibling without the file": {func(t *testing.T, s *testSite) {
			s.write(t, "x.txt.gz", "gz")
			must(t, os.Remove(s.path("x.txt")))
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{Precompressed: true}, docroot.Options{}, map[string]string{"x.txt": "plain"})
			s.date(t, "x.txt", at)
			test.make(t, s)
			status := 200
			if test.want == "" {
				status = 404
			}
			s.get(t, "/x.txt", "Accept-Encoding: gzip").want(t, name, status, test.want)
		})
	}
}

func (s *testSite) date(t testing.TB, name string, at time.Time) {
	t.Helper()
	must(t, os.Chtimes(s.path(name), at, at))
}

func TestThousandths(t *testing.T) {
	for s, want := range map[string]int{
		"0": 0, "1": 1000, "0.": 0, "1.": 1000, "0.5": 500, "0.05": 50, "0.005": 5, "0.999": 999, "1.000": 1000,
		"": 0, ".5": 0, "2": 0, "1.1": 0, "0.0005": 0, "0,5": 0, "-0": 0, "+1": 0, "1e0": 0, "0x1": 0, "01": 0, "0.5 ": 0,
	} {
		if got := thousandths(s); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestParseDate(t *testing.T) {
	now := time.Date(2026, time.June, 1, 0, 0, 0, 0, time.UTC)
	for s, want := range map[string]string{
		"Sun, 06 Nov 1994 08:49:37 GMT":  "1994-11-06T08:49:37Z",
		"Sunday, 06-Nov-94 08:49:37 GMT": "1994-11-06T08:49:37Z",
		"Sun Nov  6 08:49:37 1994":       "1994-11-06T08:49:37Z",
		"Sun Nov 16 08:49:37 1994":       "1994-11-16T08:49:37Z",
		"Sunday, 06-Nov-26 08:49:37 GMT": "2026-11-06T08:49:37Z",
		"Sunday, 06-Nov-75 08:49:37 GMT": "2075-11-06T08:49:37Z", // less than 50 years ahead
		"Sunday, 06-Nov-76 08:49:37 GMT": "1976-11-06T08:49:37Z", // more
		"Sunday, 06-Nov-68 08:49:37 GMT": "2068-11-06T08:49:37Z",
		"Sunday, 06-Nov-94 08:49:37 CET": "",
		"Sun, 06 Nov 1994 08:49:37 CET":  "",
		"Sun, 06 Nov 1994 08:49:37":      "",
		"Sun, 32 Nov 1994 08:49:37 GMT":  "",
		"Sun, 06 Nov 1994 24:49:37 GMT":  "",
		"1994-11-06T08:49:37Z":           "",
		"0":                              "",
		"":                               "",
	} {
		got := ""
		if t, ok := parseDate(s, now); ok {
			got = t.UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%q: %s, want %s", s, got, want)
		}
	}
}
