package redirect

import (
	"testing"

	"gatewayd/gateway/config"
)

func TestTarget(t *testing.T) {
	for _, c := range []struct{ to, rest, query, want string }{
		{"https://example.org/new/", "", "", "https://example.org/new/"},
		{"https://example.org/new/", "/", "", "https://example.org/new/"},
		{"https://example.org/new/", "/a/b", "", "https://example.org/new/a/b"},
		{"https://example.org/new/", "/a b/ü", "", "https://example.org/new/a%20b/%C3%BC"},
		{"https://example.org/new/", "/a:b", "", "https://example.org/new/a:b"},
		{"https://example.org/new/", "/a\r\nX: y", "", "https://example.org/new/a%0D%0AX:%20y"},
		{"https://example.org/new/", "/a?b#c", "", "https://example.org/new/a%3Fb%23c"},
		{"https://example.org/new/", "/a", "b=c&d=%2F", "https://example.org/new/a?b=c&d=%2F"},
		{"https://example.org/new", "/a", "b=c", "https://example.org/new?b=c"},
		{"https://example.org/new?x=y", "", "b=c", "https://example.org/new?x=y&b=c"},
		{"https://example.org/new/#part", "/a", "b=c", "https://example.org/new/a?b=c#part"},
		{"/new/", "/a", "", "/new/a"},
		{"/", "/evil.example/x", "", "/evil.example/x"},
		{"/", `/\evil.example`, "", "/%5Cevil.example"},
	} {
		if got := New(&config.Redirect{To: c.to, Status: 302}).Target(c.rest, c.query); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}
