package middleware

import (
	"net/http"
	"net/netip"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
)

// Proxies are the peers whose word about the client is taken. The zero value trusts nobody.
//
// A trusted proxy must set, or remove, every field that it is believed: X-Forwarded-For, X-Forwarded-Proto and
// X-Forwarded-Host, or Forwarded where it writes none of those. What it lets pass is the client's own word.
type Proxies struct {
	addresses addressSet
	unix      bool
}

// NewProxies makes the Proxies of `trusted_proxies`.
func NewProxies(c config.TrustedProxies) *Proxies {
	return &Proxies{addresses: newAddressSet(c.Prefixes), unix: c.Unix}
}

// Identify says who sent a request that has just begun: it sets Client and ID of req, Scheme and the Host of r where a
// trusted peer tells them. RemoteAddr and the fields in which they were told stay as they are, but for X-Request-Id,
// which is the ID's in the request and in every answer.
func (p *Proxies) Identify(w http.ResponseWriter, r *http.Request, req *gateway.Request) {
	peer := PeerAddress(r.RemoteAddr)
	trusted := p.trusts(peer)
	req.Client = peer
	if trusted {
		p.believe(r, req)
	}
	req.ID = requestID(r.Header, trusted)
	id := []string{req.ID}
	r.Header[requestIDField], w.Header()[requestIDField] = id, id
}

// trusts takes an invalid address for the peer on a unix socket.
func (p *Proxies) trusts(peer netip.Addr) bool {
	if !peer.IsValid() {
		return p.unix
	}
	return p.addresses.contains(peer)
}

// believe takes over what a trusted peer tells. A Forwarded beside any X-Forwarded field is not looked at: it would be
// the client's, passed on by a proxy that does not know it.
func (p *Proxies) believe(r *http.Request, req *gateway.Request) {
	h := r.Header
	xFor, xProto, xHost := h["X-Forwarded-For"], h["X-Forwarded-Proto"], h["X-Forwarded-Host"]
	if len(xFor)+len(xProto)+len(xHost) == 0 {
		p.believeForwarded(h["Forwarded"], r, req)
		return
	}
	for hop := range backwards(xFor, lastComma) {
		if !p.step(req, hop) {
			break
		}
	}
	claim(r, req, last(xProto), last(xHost))
}

func (p *Proxies) believeForwarded(lines []string, r *http.Request, req *gateway.Request) {
	nearest := true
	for hop := range backwards(lines, lastUnquotedComma) {
		f, _ := parseForwarded(hop)
		if nearest {
			claim(r, req, f.proto, f.host)
		}
		if nearest = false; !p.step(req, f.client) {
			break
		}
	}
}

// step goes one hop back towards the client, and is false if the way ends there: at the first hop that is no trusted
// proxy, or before one that cannot be read.
func (p *Proxies) step(req *gateway.Request, hop string) bool {
	a, ok := parseHop(hop)
	if !ok {
		return false
	}
	req.Client = a
	return p.addresses.contains(a)
}

// claim takes over the scheme and the host that the client has used, if they are such.
func claim(r *http.Request, req *gateway.Request, scheme, host string) {
	switch {
	case strings.EqualFold(scheme, "http"):
		req.Scheme = "http"
	case strings.EqualFold(scheme, "https"):
		req.Scheme = "https"
	}
	if cgispec.IsHost(host) {
		r.Host = host
	}
}

// PeerAddress is the address of the TCP peer behind an http.Request's RemoteAddr; invalid for a unix socket.
func PeerAddress(remoteAddr string) netip.Addr {
	peer, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}
