package middleware

import (
	"fmt"
	"net/http"
	"net/netip"

	"gatewayd/gateway"
)

// AddressRules say from which addresses a route takes requests. The zero value takes them from everywhere.
type AddressRules struct {
	allow, deny addressSet
	onlyAllowed bool // there is an `allow`
	denyAll     bool // `deny` has every address
}

// NewAddressRules makes the rules of `allow` and `deny`: deny wins; where something is allowed, everything else is not.
func NewAddressRules(allow, deny []netip.Prefix) AddressRules {
	a := AddressRules{allow: newAddressSet(allow), deny: newAddressSet(deny), onlyAllowed: len(allow) > 0}
	a.denyAll = a.deny.isEverything()
	return a
}

// Check is nil if the client may come in. A client without an address (the peer on a unix socket, of whom no trusted
// proxy has told one) is in no network: `allow` does not let it in, and `deny` keeps it out only with everybody else.
func (a *AddressRules) Check(client netip.Addr) error {
	switch {
	case a.denyAll && !client.IsValid():
		return refused(client, "is denied by `deny`, like everybody: it came over a unix socket, and no proxy in `trusted_proxies` has told an address")
	case a.deny.contains(client):
		return refused(client, "is denied by `deny`")
	case a.onlyAllowed && !client.IsValid():
		return refused(client, "is not in `allow`: it came over a unix socket, and no proxy in `trusted_proxies` has told an address")
	case a.onlyAllowed && !a.allow.contains(client):
		return refused(client, "is not in `allow`")
	}
	return nil
}

func refused(client netip.Addr, why string) error {
	who := "the client"
	if client.IsValid() {
		who += " " + client.String()
	}
	return &gateway.Error{
		Status: http.StatusForbidden, Op: "let the client in", Err: fmt.Errorf("%s %s", who, why),
		Public: "This address may not be used from where you are.",
	}
}

// Guard refuses clients whose address the rules keep out, before anything is read of the body.
func (a *AddressRules) Guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := a.Check(gateway.FromContext(r.Context()).Client); err != nil {
			gateway.Fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}
