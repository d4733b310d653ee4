package cgispec

import (
	"bufio"
	"crypto/tls"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// factsOf reads a request as the server does, so that its parts are what a handler sees.
func factsOf(t testing.TB, raw string) *Facts {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.ReplaceAll(raw, "\n", "\r\n") + "\r\n\r\n")))
	if err != nil {
		t.Fatalf("%q: %v", raw, err)
	}
	return &Facts{
		Request:    r,
		Script:     Script{Name: "/cgi-bin/x", Filename: "/srv/cgi-bin/x", Root: "/srv/cgi-bin"},
		RemoteAddr: "192.0.2.7",
		RemotePort: "4711",
		ServerAddr: netip.MustParseAddrPort("198.51.100.1:8080"),
	}
}

// environ gives the variables as lines and fails where a name occurs twice.
func environ(t testing.TB, f *Facts) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, v := range Vars(nil, f) {
		if _, twice := got[v.Name]; twice {
			t.Errorf("%s occurs twice", v.Name)
		}
		if v.Name == "" || strings.ContainsAny(v.Name, "=\x00") || strings.Contains(v.Value, "\x00") {
			t.Errorf("%q=%q cannot be carried", v.Name, v.Value)
		}
		got[v.Name] = v.Value
	}
	return got
}

func TestVarsWhole(t *testing.T) {
	f := factsOf(t, "POST /cgi-bin/x/a%20b/c?q=1;d&e HTTP/1.1\nHost: Example.ORG:8080\nContent-Length: 3\nContent-Type: text/plain\nX-Foo: a\nX-Foo: b\nCookie: a=1\nCookie: b=2\nAuthorization: Basic x\nProxy: http://evil\nConnection: keep-alive, X-Foo\nAccept: */*")
	f.Script.PathInfo = "/a b/c"
	f.AuthType, f.RemoteUser = "Basic", "ada"
	f.Env = &Env{Set: []Var{{"LANG", "C"}, {"TZ", "UTC"}}, Pass: []Var{{"HOME", "/root"}}, Software: "gatewayd/1.0"}
	var got []string
	for _, v := range Vars([]Var{{"KEPT", "yes"}}, f) {
		got = append(got, v.Name+"="+v.Value)
	}
	want := []string{
		"KEPT=yes",
		"GATEWAY_INTERFACE=CGI/1.1",
		"SERVER_SOFTWARE=gatewayd/1.0",
		"SERVER_NAME=example.org",
		"SERVER_PORT=8080",
		"SERVER_ADDR=198.51.100.1",
		"REQUEST_SCHEME=http",
		"SERVER_PROTOCOL=HTTP/1.1",
		"REQUEST_METHOD=POST",
		"REQUEST_URI=/cgi-bin/x/a%20b/c?q=1;d&e",
		"QUERY_STRING=q=1;d&e",
		"REDIRECT_STATUS=200",
		"CONTENT_LENGTH=3",
		"CONTENT_TYPE=text/plain",
		"SCRIPT_NAME=/cgi-bin/x",
		"SCRIPT_FILENAME=/srv/cgi-bin/x",
		"DOCUMENT_ROOT=/srv/cgi-bin",
		"DOCUMENT_URI=/cgi-bin/x/a b/c",
		"PATH_INFO=/a b/c",
		"PATH_TRANSLATED=/srv/cgi-bin/a b/c",
		"REMOTE_ADDR=192.0.2.7",
		"REMOTE_HOST=192.0.2.7",
		"REMOTE_PORT=4711",
		"AUTH_TYPE=Basic",
		"REMOTE_USER=ada",
		"LANG=C",
		"TZ=UTC",
		"HOME=/root",
		"PATH=" + DefaultPath,
		"HTTP_ACCEPT=*/*",
		"HTTP_COOKIE=a=1; b=2",
		"HTTP_HOST=Example.ORG:8080",
		"HTTP_X_FOO=a, b",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// absent stands for a variable that must not be there.
const absent = "\x00"

func TestVarsRequest(t *testing.T) {
	tests := []struct {
		name string
		raw  string
		edit func(*Facts)
		want map[string]string
	}{
		{"nothing to say", "GET /cgi-bin/x HTTP/1.1\nHost: h", nil, map[string]string{
			"QUERY_STRING": "", "CONTENT_LENGTH": absent, "CONTENT_TYPE": absent, "PATH_INFO": absent, "PATH_TRANSLATED": absent,
			"HTTPS": absent, "AUTH_TYPE": absent, "REMOTE_USER": absent, "REMOTE_IDENT": absent, "SERVER_PROTOCOL": "HTTP/1.1"}},
		{"HTTP/1.0 without Host", "GET / HTTP/1.0", nil, map[string]string{
			"SERVER_PROTOCOL": "HTTP/1.0", "SERVER_NAME": "198.51.100.1", "SERVER_PORT": "8080", "HTTP_HOST": absent}},

		{"empty query", "GET /x? HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "/x?", "QUERY_STRING": ""}},
		{"raw query", "GET /x?a=%2F+&b=%zz;c?d HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "/x?a=%2F+&b=%zz;c?d", "QUERY_STRING": "a=%2F+&b=%zz;c?d"}},
		{"raw path", "GET /a%2525//b/../c%2F HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "/a%2525//b/../c%2F"}},
		{"absolute form", "GET http://User@Other:81/p%20q?r HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "/p%20q?r", "QUERY_STRING": "r"}},
		{"absolute form without path", "GET http://other HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "/", "QUERY_STRING": ""}},
		{"absolute form with query only", "GET http://other?a/b HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "/?a/b", "QUERY_STRING": "a/b"}},
		{"absolute form in a query", "GET /r?u=http://a/b HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "/r?u=http://a/b"}},
		{"asterisk form", "OPTIONS * HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_URI": "*"}},
		{"made by hand", "GET / HTTP/1.1\nHost: h", func(f *Facts) {
			f.Request.RequestURI, f.Request.URL = "", &url.URL{Path: "/a b", RawQuery: "c"}
		}, map[string]string{"REQUEST_URI": "/a%20b?c", "QUERY_STRING": "c"}},
		{"no URL", "GET /a?b HTTP/1.1\nHost: h", func(f *Facts) { f.Request.URL = nil }, map[string]string{"QUERY_STRING": "b"}},

		{"any method", "PROPFIND / HTTP/1.1\nHost: h", nil, map[string]string{"REQUEST_METHOD": "PROPFIND"}},
		{"TLS", "GET / HTTP/1.1\nHost: h", func(f *Facts) { f.Request.TLS = &tls.ConnectionState{} }, map[string]string{"HTTPS": "on", "REQUEST_SCHEME": "https", "SERVER_PORT": "8080"}},
		{"a proxy took TLS off", "GET / HTTP/1.1\nHost: h", func(f *Facts) { f.Scheme = "https" }, map[string]string{"HTTPS": "on", "REQUEST_SCHEME": "https", "SERVER_PORT": "443", "SERVER_ADDR": "198.51.100.1"}},
		{"a proxy took TLS off, port", "GET / HTTP/1.1\nHost: h:8443", func(f *Facts) { f.Scheme = "https" }, map[string]string{"HTTPS": "on", "SERVER_PORT": "8443"}},
		{"a proxy was spoken to plainly", "GET / HTTP/1.1\nHost: h", func(f *Facts) { f.Scheme, f.Request.TLS = "http", &tls.ConnectionState{} }, map[string]string{"HTTPS": absent, "REQUEST_SCHEME": "http", "SERVER_PORT": "80"}},
		{"HTTPS of the route where the proxy says so too", "GET / HTTP/1.1\nHost: h", func(f *Facts) {
			f.Scheme, f.Env = "https", &Env{Set: []Var{{"HTTPS", "off"}}}
		}, map[string]string{"HTTPS": "on"}},
		{"unix listener", "GET / HTTP/1.1\nHost: h", func(f *Facts) { f.ServerAddr = netip.AddrPort{} }, map[string]string{"SERVER_ADDR": absent, "SERVER_PORT": "80", "SERVER_NAME": "h"}},
		{"unix listener, port", "GET / HTTP/1.1\nHost: h:81", func(f *Facts) { f.ServerAddr = netip.AddrPort{} }, map[string]string{"SERVER_PORT": "81"}},
		{"unix listener, TLS", "GET / HTTP/1.1\nHost: h:", func(f *Facts) {
			f.ServerAddr, f.Request.TLS = netip.AddrPort{}, &tls.ConnectionState{}
		}, map[string]string{"SERVER_PORT": "443"}},
		{"unix listener, no host", "GET / HTTP/1.0", func(f *Facts) { f.ServerAddr = netip.AddrPort{} }, map[string]string{"SERVER_NAME": "localhost", "SERVER_PORT": "80"}},
		{"unix peer", "GET / HTTP/1.1\nHost: h", func(f *Facts) { f.RemoteAddr, f.RemotePort = "", "" }, map[string]string{"REMOTE_ADDR": "", "REMOTE_HOST": absent, "REMOTE_PORT": absent}},
		{"mapped server address", "GET / HTTP/1.0", func(f *Facts) { f.ServerAddr = netip.MustParseAddrPort("[::ffff:192.0.2.1]:80") }, map[string]string{"SERVER_ADDR": "192.0.2.1", "SERVER_NAME": "192.0.2.1"}},
		{"IPv6 server address", "GET / HTTP/1.0", func(f *Facts) { f.ServerAddr = netip.MustParseAddrPort("[fe80::1%eth0]:80") }, map[string]string{"SERVER_ADDR": "fe80::1", "SERVER_NAME": "[fe80::1]"}},

		{"body", "POST / HTTP/1.1\nHost: h\nContent-Length: 127", nil, map[string]string{"CONTENT_LENGTH": "127", "CONTENT_TYPE": absent, "HTTP_CONTENT_LENGTH": absent}},
		{"empty body", "POST / HTTP/1.1\nHost: h\nContent-Length: 0", nil, map[string]string{"CONTENT_LENGTH": "0"}},
		{"GET with a body", "GET / HTTP/1.1\nHost: h\nContent-Length: 5", nil, map[string]string{"CONTENT_LENGTH": "5"}},
		{"chunked and streamed", "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked", nil, map[string]string{"CONTENT_LENGTH": absent, "HTTP_TRANSFER_ENCODING": absent}},
		{"chunked and spooled", "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked", func(f *Facts) { f.Request.ContentLength = 1 << 33 }, map[string]string{"CONTENT_LENGTH": "8589934592"}},
		{"chunked, spooled and empty", "POST / HTTP/1.1\nHost: h\nTransfer-Encoding: chunked", func(f *Facts) { f.Request.ContentLength = 0 }, map[string]string{"CONTENT_LENGTH": "0"}},
		{"spooled without an announcement", "POST / HTTP/1.1\nHost: h", func(f *Facts) { f.Request.ContentLength = 9 }, map[string]string{"CONTENT_LENGTH": "9"}},
		{"unknown length", "POST / HTTP/1.1\nHost: h", func(f *Facts) { f.Request.ContentLength = -1 }, map[string]string{"CONTENT_LENGTH": absent}},
		{"content fields", "POST / HTTP/1.1\nHost: h\nContent-Length: 1\nContent-Type: a/b; c=\"d\"\nContent-Encoding: gzip", nil, map[string]string{"CONTENT_TYPE": "a/b; c=\"d\"", "HTTP_CONTENT_TYPE": absent, "HTTP_CONTENT_ENCODING": "gzip"}},

		{"decoded script", "GET / HTTP/1.1\nHost: h", func(f *Facts) {
			f.Script = Script{Name: "", PathInfo: "/a%25\xff\n", Filename: "/srv/app", Root: "/"}
		}, map[string]string{"SCRIPT_NAME": "", "PATH_INFO": "/a%25\xff\n", "PATH_TRANSLATED": "/a%25\xff\n", "SCRIPT_FILENAME": "/srv/app", "DOCUMENT_ROOT": "/"}},
		{"no script file", "GET / HTTP/1.1\nHost: h", func(f *Facts) { f.Script = Script{Name: "/a"} }, map[string]string{"SCRIPT_NAME": "/a", "SCRIPT_FILENAME": absent, "DOCUMENT_ROOT": absent, "PATH": DefaultPath}},
		{"NUL", "GET / HTTP/1.1\nHost: h", func(f *Facts) { f.Script.PathInfo, f.RemoteUser = "/a\x00b", "a\x00" }, map[string]string{"PATH_INFO": absent, "PATH_TRANSLATED": absent, "DOCUMENT_URI": absent, "REMOTE_USER": absent}},

		{"not passed", "GET / HTTP/1.1\nHost: h\nAuthorization: a\nProxy-Authorization: b\nPrOxY: c\nConnection: close\nKeep-Alive: 1\nTE: trailers\nTrailer: X\nUpgrade: h2c\nHTTP2-Settings: x\nProxy-Connection: y", nil, map[string]string{
			"HTTP_AUTHORIZATION": absent, "HTTP_PROXY_AUTHORIZATION": absent, "HTTP_PROXY": absent, "HTTP_CONNECTION": absent, "HTTP_KEEP_ALIVE": absent,
			"HTTP_TE": absent, "HTTP_TRAILER": absent, "HTTP_UPGRADE": absent, "HTTP_HTTP2_SETTINGS": absent, "HTTP_PROXY_CONNECTION": absent}},
		{"authorization wanted", "GET / HTTP/1.1\nHost: h\nAuthorization: a\nProxy-Authorization: b", func(f *Facts) { f.Env = &Env{PassAuthorization: true} }, map[string]string{"HTTP_AUTHORIZATION": "a", "HTTP_PROXY_AUTHORIZATION": "b", "AUTH_TYPE": absent}},
		{"names that collide", "GET / HTTP/1.1\nHost: h\nX_Real-IP: evil\nX-Real-IP: good\nContent_Length: 7\nContent.Type: x\nX.Under: 1\nX+A: 1", nil, map[string]string{
			"HTTP_X_REAL_IP": "good", "CONTENT_LENGTH": absent, "HTTP_CONTENT_LENGTH": absent, "HTTP_CONTENT_TYPE": absent, "HTTP_X_UNDER": absent, "HTTP_X_A": absent}},
		{"names like variables", "GET / HTTP/1.1\nHost: h\nRemote-User: evil\nHTTPS: on\nPath: /evil\nAuth-Type: x", nil, map[string]string{"REMOTE_USER": absent, "HTTPS": absent, "PATH": DefaultPath, "AUTH_TYPE": absent, "HTTP_REMOTE_USER": "evil", "HTTP_HTTPS": "on", "HTTP_PATH": "/evil"}},
		{"values", "GET / HTTP/1.1\nHost: h\nX-A: \t a\xff b \nX-B:\nX-C: \"q\", r", nil, map[string]string{"HTTP_X_A": "a\xff b", "HTTP_X_B": "", "HTTP_X_C": "\"q\", r"}},
		{"keys that net/http has not made", "GET / HTTP/1.1\nHost: h\nX-A: 1", func(f *Facts) {
			f.Request.Header["x-a"], f.Request.Header["Host"], f.Request.Header[""] = []string{"2"}, []string{"evil"}, []string{"3"}
			f.Request.Header["X-Nul"], f.Request.Header["X-None"] = []string{"a\x00b"}, nil
		}, map[string]string{"HTTP_X_A": "1", "HTTP_HOST": "h", "HTTP_": absent, "HTTP_X_NUL": absent, "HTTP_X_NONE": ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := factsOf(t, test.raw)
			if test.edit != nil {
				test.edit(f)
			}
			check(t, environ(t, f), test.want)
		})
	}
}

func check(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name, value := range want {
		g, ok := got[name]
		if value == absent && ok {
			t.Errorf("%s=%q, should not be there", name, g)
		}
		if value != absent && (!ok || g != value) {
			t.Errorf("%s=%q (there: %v), want %q", name, g, ok, value)
		}
	}
}

func TestVarsPrecedence(t *testing.T) {
	f := factsOf(t, "GET /?q HTTP/1.1\nHost: h\nX-A: header\nX-B: header\nX-C: header\nProxy: http://evil")
	f.Env = &Env{
		Set: []Var{
			{"", "empty name"}, {"A=B", "bad name"}, {"BOTH", "set"}, {"CONTENT_LENGTH", "5"}, {"HTTPS", "on"},
			{"HTTP_PROXY", "http://proxy"}, {"HTTP_X_A", "set"}, {"N\x00L", "bad name"}, {"NUL", "a\x00b"},
			{"PATH_INFO", "/set"}, {"QUERY_STRING", "set"}, {"REMOTE_USER", "set"},
		},
		Pass: []Var{{"BOTH", "pass"}, {"HTTP_X_A", "pass"}, {"HTTP_X_B", "pass"}, {"NUL", "pass"}, {"PATH", "/pass"}, {"AUTH_TYPE", "pass"}, {"SCRIPT_NAME", "/pass"}},
	}
	if !slices.IsSortedFunc(f.Env.Set[:3], func(a, b Var) int { return strings.Compare(a.Name, b.Name) }) {
		t.Fatal("the route's env has to be sorted")
	}
	check(t, environ(t, f), map[string]string{
		"BOTH": "set", "HTTPS": "on", "REMOTE_USER": "set", "AUTH_TYPE": "pass", "PATH": "/pass",
		"HTTP_PROXY": "http://proxy", "HTTP_X_A": "set", "HTTP_X_B": "pass", "HTTP_X_C": "header",
		"CONTENT_LENGTH": absent, "PATH_INFO": absent, "QUERY_STRING": "q", "SCRIPT_NAME": "/cgi-bin/x", "NUL": absent,
	})

	f.AuthType, f.RemoteUser, f.Request.TLS = "Basic", "ada", &tls.ConnectionState{}
	f.Env.Set = []Var{{"AUTH_TYPE", "set"}, {"HTTPS", "off"}, {"HTTP_HOST", "set"}, {"PATH", "/set"}, {"REMOTE_USER", "set"}}
	check(t, environ(t, f), map[string]string{"AUTH_TYPE": "Basic", "REMOTE_USER": "ada", "HTTPS": "on", "PATH": "/set", "HTTP_HOST": "set"})
}

func TestServerNameAndPort(t *testing.T) {
	const address = "198.51.100.1"
	tests := []struct{ host, name, port string }{
		{"example.org", "example.org", "80"},
		{"EXAMPLE.org:81", "example.org", "81"},
		{"example.org:", "example.org", "80"},
		{"example.org.", "example.org", "80"},
		{"example.org.:82", "example.org", "82"},
		{"a_b-c.1", "a_b-c.1", "80"},
		{"192.0.2.1:8080", "192.0.2.1", "8080"},
		{"[::1]", "[::1]", "80"},
		{"[2001:DB8::A]:81", "[2001:db8::a]", "81"},
		{"[::1]:", "[::1]", "80"},
		{"", address, "80"},
		{".", address, "80"},
		{"..", address, "80"},
		{"a..b", address, "80"},
		{".a", address, "80"},
		{"a..", address, "80"},
		{"a b", address, "80"},
		{"a/b", address, "80"},
		{"user@host", address, "80"},
		{"a%41", address, "80"},
		{"\xc3\xbc", address, "80"},
		{"<script>", address, "80"},
		{"host:port", address, "80"},
		{"host:0", address, "80"},
		{"host:080", address, "80"},
		{"host:+80", address, "80"},
		{"host:65536", address, "80"},
		{"host:80:80", address, "80"},
		{"::1", address, "80"},
		{"[::1", address, "80"},
		{"[::1]x", address, "80"},
		{"[::1]80", address, "80"},
		{"[127.0.0.1]", address, "80"},
		{"[fe80::1%25eth0]", address, "80"},
		{"[]", address, "80"},
	}
	for _, test := range tests {
		facts := &Facts{Request: &http.Request{Host: test.host}}
		if got := serverName(test.host, netip.MustParseAddrPort(address+":9")); got != test.name {
			t.Errorf("Host %q: SERVER_NAME %q, want %q", test.host, got, test.name)
		}
		if got := serverPort(facts); got != test.port {
			t.Errorf("Host %q: SERVER_PORT %q, want %q", test.host, got, test.port)
		}
		if got, want := IsHost(test.host), test.name != address; got != want {
			t.Errorf("IsHost(%q) is %v", test.host, got)
		}
	}
}

func TestComputed(t *testing.T) {
	names := Computed()
	if !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
	for _, name := range names {
		if !isComputed(name) {
			t.Errorf("isComputed does not know %s", name)
		}
		if strings.HasPrefix(name, "HTTP_") {
			t.Errorf("%s could come from a header", name)
		}
	}
	// Whatever a request with everything gets, and the route did not give, is either in the list or one of those that
	// may have several sources.
	f := factsOf(t, "POST /x?q HTTP/1.1\nHost: h\nContent-Length: 1\nContent-Type: a/b")
	f.Script.PathInfo, f.AuthType, f.RemoteUser, f.Request.TLS = "/p", "Basic", "ada", &tls.ConnectionState{}
	got := environ(t, f)
	several := []string{"AUTH_TYPE", "HTTPS", "HTTP_HOST", "PATH", "REMOTE_USER"}
	for name := range got {
		if isComputed(name) == slices.Contains(several, name) {
			t.Errorf("%s: computed %v", name, isComputed(name))
		}
	}
	if len(got) != len(names)+len(several) {
		t.Errorf("%d variables, but %d + %d names are known", len(got), len(names), len(several))
	}
}

const browserRequest = `GET /cgi-bin/x/info?q=1 HTTP/1.1
Host: www.example.org
User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8
Accept-Language: en-US,en;q=0.5
Accept-Encoding: gzip, deflate, br, zstd
Referer: https://www.example.org/
Cookie: session=0123456789abcdef
Upgrade-Insecure-Requests: 1
Sec-Fetch-Dest: document
Sec-Fetch-Mode: navigate
Sec-Fetch-Site: same-origin
Priority: u=0, i
Connection: keep-alive`

func browserFacts(t testing.TB) *Facts {
	f := factsOf(t, browserRequest)
	f.Script.PathInfo = "/info"
	f.Env = &Env{Set: []Var{{"TZ", "UTC"}}, Pass: []Var{{"LANG", "C"}}, Software: "gatewayd/1.0"}
	return f
}

func TestVarsAllocations(t *testing.T) {
	f := browserFacts(t)
	dst := make([]Var, 0, 64)
	const ceiling = 4 // SERVER_PORT, SERVER_ADDR, DOCUMENT_URI, PATH_TRANSLATED
	if n := testing.AllocsPerRun(100, func() { dst = Vars(dst[:0], f) }); n > ceiling {
		t.Errorf("%v allocations, want at most %d", n, ceiling)
	}
}

func BenchmarkVars(b *testing.B) {
	f := browserFacts(b)
	dst := make([]Var, 0, 64)
	b.ReportAllocs()
	for b.Loop() {
		dst = Vars(dst[:0], f)
	}
}
