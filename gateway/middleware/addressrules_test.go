package middleware

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
)

// Every rule is shown to let in and to keep out: a rule that were always true, or always false, would show.
func TestAddressRules(t *testing.T) {
	const unix = ""
	for _, c := range []struct {
		name        string
		allow, deny []netip.Prefix
		in, out     []string
	}{
		{"none", nil, nil, []string{"192.0.2.1", "2001:db8::1", unix}, nil},
		{"allow an address", prefixes("192.0.2.1/32"), nil, []string{"192.0.2.1", "::ffff:192.0.2.1"}, []string{"192.0.2.2", "::1", unix}},
		{"allow a network", prefixes("192.0.2.0/24"), nil, []string{"192.0.2.0", "192.0.2.255"}, []string{"192.0.1.255", "192.0.3.0", "::c000:201", unix}},
		{"allow two", prefixes("192.0.2.0/24", "2001:db8::/32"), nil, []string{"192.0.2.1", "2001:DB8::A"}, []string{"192.0.3.1", "2001:db9::", unix}},
		{"allow an IPv6 address", prefixes("2001:db8::1/128"), nil, []string{"2001:db8::1", "2001:db8:0:0:0:0:0:1"}, []string{"2001:db8::2", "192.0.2.1", unix}},
		{"allow every IPv4 address", prefixes("0.0.0.0/0"), nil, []string{"1.2.3.4"}, []string{"::1", unix}},
		{"allow everything that has an address", prefixes("0.0.0.0/0", "::/0"), nil, []string{"1.2.3.4", "::1"}, []string{unix}},
		{"allow a mapped network", prefixes("::ffff:192.0.2.0/120"), nil, []string{"192.0.2.1"}, []string{"192.0.3.1", unix}},
		{"deny an address", nil, prefixes("192.0.2.1/32"), []string{"192.0.2.2", "::1", unix}, []string{"192.0.2.1", "::ffff:192.0.2.1"}},
		{"deny a network", nil, prefixes("2001:db8::/32"), []string{"2001:db9::1", "192.0.2.1", unix}, []string{"2001:db8::1", "2001:DB8:FFFF::"}},
		{"deny a link-local network", nil, prefixes("fe80::/10"), []string{"::1", unix}, []string{"fe80::1", "fe80::1%eth0"}},
		{"deny everything", nil, prefixes("0.0.0.0/0", "::/0"), nil, []string{"1.2.3.4", "::1", unix}},
		{"deny everything in parts", nil, prefixes("8000::/1", "128.0.0.0/1", "::/1", "0.0.0.0/1"), nil, []string{"1.2.3.4", "::1", unix}},
		{"deny everything but one", nil, prefixes("::/0", "128.0.0.0/1", "0.0.0.1/32"), []string{"0.0.0.0", unix}, []string{"::1", "128.0.0.1"}},
		{"deny every IPv4 address", nil, prefixes("0.0.0.0/0"), []string{"::1", unix}, []string{"1.2.3.4"}},
		{"deny every IPv6 address", nil, prefixes("::/0"), []string{"1.2.3.4", unix}, []string{"::1"}},
		{"deny wins", prefixes("192.0.2.0/24"), prefixes("192.0.2.128/25"), []string{"192.0.2.127"}, []string{"192.0.2.128", "192.0.3.1", unix}},
		{"deny wins over the same", prefixes("192.0.2.1/32"), prefixes("192.0.2.1/32"), nil, []string{"192.0.2.1", "192.0.2.2", unix}},
		{"deny wins over a smaller allow", prefixes("192.0.2.1/32"), prefixes("192.0.2.0/24"), nil, []string{"192.0.2.1", "192.0.2.2", unix}},
	} {
		rules := NewAddressRules(c.allow, c.deny)
		try := func(address string, want bool) {
			client := netip.Addr{}
			if address != unix {
				client = netip.MustParseAddr(address)
			}
			err := rules.Check(client)
			var failure *gateway.Error
			switch {
			case want && err != nil:
				t.Errorf("%s: %q is kept out: %v", c.name, address, err)
			case !want && err == nil:
				t.Errorf("%s: %q is let in", c.name, address)
			case !want && (!errors.As(err, &failure) || failure.Status != http.StatusForbidden || failure.Public == ""):
				t.Errorf("%s: %q: %#v", c.name, address, err)
			case !want && strings.Contains(err.Error(), "over a unix socket") != (address == unix):
				t.Errorf("%s: %q: the log is told %v", c.name, address, err)
			}
		}
		for _, a := range c.in {
			try(a, true)
		}
		for _, a := range c.out {
			try(a, false)
		}
	}
}

func TestGuardAnswersBeforeTheBody(t *testing.T) {
	rules := NewAddressRules(prefixes("198.51.100.0/24"), nil)
	h := begin(AccessLog(nil, zerolog.Nop(), rules.Guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the handler is reached")
	}))))
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("POST", "/", unread{t})) // begin's client is 192.0.2.1
	if w.Code != 403 || !strings.Contains(w.Body.String(), "may not be used from where you are") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if strings.Contains(w.Body.String(), "192.0.2.1") || strings.Contains(w.Body.String(), "198.51.100") {
		t.Errorf("the answer tells of the rules: %q", w.Body)
	}
}

// unread is a body that must not be read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body is read")
	return 0, errors.New("no")
}
