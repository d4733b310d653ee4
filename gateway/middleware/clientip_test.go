package middleware

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

// identify is a request from a peer with the fields of a head, through Identify.
func identify(p *Proxies, peer, head string) (*http.Request, *gateway.Request, http.Header) {
	r := httptest.NewRequest("GET", "http://asked.example/", nil)
	r.RemoteAddr = peer
	for line := range strings.SplitSeq(head, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			r.Header.Add(name, value)
		}
	}
	w, req := httptest.NewRecorder(), &gateway.Request{Request: r}
	p.Identify(w, r, req)
	return r, req, w.Header()
}

const (
	proxyPeer  = "10.0.0.1:4000"
	othersPeer = "203.0.113.9:4000"
	unixPeer   = "@"
)

func TestIdentify(t *testing.T) {
	proxies := NewProxies(config.TrustedProxies{Prefixes: prefixes("10.0.0.0/8", "2001:db8:ffff::/48"), Unix: true})
	const asked = "asked.example"
	for _, c := range []struct {
		name, peer, head     string
		client, scheme, host string
	}{
		{"nobody in between", othersPeer, "", "203.0.113.9", "", asked},
		{"a stranger says much", othersPeer, "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: evil.example\nForwarded: for=192.0.2.1;proto=https;host=evil.example", "203.0.113.9", "", asked},
		{"a proxy says nothing", proxyPeer, "", "10.0.0.1", "", asked},
		{"one hop", proxyPeer, "X-Forwarded-For: 192.0.2.1", "192.0.2.1", "", asked},
		{"a mapped peer", "[::ffff:10.0.0.1]:4000", "X-Forwarded-For: 192.0.2.1", "192.0.2.1", "", asked},
		{"an IPv6 peer", "[2001:db8:ffff::1]:4000", "X-Forwarded-For: 2001:db8::7", "2001:db8::7", "", asked},
		{"an IPv6 stranger", "[2001:db8:fffe::1]:4000", "X-Forwarded-For: 2001:db8::7", "2001:db8:fffe::1", "", asked},
		{"a client that lies in front", proxyPeer, "X-Forwarded-For: 127.0.0.1, 10.9.9.9, 192.0.2.1", "192.0.2.1", "", asked},
		{"a client that lies with a proxy's address", proxyPeer, "X-Forwarded-For: 127.0.0.1, 192.0.2.1, 10.9.9.9", "192.0.2.1", "", asked},
		{"two proxies", proxyPeer, "X-Forwarded-For: 192.0.2.1, 10.0.0.2", "192.0.2.1", "", asked},
		{"two lines", proxyPeer, "X-Forwarded-For: 127.0.0.1, 192.0.2.1\nX-Forwarded-For: 10.0.0.2", "192.0.2.1", "", asked},
		{"all are proxies", proxyPeer, "X-Forwarded-For: 10.0.0.4, 10.0.0.3, 10.0.0.2", "10.0.0.4", "", asked},
		{"with ports", proxyPeer, "X-Forwarded-For: 192.0.2.1:1234, [2001:db8:ffff::2]:80, 10.0.0.2:99", "192.0.2.1", "", asked},
		{"a mapped hop is trusted as IPv4", proxyPeer, "X-Forwarded-For: 192.0.2.1, ::ffff:10.0.0.2", "192.0.2.1", "", asked},
		{"garbled at once", proxyPeer, "X-Forwarded-For: 192.0.2.1, nonsense", "10.0.0.1", "", asked},
		{"garbled behind a proxy", proxyPeer, "X-Forwarded-For: 192.0.2.1, nonsense, 10.0.0.2", "10.0.0.2", "", asked},
		{"garbled behind the client", proxyPeer, "X-Forwarded-For: nonsense, 192.0.2.1", "192.0.2.1", "", asked},
		{"an empty hop is garbled", proxyPeer, "X-Forwarded-For: 192.0.2.1, , 10.0.0.2", "10.0.0.2", "", asked},
		{"a zone is garbled", proxyPeer, "X-Forwarded-For: fe80::1%eth0", "10.0.0.1", "", asked},
		{"unknown", proxyPeer, "X-Forwarded-For: unknown", "10.0.0.1", "", asked},
		{"empty", proxyPeer, "X-Forwarded-For: ", "10.0.0.1", "", asked},
		{"more hops than are looked at", proxyPeer, "X-Forwarded-For: 192.0.2.1" + strings.Repeat(", 10.0.0.7", maxHops), "10.0.0.7", "", asked},
		{"as many as are", proxyPeer, "X-Forwarded-For: 192.0.2.1" + strings.Repeat(", 10.0.0.7", maxHops-1), "192.0.2.1", "", asked},

		{"unix peer", unixPeer, "X-Forwarded-For: 192.0.2.1", "192.0.2.1", "", asked},
		{"unix peer that says nothing", unixPeer, "", "invalid IP", "", asked},
		{"unix peer that says nonsense", unixPeer, "X-Forwarded-For: unix:", "invalid IP", "", asked},

		{"scheme", proxyPeer, "X-Forwarded-Proto: https", "10.0.0.1", "https", asked},
		{"scheme in capitals", proxyPeer, "X-Forwarded-Proto: HTTPS", "10.0.0.1", "https", asked},
		{"scheme: the nearest counts", proxyPeer, "X-Forwarded-Proto: https, http", "10.0.0.1", "http", asked},
		{"scheme: another word", proxyPeer, "X-Forwarded-Proto: wss", "10.0.0.1", "", asked},
		{"scheme: the last is another word", proxyPeer, "X-Forwarded-Proto: https, on", "10.0.0.1", "", asked},
		{"host", proxyPeer, "X-Forwarded-Host: www.example:8443", "10.0.0.1", "", "www.example:8443"},
		{"host: IPv6", proxyPeer, "X-Forwarded-Host: [2001:db8::1]:80", "10.0.0.1", "", "[2001:db8::1]:80"},
		{"host: the nearest counts", proxyPeer, "X-Forwarded-Host: evil.example, www.example", "10.0.0.1", "", "www.example"},
		{"host: none", proxyPeer, "X-Forwarded-Host: ", "10.0.0.1", "", asked},
		{"host: bad characters", proxyPeer, "X-Forwarded-Host: www.example/evil", "10.0.0.1", "", asked},
		{"host: blanks", proxyPeer, "X-Forwarded-Host: www example", "10.0.0.1", "", asked},
		{"host: bad port", proxyPeer, "X-Forwarded-Host: www.example:http", "10.0.0.1", "", asked},
		{"host: user", proxyPeer, "X-Forwarded-Host: user@www.example", "10.0.0.1", "", asked},
		{"host: too long", proxyPeer, "X-Forwarded-Host: " + strings.Repeat("a.", 127) + "a", "10.0.0.1", "", asked},

		{"Forwarded", proxyPeer, `Forwarded: for=192.0.2.1;proto=https;host=www.example`, "192.0.2.1", "https", "www.example"},
		{"Forwarded, quoted", proxyPeer, `Forwarded: For="[2001:db8::7]:4711";Host="www.example:81"`, "2001:db8::7", "", "www.example:81"},
		{"Forwarded, two proxies", proxyPeer, `Forwarded: for=192.0.2.1;proto=http, for=10.0.0.2;proto=https`, "192.0.2.1", "https", asked},
		{"Forwarded, two lines", proxyPeer, "Forwarded: for=192.0.2.1\nForwarded: for=10.0.0.2", "192.0.2.1", "", asked},
		{"Forwarded, a client that lies in front", proxyPeer, `Forwarded: for=127.0.0.1;proto=https;host=evil.example, for=192.0.2.1`, "192.0.2.1", "", asked},
		{"Forwarded, an open quote in front", proxyPeer, `Forwarded: for="127.0.0.1, for=192.0.2.1`, "192.0.2.1", "", asked},
		{"Forwarded, hidden", proxyPeer, `Forwarded: for=192.0.2.1, for=_secret, for=10.0.0.2`, "10.0.0.2", "", asked},
		{"Forwarded, unknown", proxyPeer, `Forwarded: for=192.0.2.1, for=unknown;proto=https`, "10.0.0.1", "https", asked},
		{"Forwarded, malformed", proxyPeer, `Forwarded: for=192.0.2.1, for=10.0.0.2;for=10.0.0.3;proto=https`, "10.0.0.1", "", asked},
		{"Forwarded, no for", proxyPeer, `Forwarded: for=192.0.2.1, by=10.0.0.2`, "10.0.0.1", "", asked},
		{"Forwarded is not looked at beside X-Forwarded-For", proxyPeer, "X-Forwarded-For: 192.0.2.1\nForwarded: for=127.0.0.1;proto=https;host=evil.example", "192.0.2.1", "", asked},
		{"nor beside X-Forwarded-Proto", proxyPeer, "X-Forwarded-Proto: http\nForwarded: for=127.0.0.1;proto=https;host=evil.example", "10.0.0.1", "http", asked},
		{"nor beside X-Forwarded-Host", proxyPeer, "X-Forwarded-Host: www.example\nForwarded: for=127.0.0.1;proto=https", "10.0.0.1", "", "www.example"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := httptest.NewRequest("GET", "/", nil).Header
			for line := range strings.SplitSeq(c.head, "\n") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					before.Add(name, value)
				}
			}
			r, req, _ := identify(proxies, c.peer, c.head)
			if got := fmt.Sprint(req.Client); got != c.client || req.Scheme != c.scheme || r.Host != c.host {
				t.Errorf("client %s scheme %q host %q, want %s %q %q", got, req.Scheme, r.Host, c.client, c.scheme, c.host)
			}
			if r.RemoteAddr != c.peer {
				t.Errorf("RemoteAddr is %s", r.RemoteAddr)
			}
			r.Header.Del("X-Request-Id")
			if fmt.Sprint(r.Header) != fmt.Sprint(before) {
				t.Errorf("the fields became %v", r.Header)
			}
		})
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	const head = "X-Forwarded-For: 192.0.2.1\nX-Forwarded-Proto: https\nX-Forwarded-Host: evil.example\nX-Request-Id: chosen"
	for _, peer := range []string{proxyPeer, othersPeer, "127.0.0.1:1", "[::1]:1", unixPeer, ""} {
		r, req, _ := identify(NewProxies(config.TrustedProxies{}), peer, head)
		if req.Client != PeerAddress(peer) || req.Scheme != "" || r.Host != "asked.example" || req.ID == "chosen" {
			t.Errorf("%q is believed: %v %q %q %q", peer, req.Client, req.Scheme, r.Host, req.ID)
		}
	}
	// Networks do not cover unix sockets, nor the word unix networks.
	everywhere := NewProxies(config.TrustedProxies{Prefixes: prefixes("0.0.0.0/0", "::/0")})
	if _, req, _ := identify(everywhere, unixPeer, head); req.Client.IsValid() {
		t.Errorf("a unix peer is believed: %v", req.Client)
	}
	unix := NewProxies(config.TrustedProxies{Unix: true})
	if _, req, _ := identify(unix, proxyPeer, head); req.Client != netip.MustParseAddr("10.0.0.1") {
		t.Errorf("a TCP peer is believed: %v", req.Client)
	}
	if _, req, _ := identify(unix, unixPeer, head); req.Client != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("a unix peer is not believed: %v", req.Client)
	}
}

func TestRequestIDField(t *testing.T) {
	proxies := NewProxies(config.TrustedProxies{Prefixes: prefixes("10.0.0.0/8")})
	longest := strings.Repeat("x", 128)
	for _, c := range []struct {
		name, peer, head, want string // want "" is a new one
	}{
		{"none", proxyPeer, "", ""},
		{"given", proxyPeer, "X-Request-Id: Az09._-", "Az09._-"},
		{"a UUID", proxyPeer, "X-Request-Id: 3c0f2fb5-7b6e-4f3a-9f0f-7a8a6d9f7c11", "3c0f2fb5-7b6e-4f3a-9f0f-7a8a6d9f7c11"},
		{"the longest", proxyPeer, "X-Request-Id: " + longest, longest},
		{"too long", proxyPeer, "X-Request-Id: " + longest + "x", ""},
		{"empty", proxyPeer, "X-Request-Id: ", ""},
		{"a blank", proxyPeer, "X-Request-Id: a b", ""},
		{"a quote", proxyPeer, `X-Request-Id: a"b`, ""},
		{"a line end", proxyPeer, "X-Request-Id: a\rb", ""},
		{"a letter from elsewhere", proxyPeer, "X-Request-Id: ä", ""},
		{"twice", proxyPeer, "X-Request-Id: a\nX-Request-Id: b", ""},
		{"a stranger's", othersPeer, "X-Request-Id: chosen", ""},
	} {
		r, req, answer := identify(proxies, c.peer, c.head)
		if c.want != "" && req.ID != c.want || !isRequestID(req.ID) {
			t.Errorf("%s: %q", c.name, req.ID)
		}
		if c.want == "" && (len(req.ID) != 16 || strings.Contains(c.head, req.ID)) {
			t.Errorf("%s: %q is not a new one", c.name, req.ID)
		}
		if got := r.Header["X-Request-Id"]; len(got) != 1 || got[0] != req.ID {
			t.Errorf("%s: programs see %q", c.name, got)
		}
		if got := answer["X-Request-Id"]; len(got) != 1 || got[0] != req.ID {
			t.Errorf("%s: the client sees %q", c.name, got)
		}
	}
}

// FuzzIdentify: whatever a client sends, a proxy that appends what it sees is believed that, and nothing else.
func FuzzIdentify(f *testing.F) {
	f.Add("127.0.0.1", "for=127.0.0.1", "evil.example")
	f.Add(`"`, `for="\`, ",")
	proxies := NewProxies(config.TrustedProxies{Prefixes: prefixes("10.0.0.0/8")})
	client := netip.MustParseAddr("192.0.2.1")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		r := httptest.NewRequest("GET", "http://asked.example/", nil)
		r.RemoteAddr = proxyPeer
		req := &gateway.Request{}
		r.Header["X-Forwarded-For"] = []string{a, b + ", " + client.String(), "10.0.0.2"}
		r.Header["Forwarded"] = []string{a, b, c}
		r.Header["X-Forwarded-Proto"] = []string{a, b + ",https"}
		r.Header["X-Forwarded-Host"] = []string{c + ",www.example"}
		proxies.Identify(httptest.NewRecorder(), r, req)
		if req.Client != client || req.Scheme != "https" || r.Host != "www.example" {
			t.Errorf("%v %q %q", req.Client, req.Scheme, r.Host)
		}
		r.Header = http.Header{"Forwarded": {a, b, c + `, for="192.0.2.1:80"`, "for=10.0.0.2;proto=https;host=www.example"}}
		proxies.Identify(httptest.NewRecorder(), r, req)
		if req.Client != client || req.Scheme != "https" || r.Host != "www.example" {
			t.Errorf("Forwarded: %v %q %q", req.Client, req.Scheme, r.Host)
		}
	})
}

func BenchmarkIdentify(b *testing.B) {
	proxies := NewProxies(config.TrustedProxies{Prefixes: prefixes("10.0.0.0/8")})
	for name, peer := range map[string]string{"stranger": othersPeer, "proxy": proxyPeer} {
		b.Run(name, func(b *testing.B) {
			r := httptest.NewRequest("GET", "http://asked.example/", nil)
			r.RemoteAddr = peer
			r.Header["X-Forwarded-For"] = []string{"192.0.2.1, 10.0.0.3, 10.0.0.2"}
			r.Header["X-Forwarded-Proto"] = []string{"https"}
			w, req := httptest.NewRecorder(), &gateway.Request{}
			b.ReportAllocs()
			for b.Loop() {
				proxies.Identify(w, r, req)
			}
		})
	}
}
