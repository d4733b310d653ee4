package config

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// proxiesValue is the peers that are trusted.
type proxiesValue struct{ value[TrustedProxies] }

func (v *proxiesValue) emptyAllowed() {}

func (v *proxiesValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	l.list(n, p, func(n *yaml.Node, p place) {
		s, ok := l.text(n, p)
		if !ok {
			return
		}
		if s == "unix" {
			v.v.Unix = true
			return
		}
		prefix, err := parsePrefix(s, `unix for peers on unix sockets`)
		if err != nil {
			l.error(p, "%v", err)
			return
		}
		v.v.Prefixes = append(v.v.Prefixes, prefix)
	})
}

// prefixesValue is clients by their addresses.
type prefixesValue struct{ value[[]netip.Prefix] }

func (v *prefixesValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	l.list(n, p, func(n *yaml.Node, p place) {
		s, ok := l.text(n, p)
		if !ok {
			return
		}
		if s == "all" {
			v.v = append(v.v, everybody()...)
			return
		}
		prefix, err := parsePrefix(s, "all")
		switch {
		case s == unlimited || isOff(s):
			l.error(p, "%s is not known here; an empty list is written []", quote(s))
		case s == "unix" || strings.HasPrefix(s, "unix:"):
			l.error(p, "clients on unix sockets have no address; whom they speak for is known with trusted_proxies: [unix]")
		case err != nil:
			l.error(p, "%v", err)
		default:
			v.v = append(v.v, prefix)
		}
	})
}

// everybody is each address there is.
func everybody() []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0)}
}

func isEverybody(prefixes []netip.Prefix) bool {
	for _, all := range everybody() {
		if !slices.Contains(prefixes, all) {
			return false
		}
	}
	return true
}

// parsePrefix reads a CIDR, or an address as the CIDR of that one address. What else may stand in its place ends the
// sentence about what is neither.
func parsePrefix(s, otherwise string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(s); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(s)
	if meant := meantPrefix(s); err != nil && meant != "" {
		return netip.Prefix{}, fmt.Errorf("%s is not a CIDR; did you mean %s?", quote(s), quote(meant))
	}
	if err != nil {
		return netip.Prefix{}, fmt.Errorf(`%s is neither an address nor a CIDR; write for example "10.0.0.0/8", "::1", or %s`, quote(s), otherwise)
	}
	if prefix.Addr().Is4In6() {
		if prefix.Bits() < 96 {
			return netip.Prefix{}, fmt.Errorf("%s is not a CIDR of its own; write IPv4 as IPv4", quote(s))
		}
		prefix = netip.PrefixFrom(prefix.Addr().Unmap(), prefix.Bits()-96)
	}
	if prefix != prefix.Masked() {
		return netip.Prefix{}, fmt.Errorf("%s has bits beyond its length; did you mean %s?", quote(s), quote(prefix.Masked().String()))
	}
	return prefix, nil
}

// meantPrefix reads what other programs take: an address with a netmask, or only the first bytes of one.
func meantPrefix(s string) string {
	if address, mask, ok := strings.Cut(s, "/"); ok {
		a, err := netip.ParseAddr(address)
		m, errMask := netip.ParseAddr(mask)
		if err != nil || errMask != nil || !a.Is4() || !m.Is4() {
			return ""
		}
		ones, size := net.IPMask(m.AsSlice()).Size()
		if size == 0 {
			return ""
		}
		return netip.PrefixFrom(a, ones).Masked().String()
	}
	bytes := strings.Split(strings.TrimRight(s, ".*"), ".")
	if len(bytes) > 3 {
		return ""
	}
	whole := strings.Join(append(bytes, slices.Repeat([]string{"0"}, 4-len(bytes))...), ".")
	if a, err := netip.ParseAddr(whole); err != nil || !a.Is4() {
		return ""
	}
	return whole + "/" + strconv.Itoa(8*len(bytes))
}
