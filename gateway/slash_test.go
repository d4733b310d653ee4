package gateway_test

import (
	"net/url"
	"strings"
	"testing"

	"gatewayd/gateway"
	"gatewayd/gateway/site"
)

// FuzzSlashLocation follows the redirect of any target as a browser does: it stays on the host, and leads to the path
// that was asked for with a slash behind it and the same query.
func FuzzSlashLocation(f *testing.F) {
	for _, seed := range []string{
		"/dir", "/dir?foo", "/dir?", "/a%20b", "//host/..", "//host", "/%2Fhost", `/\host`, "/%5Chost", "/%0d%0aSet-Cookie:%20x", "/a?%0d%0a", "/\xff?\xff",
		"/a:b", "/;@x", "/..%2f", "/%252e", "/a?b?c#", "/%C0%AF", "/?//x",
	} {
		f.Add(seed)
	}
	base, err := url.Parse("http://site.example/here")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, target string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Host != "" || u.Scheme != "" {
			return
		}
		path, err := site.CleanPath(u, target)
		if err != nil || strings.HasSuffix(path, "/") {
			return
		}
		location := gateway.SlashLocation(path, u)
		for i := range len(location) {
			if c := location[i]; c <= ' ' || c >= 0x7f {
				t.Fatalf("%q: byte %#x in %q", target, c, location)
			}
		}
		if len(location) < 2 || location[0] != '/' || location[1] == '/' || location[1] == '\\' {
			t.Fatalf("%q leads to %q", target, location)
		}
		to, err := base.Parse(location)
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme || to.Fragment != "" {
			t.Fatalf("%q leads to %q: %v, %v", target, location, to, err)
		}
		if to.Path != path+"/" {
			t.Fatalf("%q leads to the path %q", target, to.Path)
		}
		before, beforeErr := url.QueryUnescape(u.RawQuery)
		after, afterErr := url.QueryUnescape(to.RawQuery)
		if before != after || (beforeErr == nil) != (afterErr == nil) {
			t.Fatalf("%q has the query %q after", target, to.RawQuery)
		}
	})
}
