package site

import (
	"bufio"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// readTarget reads a request target the way the server does; an error is what net/http answers 400 to.
func readTarget(target string) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(strings.NewReader("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")))
}

func TestCleanPath(t *testing.T) {
	for _, c := range []struct {
		name, target, want string // want "" is 400
	}{
		{"plain", "/a/b", "/a/b"},
		{"root", "/", "/"},
		{"last slash is kept", "/a/", "/a/"},
		{"slashes merge", "//cgi-bin//pi/a", "/cgi-bin/pi/a"},
		{"slashes merge below the script", "/cgi-bin/pi//a", "/cgi-bin/pi/a"},
		{"slashes at the end merge", "/a//", "/a/"},
		{"encoded slash is a slash", "/cgi-bin%2Fpi", "/cgi-bin/pi"},
		{"encoded slashes merge", "/a%2F%2Fb", "/a/b"},
		{"dot", "/./a/./b", "/a/b"},
		{"dot at the end", "/a/.", "/a/"},
		{"dot dot", "/a/../b", "/b"},
		{"dot dot at the end", "/a/b/..", "/a/"},
		{"dot dot to the root", "/a/..", "/"},
		{"above the root", "/..", ""},
		{"above the root, later", "/a/../../b", ""},
		{"encoded dots", "/a/%2e%2e/b", "/b"},
		{"half encoded dots", "/a/.%2e/b", "/b"},
		{"half encoded dots above", "/.%2e/etc", ""},
		{"encoded slash behind dots", "/..%2fetc", ""},
		{"three dots are a name", "/.../a", "/.../a"},
		{"dot file is a name", "/.a/..b/c.", "/.a/..b/c."},
		{"twice encoded is once decoded", "/%252e%252e/a", "/%2e%2e/a"},
		{"percent is literal once decoded", "/a%25b", "/a%b"},
		{"double decoding trick", "/%%32%65", ""},
		{"bare percent", "/%", ""},
		{"bad digits", "/%zz", ""},
		{"one digit", "/%1", ""},
		{"NUL", "/a%00b", ""},
		{"newline is a byte", "/a%0ab", "/a\nb"},
		{"invalid UTF-8 is bytes", "/%C0%af", "/\xc0\xaf"},
		{"backslash is a byte", `/a\..\b`, `/a\..\b`},
		{"semicolon", "/a;b=c/d", "/a;b=c/d"},
		{"plus is a plus", "/a+b", "/a+b"},
		{"blank", "/a%20b", "/a b"},
		{"fragment", "/a#b", ""},
		{"encoded fragment sign is a byte", "/a%23b", "/a#b"},
		{"query is not the path", "/a?b//../c", "/a"},
		{"absolute form", "http://example.org/a/../b?c", "/b"},
		{"absolute form without a path", "http://example.org", "/"},
		{"absolute form with a query alone", "http://example.org?a=b", "/"},
		{"two slashes in front are no host", "//example.org/a", "/example.org/a"},
		{"asterisk", "*", ""},
		{"no slash", "a/b", ""},
		{"query alone", "?a=b", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := readTarget(c.target)
			got := ""
			if err == nil {
				got, err = CleanPath(r.URL, r.RequestURI)
			}
			if c.want == "" {
				if err == nil {
					t.Fatalf("%q became %q, want a refusal", c.target, got)
				}
				return
			}
			if err != nil || got != c.want {
				t.Fatalf("%q became %q, %v; want %q", c.target, got, err, c.want)
			}
		})
	}
}

// slowClean is the rule once more, by RFC 3986 section 5.2.4 on whole segments, without a fast path.
func slowClean(path string) (string, bool) {
	if path == "" || path[0] != '/' || strings.Contains(path, "\x00") {
		return "", false
	}
	out := []string{}
	parts := strings.Split(path, "/")[1:]
	for i, part := range parts {
		last := i == len(parts)-1
		switch {
		case part == "..":
			for len(out) > 0 && out[len(out)-1] == "" {
				out = out[:len(out)-1]
			}
			if len(out) == 0 {
				return "", false
			}
			out = out[:len(out)-1]
			if last {
				out = append(out, "")
			}
		case part == "." || part == "":
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, part)
		}
	}
	return "/" + strings.Join(out, "/"), true
}

func FuzzCleanPath(f *testing.F) {
	for _, seed := range []string{"/", "/a//b/../c/./d/", "/..", "/%2e%2e/a", "/a%2F..%2fb", "/.", "/...", "http://h/a", "//h/a", "/a#b", "/%252e", "/a/b/../../.."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		if strings.ContainsAny(target, " \r\n\t") {
			return // cannot be in a request line
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		got, err := CleanPath(u, target)
		path := u.Path
		if path == "" && u.Host != "" {
			path = "/"
		}
		want, ok := slowClean(path)
		ok = ok && !strings.Contains(target, "#")
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("CleanPath(%q) = %q, %v; the slow version says %q, %v", target, got, err, want, ok)
		}
		if err != nil {
			return
		}
		again, err := CleanPath(&url.URL{Path: got}, "")
		if err != nil || again != got {
			t.Fatalf("CleanPath(%q) = %q is not canonical: again it is %q, %v", target, got, again, err)
		}
	})
}

func TestCleanPathOfACleanPathAllocatesNothing(t *testing.T) {
	u := &url.URL{Path: "/cgi-bin/report.py/2026/11"}
	if n := testing.AllocsPerRun(100, func() { CleanPath(u, "/cgi-bin/report.py/2026/11") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
