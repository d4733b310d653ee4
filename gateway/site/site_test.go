package site

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"gatewayd/gateway"
)

func table(t testing.TB, sites ...Site) *Table {
	t.Helper()
	for i := range sites {
		for j := range sites[i].Routes {
			if sites[i].Routes[j].Handler == nil {
				sites[i].Routes[j].Handler = http.NotFoundHandler()
			}
		}
	}
	table, err := New(sites)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func routes(patterns ...string) (rs []Route) {
	for _, p := range patterns {
		rs = append(rs, Route{Pattern: p})
	}
	return rs
}

func TestLookupRoute(t *testing.T) {
	all := table(t, Site{Routes: routes("/*", "/git/*", "/git/special/*", "/exact", "/both", "/both/*", "/with space/*", "/a.b/*", "/ünï/*")})
	for _, c := range []struct{ path, pattern, prefix string }{
		{"/", "/*", ""},
		{"/x/y", "/*", ""},
		{"/git", "/git/*", "/git"},
		{"/git/", "/git/*", "/git"},
		{"/git/a/b", "/git/*", "/git"},
		{"/github", "/*", ""},
		{"/gi", "/*", ""},
		{"/git/special", "/git/special/*", "/git/special"},
		{"/git/special/a", "/git/special/*", "/git/special"},
		{"/git/specialist", "/git/*", "/git"},
		{"/exact", "/exact", "/exact"},
		{"/exact/", "/*", ""},
		{"/exact/more", "/*", ""},
		{"/both", "/both", "/both"},
		{"/both/", "/both/*", "/both"},
		{"/with space/a", "/with space/*", "/with space"},
		{"/a.b/c", "/a.b/*", "/a.b"},
		{"/aXb/c", "/*", ""},
		{"/ünï/c", "/ünï/*", "/ünï"},
		{"/GIT/a", "/*", ""},
		{"/*", "/*", ""},
		{"/{x}", "/*", ""},
	} {
		m := all.Lookup("any", c.path)
		if m.Route == nil || m.Route.Pattern != c.pattern || m.Prefix != c.prefix {
			t.Errorf("%s: got %+v, want %s with prefix %q", c.path, m, c.pattern, c.prefix)
		}
	}
	few := table(t, Site{Routes: routes("/a/*", "/b")})
	for _, path := range []string{"/", "/c", "/ab", "/b/", "/b/c"} {
		if m := few.Lookup("any", path); m.Route != nil {
			t.Errorf("%s: got %s, want no route", path, m.Route.Pattern)
		}
	}
}

func TestLookupSite(t *testing.T) {
	all := table(t,
		Site{Routes: routes("/*")},
		Site{Key: "exact", Hosts: []string{"www.example.org", "[::1]"}, Routes: routes("/*")},
		Site{Key: "wild", Hosts: []string{"*.example.org"}, Routes: routes("/*")},
		Site{Key: "deep", Hosts: []string{"*.sub.example.org"}, Routes: routes("/*")},
	)
	for host, want := range map[string]string{
		"www.example.org":        "exact",
		"WWW.Example.ORG":        "exact",
		"www.example.org:8080":   "exact",
		"www.example.org.":       "exact",
		"www.example.org.:80":    "exact",
		"[::1]":                  "exact",
		"[::1]:8080":             "exact",
		"other.example.org":      "wild",
		"a.b.example.org":        "wild",
		"sub.example.org":        "wild",
		"a.sub.example.org":      "deep",
		"a.b.sub.example.org":    "deep",
		"example.org":            "",
		".example.org":           "",
		"xexample.org":           "",
		"":                       "",
		"www.example.org.evil.x": "",
		"www.example.orK":        "", // the Kelvin sign folds to k in Unicode, never here
	} {
		if got := all.Lookup(host, "/").Site.Key; got != want {
			t.Errorf("%q: got site %q, want %q", host, got, want)
		}
	}
}

// slowLookup is the rule as a sentence: the exact pattern, else the longest prefix pattern that ends at a "/" boundary.
func slowLookup(patterns []string, path string) (best string) {
	for _, p := range patterns {
		if p == path {
			return p
		}
	}
	length := -1
	for _, p := range patterns {
		prefix, ok := strings.CutSuffix(p, "/*")
		if ok && (path == prefix || strings.HasPrefix(path, prefix+"/")) && len(prefix) > length {
			best, length = p, len(prefix)
		}
	}
	return best
}

func TestLookupIsTheSameWhateverTheTableSize(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	segments := []string{"a", "b", "ab", "abc", "a.b", "A", "é", "x y", "%", "~", "-"}
	path := func() string {
		p := ""
		for range random.IntN(5) {
			p += "/" + segments[random.IntN(len(segments))]
		}
		return p
	}
	for _, size := range []int{1, 3, 20, 150} {
		for round := range 20 {
			seen := map[string]bool{}
			patterns := []string{}
			for range size {
				p := path()
				if random.IntN(2) == 0 || p == "" {
					p += "/*"
				}
				if !seen[p] {
					seen[p] = true
					patterns = append(patterns, p)
				}
			}
			all := table(t, Site{Routes: routes(patterns...)})
			for range 200 {
				p := path()
				if p == "" || random.IntN(4) == 0 {
					p += "/"
				}
				got := ""
				if m := all.Lookup("h", p); m.Route != nil {
					got = m.Route.Pattern
				}
				if want := slowLookup(patterns, p); got != want {
					t.Fatalf("round %d, %d patterns, path %q: got %q, want %q of %q", round, size, p, got, want, patterns)
				}
			}
		}
	}
}

func TestHostsDoNotFallThroughToOtherSites(t *testing.T) {
	all := table(t,
		Site{Routes: routes("/*")},
		Site{Key: "one", Hosts: []string{"one.example"}, Routes: routes("/a/*")},
	)
	if m := all.Lookup("one.example", "/b"); m.Route != nil {
		t.Errorf("a path that site one lacks was served by %q", m.Site.Key)
	}
}

func TestTwiceIsAnError(t *testing.T) {
	h := http.NotFoundHandler()
	if _, err := New([]Site{{Routes: []Route{{"/a", h}, {"/a", h}}}}); err == nil {
		t.Error("a pattern may not stand twice")
	}
	if _, err := New([]Site{{Key: "a", Hosts: []string{"h"}}, {Key: "b", Hosts: []string{"h"}}}); err == nil {
		t.Error("a host may not be in two sites")
	}
}

func TestServeHTTP(t *testing.T) {
	var got *gateway.Request
	h := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = gateway.FromContext(r.Context()) })
	all, err := New([]Site{{Routes: []Route{{"/git/*", h}}}})
	if err != nil {
		t.Fatal(err)
	}
	redirects := 0
	serve := func(method, target string) *httptest.ResponseRecorder {
		got = nil
		r := httptest.NewRequest(method, target, nil)
		req := &gateway.Request{Request: r, Redirects: redirects}
		w := httptest.NewRecorder()
		all.ServeHTTP(w, r.WithContext(gateway.NewContext(r.Context(), req)))
		return w
	}
	for _, method := range []string{"GET", "POST", "BREW", "M-SEARCH", "OPTIONS"} {
		serve(method, "/git//x/../repo%2Fa?b")
		if got == nil || got.Path != "/git/repo/a" || got.Prefix != "/git" || got.Route != "/git/*" || got.Rest() != "/repo/a" {
			t.Errorf("%s: got %+v", method, got)
		}
	}
	for target, status := range map[string]int{"/github": 404, "/git/%00": 400, "/git/../..": 400} {
		if w := serve("GET", target); w.Code != status || got != nil {
			t.Errorf("%s: got %d, want %d and no handler", target, w.Code, status)
		}
	}
	redirects = 1
	if w := serve("GET", "/git/../.."); w.Code != 502 {
		t.Errorf("a program's redirect above the root: got %d, want 502: it is not the client's fault", w.Code)
	}
}

func BenchmarkLookup(b *testing.B) {
	for _, size := range []int{1, 10, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			patterns := []string{"/*"}
			for i := range size {
				patterns = append(patterns, fmt.Sprintf("/app%d/*", i))
			}
			all := table(b, Site{Routes: routes(patterns...)})
			path := fmt.Sprintf("/app%d/some/where", size/2)
			b.ReportAllocs()
			for b.Loop() {
				all.Lookup("www.example.org:8080", path)
			}
		})
	}
}
