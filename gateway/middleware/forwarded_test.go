package middleware

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestParseHop(t *testing.T) {
	for s, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1:80": "192.0.2.1", "192.0.2.1:65535": "192.0.2.1", "192.0.2.1:_hidden": "192.0.2.1",
		"2001:db8::1": "2001:db8::1", "2001:DB8::A": "2001:db8::a", "[2001:db8::1]": "2001:db8::1", "[2001:db8::1]:4711": "2001:db8::1", "[2001:db8::1]:_p.o-r_t": "2001:db8::1",
		"::": "::", "::1": "::1", "::ffff:192.0.2.1": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1",
		"": "", " ": "", "unknown": "", "_hidden": "", "unix:": "", "localhost": "", "example.org:80": "",
		"192.0.2": "", "192.0.2.1.1": "", "192.0.2.256": "", "192.0.2.01": "", "0x7f.0.0.1": "", "2130706433": "", "192.0.2.1:": "", "192.0.2.1:80:80": "", "192.0.2.1:123456": "",
		"192.0.2.1:8o": "", "192.0.2.1:-1": "", "192.0.2.1:_": "192.0.2.1", "192.0.2.1 80": "", "192.0.2.1/32": "", "192.0.2.1\x00": "", "192.0.2.1, 10.0.0.1": "",
		"[192.0.2.1]": "", "[192.0.2.1]:80": "", "[2001:db8::1": "", "2001:db8::1]": "", "[2001:db8::1]80": "", "[2001:db8::1]:": "", "[]": "", "[]:80": "", "[[::1]]": "",
		"fe80::1%eth0": "", "[fe80::1%25eth0]:80": "", "2001:db8::1::": "", "\"192.0.2.1\"": "", "192.0.2.1:_" + strings.Repeat("x", 64): "",
	} {
		got, ok := parseHop(s)
		switch {
		case want == "" && ok:
			t.Errorf("%q is %v", s, got)
		case want != "" && (!ok || got != netip.MustParseAddr(want)):
			t.Errorf("%q: %v, %v; want %s", s, got, ok, want)
		}
	}
}

func TestParseForwarded(t *testing.T) {
	for s, want := range map[string]forwarded{
		`for=192.0.2.1`:                                       {client: "192.0.2.1"},
		`For="[2001:db8:cafe::17]:4711"`:                      {client: "[2001:db8:cafe::17]:4711"},
		`for=192.0.2.60;proto=http;by=203.0.113.43`:           {client: "192.0.2.60", proto: "http"},
		`host="a.example:8080"; PROTO = https ;FOR="_gazonk"`: {client: "_gazonk", proto: "https", host: "a.example:8080"},
		`for="a\"b\\c"`:                                       {client: `a"b\c`},
		`for="a;b,c=d"`:                                       {client: "a;b,c=d"},
		`ext="x;for=1.2.3.4";for=5.6.7.8;secret=y`:            {client: "5.6.7.8"},
		`for=192.0.2.1;`:                                      {client: "192.0.2.1"},
		``:                                                    {},
		`for`:                                                 {},
		`for=`:                                                {},
		`for=""`:                                              {},
		`=192.0.2.1`:                                          {},
		`for=192.0.2.1;for=192.0.2.2`:                         {},
		`for=192.0.2.1;FOR=192.0.2.1`:                         {},
		`for=192.0.2.1;proto=http;proto=https`:                {},
		`for="192.0.2.1`:                                      {},
		`for=192.0.2.1"`:                                      {},
		`for="192.0.2.1"x`:                                    {},
		`for="192.0.2.1" proto=https`:                         {},
		`for=192.0.2.1 proto=https`:                           {},
		`for=[2001:db8::1]`:                                   {client: "[2001:db8::1]"}, // quotes are asked for, and forgotten
		`192.0.2.1`:                                           {},
		`for=192.0.2.1;;proto=https`:                          {},
		`for=192.0.2.1;"proto"=https`:                         {},
		`for="` + "192.0.2.1\\":                               {},
	} {
		if got, _ := parseForwarded(s); got != want {
			t.Errorf("%s: %+v, want %+v", s, got, want)
		}
	}
}

func TestBackwards(t *testing.T) {
	collect := func(lines []string, comma func(string) int) (all []string) {
		for hop := range backwards(lines, comma) {
			all = append(all, hop)
		}
		return all
	}
	for _, c := range []struct {
		lines         []string
		plain, quoted []string
	}{
		{nil, nil, nil},
		{[]string{""}, []string{""}, []string{""}},
		{[]string{"a"}, []string{"a"}, []string{"a"}},
		{[]string{" a ,\tb\t, c"}, []string{"c", "b", "a"}, []string{"c", "b", "a"}},
		{[]string{"a, b", "c"}, []string{"c", "b", "a"}, []string{"c", "b", "a"}},
		{[]string{"a,,b,"}, []string{"", "b", "", "a"}, []string{"", "b", "", "a"}},
		{[]string{`x="a,b", c`}, []string{"c", `b"`, `x="a`}, []string{"c", `x="a,b"`}},
		{[]string{`x="a\",b", c`}, []string{"c", `b"`, `x="a\"`}, []string{"c", `x="a\",b"`}},
		{[]string{`x="a\\", c`}, []string{"c", `x="a\\"`}, []string{"c", `x="a\\"`}},
		{[]string{`x="open, for=1.2.3.4`}, []string{"for=1.2.3.4", `x="open`}, []string{"for=1.2.3.4", `x="open`}}, // what stands left of it changes nothing
		{[]string{`a, b"`}, []string{`b"`, "a"}, []string{`a, b"`}},
	} {
		if got := collect(c.lines, lastComma); !slices.Equal(got, c.plain) {
			t.Errorf("%q: %q", c.lines, got)
		}
		if got := collect(c.lines, lastUnquotedComma); !slices.Equal(got, c.quoted) {
			t.Errorf("%q with quotes: %q", c.lines, got)
		}
	}
	if got := len(collect([]string{strings.Repeat(",", 10_000)}, lastComma)); got != maxHops {
		t.Errorf("%d hops are looked at", got)
	}
}

func FuzzParseHop(f *testing.F) {
	for _, s := range []string{"192.0.2.1:80", "[2001:db8::1]:_x", "::ffff:1.2.3.4", "fe80::1%eth0", "unknown"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, ok := parseHop(s)
		if !ok {
			return
		}
		if !a.IsValid() || a.Zone() != "" || a.Is4In6() {
			t.Errorf("%q is %v", s, a)
		}
		if again, ok := parseHop(a.String()); !ok || again != a {
			t.Errorf("%q is %v, and that is %v", s, a, again)
		}
		if strings.ContainsAny(s, ", \t\"\x00") {
			t.Errorf("%q is taken for an address", s)
		}
	})
}

// quotedElement writes an element as a proxy does.
func quotedElement(client, proto, host string) string {
	return `for="` + quotedText(client) + `";proto="` + quotedText(proto) + `";host="` + quotedText(host) + `"`
}

// FuzzForwarded: what a proxy writes is read back, whatever the client has put in front of it.
func FuzzForwarded(f *testing.F) {
	f.Add(`for="evil`, "192.0.2.1", "https", "a.example")
	f.Add(`for="evil\`, "[::1]:80", "http", `a"b\c,d;e`)
	f.Add(`for=1.2.3.4, for="x\"`, "_hidden", ",", ";")
	f.Fuzz(func(t *testing.T, clients, client, proto, host string) {
		element := quotedElement(client, proto, host)
		got := ""
		for hop := range backwards([]string{clients + ", " + element}, lastUnquotedComma) {
			got = hop
			break
		}
		if got != element {
			t.Fatalf("%q behind %q is read as %q", element, clients, got)
		}
		want := forwarded{client, proto, host}
		if client == "" || proto == "" || host == "" {
			want = forwarded{}
		}
		if read, _ := parseForwarded(got); read != want {
			t.Errorf("%q is %+v", element, read)
		}
		for hop := range backwards([]string{clients, client, proto}, lastUnquotedComma) {
			parseForwarded(hop) // whatever it is, it ends
		}
	})
}
