package server

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatewayd/gateway/config"
)

// startConfig serves a config that change has altered, on a port of the kernel's choosing.
func startConfig(t testing.TB, dir, text string, change func(route func(pattern string) *config.Options, conf *config.Config)) (*Server, string) {
	t.Helper()
	conf := load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { level: error, output: ./log, access_output: ./access }\n"+text)
	change(func(pattern string) *config.Options {
		for i := range conf.Sites[0].Routes {
			if r := &conf.Sites[0].Routes[i]; r.Pattern == pattern {
				return &r.Options
			}
		}
		t.Fatalf("no route %s", pattern)
		return nil
	}, conf)
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return conf, nil }})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(t.Context()) })
	return s, strings.TrimPrefix(s.Addresses()[0], "http://")
}

type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends one request, whose further head lines are name and value in turn. It follows no redirect.
func ask(t testing.TB, addr, method, target string, head ...string) answer {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nConnection: close\r\n", method, target)
	host := "Host: localhost\r\n"
	for i := 0; i < len(head); i += 2 {
		if head[i] == "Host" {
			host = ""
		}
		fmt.Fprintf(&b, "%s: %s\r\n", head[i], head[i+1])
	}
	io.WriteString(conn, b.String()+host+"\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

func credentials(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }

const (
	shaOfSecret = "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ="
	showEnv     = "#!/bin/sh\nprintf 'Content-Type: text/plain\\nX-Request-Id: of-the-program\\n\\n'\nenv\n"
)

var accessTree = map[string]string{
	"www/a.txt":   "static\n",
	"cgi/env":     showEnv,
	"open/env":    showEnv,
	"open/to":     "#!/bin/sh\nprintf 'Location: %s\\n\\n' \"$QUERY_STRING\"\n",
	"cgi/to":      "#!/bin/sh\nprintf 'Location: %s\\n\\n' \"$QUERY_STRING\"\n",
	"open/own404": "#!/bin/sh\nprintf 'Status: 404\\nContent-Type: text/plain\\n\\nthe program says so\\n'\n",
}

const accessRoutes = `
trusted_proxies: [127.0.0.1]
headers: { set: { X-Top: top } }
routes:
  "/static/*": { static: ./www }
  "/cgi/*":    { cgi: ./cgi }
  "/goto/*":   { redirect: "https://example.org/" }
  "/say":      { respond: { status: 200, body: "said\n" } }
  "/tea":      { respond: 418 }
  "/open/*":   { cgi: ./open, headers: { set: { X-Route: open } } }
  "/all/*":    { cgi: ./open, pass_authorization: true }
sites:
  site.example: { headers: { set: { X-Site: site } }, routes: { /only: { respond: 200 } } }
`

// Each kind of handler behind auth: nobody gets past it without the password, and everybody does with it.
func TestAuthInFrontOfEveryHandler(t *testing.T) {
	dir := tree(t, accessTree)
	protected := map[string]int{"/static/a.txt": 200, "/static/missing": 404, "/static": 301, "/cgi/env": 200, "/cgi/missing": 404, "/goto/x": 302, "/say": 200, "/tea": 418}
	s, addr := startConfig(t, dir, accessRoutes, func(route func(string) *config.Options, _ *config.Config) {
		for _, pattern := range []string{"/static/*", "/cgi/*", "/goto/*", "/say", "/tea"} {
			route(pattern).Auth = &config.Auth{Basic: "users", Realm: "r", Users: []config.Credential{{Name: "ada", Hash: shaOfSecret}}}
		}
		// The same path of files and another list: the users of one route are not those of another.
		route("/all/*").Auth = &config.Auth{Basic: "users", Realm: "other", Users: []config.Credential{{Name: "bob", Hash: shaOfSecret}}}
	})
	if got := len(s.current.Load().passwords); got != 2 {
		t.Errorf("%d password files for two lists of users", got)
	}
	for target, status := range protected {
		for _, method := range []string{"GET", "HEAD"} {
			for _, wrong := range [][]string{nil, {"Authorization", credentials("ada:wrong")}, {"Authorization", credentials("bob:secret")}, {"Authorization", "Basic x"}} {
				a := ask(t, addr, method, target, wrong...)
				if a.status != 401 || a.header.Get("Www-Authenticate") != `Basic realm="r", charset="UTF-8"` || (a.body == "") != (method == "HEAD") || a.header.Get("Location") != "" {
					t.Errorf("%s %s with %q: %+v", method, target, wrong, a)
				}
			}
			if a := ask(t, addr, method, target, "Authorization", credentials("ada:secret")); a.status != status {
				t.Errorf("%s %s with the password: %d", method, target, a.status)
			}
		}
	}
	a := ask(t, addr, "GET", "/cgi/env", "Authorization", credentials("ada:secret"))
	for _, line := range []string{"AUTH_TYPE=Basic\n", "REMOTE_USER=ada\n"} {
		if !strings.Contains(a.body, line) {
			t.Errorf("the program does not see %q", line)
		}
	}
	if strings.Contains(a.body, "HTTP_AUTHORIZATION") || strings.Contains(a.body, "secret") {
		t.Errorf("the program sees the password:\n%s", a.body)
	}
	if a := ask(t, addr, "GET", "/all/env", "Authorization", credentials("bob:secret")); !strings.Contains(a.body, "HTTP_AUTHORIZATION=Basic ") || !strings.Contains(a.body, "REMOTE_USER=bob\n") {
		t.Errorf("pass_authorization: %d\n%s", a.status, a.body)
	}
	if a := ask(t, addr, "GET", "/open/env", "Authorization", credentials("ada:secret")); a.status != 200 || strings.Contains(a.body, "REMOTE_USER") || strings.Contains(a.body, "AUTH_TYPE") {
		t.Errorf("a route without auth: %d\n%s", a.status, a.body)
	}
}

// A local redirect enters at the front door: the route that it leads to has its own rules, and forgets who was let in
// elsewhere.
func TestLocalRedirectsAreCheckedAgain(t *testing.T) {
	dir := tree(t, accessTree)
	_, addr := startConfig(t, dir, accessRoutes, func(route func(string) *config.Options, _ *config.Config) {
		route("/cgi/*").Auth = &config.Auth{Realm: "r", Users: []config.Credential{{Name: "ada", Hash: shaOfSecret}}}
		route("/say").Deny = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		route("/tea").Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	ada := []string{"Authorization", credentials("ada:secret")}
	for _, c := range []struct {
		target string
		head   []string
		status int
	}{
		{"/open/to?/open/env", nil, 200},
		{"/open/to?/cgi/env", nil, 401},
		{"/open/to?/cgi/env", ada, 200},
		{"/open/to?/open/../cgi/env", nil, 401},
		{"/open/to?/say", nil, 403},
		{"/open/to?/say", []string{"X-Forwarded-For", "192.0.2.1"}, 200},
		{"/open/to?/tea", nil, 403},
		{"/open/to?/tea", []string{"X-Forwarded-For", "192.0.2.1"}, 418},
		{"/cgi/to?/open/env", nil, 401},
		{"/cgi/to?/open/env", ada, 200},
	} {
		a := ask(t, addr, "GET", c.target, c.head...)
		if a.status != c.status {
			t.Errorf("%s with %q: %d", c.target, c.head, a.status)
		}
		open := strings.HasSuffix(c.target, "?/open/env")
		if a.status == 200 && strings.HasSuffix(c.target, "env") && strings.Contains(a.body, "REMOTE_USER") == open {
			t.Errorf("%s with %q:\n%s", c.target, c.head, a.body)
		}
		if got := a.header.Get("X-Route") == "open"; got != (open && a.status == 200) {
			t.Errorf("%s: the headers are those of another route: %v", c.target, a.header)
		}
	}
}

// Who the client is decides about allow and deny, about what programs see and about the site.
func TestTrustedProxyDecidesWhoTheClientIs(t *testing.T) {
	dir := tree(t, accessTree)
	s, addr := startConfig(t, dir, accessRoutes, func(route func(string) *config.Options, _ *config.Config) {
		route("/say").Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
		route("/say").Deny = []netip.Prefix{netip.MustParsePrefix("192.0.2.66/32")}
	})
	for forwarded, status := range map[string]int{
		"192.0.2.1": 200, "192.0.2.1:99": 200, "[2001:db8::1]:99": 200, "::ffff:192.0.2.7": 200, "192.0.2.1, 127.0.0.1": 200,
		"192.0.2.66": 403, "::ffff:192.0.2.66": 403, "203.0.113.1": 403, "192.0.2.1, 203.0.113.1": 403, "nonsense": 403, "192.0.2.1, nonsense": 403, "::c000:201": 403,
	} {
		if a := ask(t, addr, "GET", "/say", "X-Forwarded-For", forwarded); a.status != status {
			t.Errorf("%s: %d, want %d", forwarded, a.status, status)
		}
	}
	if a := ask(t, addr, "GET", "/say"); a.status != 403 {
		t.Errorf("the proxy itself: %d", a.status)
	}
	a := ask(t, addr, "GET", "/open/env", "X-Forwarded-For", "10.0.0.1, 192.0.2.1", "X-Forwarded-Proto", "https", "X-Forwarded-Host", "www.example.org", "X-Request-Id", "from-the-proxy")
	for _, line := range []string{
		"REMOTE_ADDR=192.0.2.1", "REQUEST_SCHEME=https", "HTTPS=on", "SERVER_NAME=www.example.org", "HTTP_HOST=www.example.org", "SERVER_PORT=443",
		"HTTP_X_FORWARDED_FOR=10.0.0.1, 192.0.2.1", "HTTP_X_FORWARDED_PROTO=https", "HTTP_X_REQUEST_ID=from-the-proxy",
	} {
		if !strings.Contains(a.body, line+"\n") {
			t.Errorf("the program does not see %s", line)
		}
	}
	if strings.Contains(a.body, "REMOTE_PORT=") {
		t.Error("the proxy's port is given for the client's")
	}
	if got := a.header["X-Request-Id"]; len(got) != 1 || got[0] != "from-the-proxy" {
		t.Errorf("X-Request-Id: %q", got)
	}
	if a := ask(t, addr, "GET", "/only", "X-Forwarded-Host", "site.example"); a.status != 200 || a.header.Get("X-Site") != "site" {
		t.Errorf("the site of the host that the client asked for: %d %v", a.status, a.header)
	}
	if a := ask(t, addr, "GET", "/only", "X-Forwarded-Host", "site.example/"); a.status != 404 {
		t.Errorf("what is no host: %d", a.status)
	}
	if err := s.Shutdown(t.Context()); err != nil { // then every line is written
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(dir, "access"))
	if err != nil || !strings.Contains(string(log), " 192.0.2.1 ") || !strings.Contains(string(log), "from-the-proxy") {
		t.Errorf("the access log does not know the client: %v\n%s", err, log)
	}
}

func TestErrorPagesAndHeadersWithoutARoute(t *testing.T) {
	dir := tree(t, accessTree)
	page := func(text string) config.ErrorPage { return config.ErrorPage{ContentType: "text/html", Body: text} }
	_, addr := startConfig(t, dir, "http: { max_uri: 200B }\n"+accessRoutes, func(route func(string) *config.Options, conf *config.Config) {
		conf.Sites[0].Options.ErrorPages = map[string]config.ErrorPage{"404": page("top 404"), "4xx": page("top 4xx")}
		conf.Sites[1].Options.ErrorPages = map[string]config.ErrorPage{"404": page("site 404")}
		route("/static/*").ErrorPages = map[string]config.ErrorPage{"404": page("route 404"), "405": page("route 405")}
		route("/open/*").ErrorPages = map[string]config.ErrorPage{"404": page("open 404"), "5xx": page("open 5xx")}
	})
	for _, c := range []struct {
		name, method, target string
		head                 []string
		status               int
		body                 string
		header               string // that must be there
	}{
		{"no route", "GET", "/nothing", nil, 404, "top 404", "X-Top"},
		{"no route, HEAD", "HEAD", "/nothing", nil, 404, "", "X-Top"},
		{"no route of another site", "GET", "/nothing", []string{"Host", "site.example"}, 404, "site 404", "X-Site"},
		{"refused before a route", "GET", "/" + strings.Repeat("x", 300), nil, 414, "top 4xx", "X-Top"},
		{"refused whatever the route", "TRACE", "/open/env", nil, 405, "top 4xx", "X-Top"},
		{"no path", "GET", "/%00", nil, 400, "top 4xx", "X-Top"},
		{"a route's own", "GET", "/static/missing", nil, 404, "route 404", "X-Top"},
		{"a route's own, 405", "POST", "/static/a.txt", nil, 405, "route 405", "X-Top"},
		{"a route without", "GET", "/cgi/missing", nil, 404, "404 Not Found\nThere is nothing at this address.\nRequest ", "X-Top"},
		{"behind a local redirect", "GET", "/open/to?/static/missing", nil, 404, "route 404", "X-Top"},
		{"a program's own 404", "GET", "/open/own404", nil, 404, "the program says so\n", "X-Route"},
		{"configured status", "GET", "/tea", nil, 418, "418 I'm a teapot", "X-Top"},
	} {
		a := ask(t, addr, c.method, c.target, c.head...)
		if a.status != c.status || !strings.HasPrefix(a.body, c.body) || a.header.Get(c.header) == "" {
			t.Errorf("%s: %d %q %v", c.name, a.status, a.body, a.header)
		}
		if page := !strings.Contains(c.body, "\n"); page && c.method != "HEAD" && c.body != "418 I'm a teapot" && (a.body != c.body || a.header.Get("Content-Type") != "text/html") {
			t.Errorf("%s: %q %v", c.name, a.body, a.header)
		}
		if a.header.Get("X-Request-Id") == "" {
			t.Errorf("%s: no X-Request-Id", c.name)
		}
		if c.method == "HEAD" && a.header.Get("Content-Length") != fmt.Sprint(len("top 404")) {
			t.Errorf("%s: %v", c.name, a.header)
		}
	}
}

// A reload keeps what is known of the clients, and takes back who may no longer come in.
func TestPasswordFilesOverReloads(t *testing.T) {
	dir := tree(t, accessTree)
	users := []config.Credential{{Name: "ada", Hash: shaOfSecret}}
	s, addr := startConfig(t, dir, accessRoutes, func(route func(string) *config.Options, _ *config.Config) {
		route("/say").Auth = &config.Auth{Realm: "r", Users: users}
	})
	before := s.current.Load().passwords[0].file
	reload := func(users []config.Credential) {
		next := load(t, dir, "listen: 127.0.0.1:0\nadmin: off\nlog: { level: error, output: ./log, access_output: ./access }\n"+accessRoutes)
		for i := range next.Sites[0].Routes {
			if r := &next.Sites[0].Routes[i]; r.Pattern == "/say" || r.Pattern == "/tea" {
				r.Options.Auth = &config.Auth{Realm: "r", Users: users}
			}
		}
		s.changing.Lock()
		defer s.changing.Unlock()
		if _, err := s.apply(next); err != nil {
			t.Fatal(err)
		}
	}
	reload([]config.Credential{users[0]})
	if files := s.current.Load().passwords; len(files) != 1 || files[0].file != before {
		t.Error("the same users are not the same file")
	}
	if a := ask(t, addr, "GET", "/tea", "Authorization", credentials("ada:secret")); a.status != 418 {
		t.Errorf("%d", a.status)
	}
	reload([]config.Credential{{Name: "eve", Hash: shaOfSecret}})
	if a := ask(t, addr, "GET", "/say", "Authorization", credentials("ada:secret")); a.status != 401 {
		t.Errorf("who was taken out is still let in: %d", a.status)
	}
	if a := ask(t, addr, "GET", "/say", "Authorization", credentials("eve:secret")); a.status != 200 {
		t.Errorf("who was put in is not let in: %d", a.status)
	}
}

func TestExplainWhoIsLetIn(t *testing.T) {
	dir := tree(t, accessTree)
	conf := load(t, dir, accessRoutes)
	loopback, elsewhere := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for _, c := range []struct {
		name        string
		auth        bool
		allow, deny []netip.Prefix
		url         string
		status      int
		reason      string
		hint        string
	}{
		{"nothing in the way", false, loopback, elsewhere, "/cgi/env", 200, "", ""},
		{"auth", true, nil, nil, "/cgi/env", 401, "auth: a name and a password from /users are asked for", "all else is as for"},
		{"auth, allowed", true, loopback, nil, "/cgi/env", 401, "auth: ", "all else is as for"},
		{"deny", false, nil, loopback, "/cgi/env", 403, "the client 127.0.0.1 is denied by `deny`", ""},
		{"deny comes before auth", true, nil, loopback, "/cgi/env", 403, "denied by `deny`", ""},
		{"allow", false, elsewhere, nil, "/cgi/env", 403, "the client 127.0.0.1 is not in `allow`", ""},
		{"a second obstacle", true, nil, nil, "/cgi/missing", 401, "auth: ", "who is let in gets status 404: "},
		{"an obstacle behind the rules", false, loopback, nil, "/cgi/missing", 404, "missing", ""},
	} {
		for i := range conf.Sites[0].Routes {
			if r := &conf.Sites[0].Routes[i]; r.Pattern == "/cgi/*" {
				r.Options.Allow, r.Options.Deny, r.Options.Auth = c.allow, c.deny, nil
				if c.auth {
					r.Options.Auth = &config.Auth{Basic: "/users", Realm: "r"}
				}
			}
		}
		e, err := Explain(conf, "test", "GET", c.url)
		if err != nil {
			t.Fatal(err)
		}
		if e.Status != c.status || (e.Reason == "") != (c.reason == "") || !strings.Contains(e.Reason, c.reason) || !strings.Contains(e.Hint, c.hint) {
			t.Errorf("%s: %d %q %q", c.name, e.Status, e.Reason, e.Hint)
		}
		if c.url == "/cgi/env" && (e.File != filepath.Join(dir, "cgi/env") || len(e.Vars) == 0 || e.Route != "/cgi/*") {
			t.Errorf("%s: the rest is not said: %+v", c.name, e)
		}
	}
}
