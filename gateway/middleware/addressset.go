package middleware

import (
	"net/netip"
	"slices"
)

// addressSet is a list of CIDRs made ready: ranges in order that neither overlap nor touch, so that a list of a hundred
// thousand networks costs no more than a few comparisons. IPv4 sorts before IPv6 and is never part of an IPv6 range.
type addressSet []addressRange

type addressRange struct{ first, last netip.Addr }

func newAddressSet(prefixes []netip.Prefix) addressSet {
	ranges := make(addressSet, 0, len(prefixes))
	for _, p := range prefixes {
		if p = unmapped(p); p.IsValid() {
			ranges = append(ranges, addressRange{p.Masked().Addr(), lastOf(p)})
		}
	}
	slices.SortFunc(ranges, func(a, b addressRange) int { return a.first.Compare(b.first) })
	merged := ranges[:0]
	for _, r := range ranges {
		if n := len(merged); n > 0 && continues(merged[n-1], r) {
			merged[n-1].last = later(merged[n-1].last, r.last)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

// contains says whether an address is in the set: an IPv4 address in IPv6's clothes is the IPv4 address, the zone does
// not count, and no address at all is in no set.
func (s addressSet) contains(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	a = a.Unmap().WithZone("")
	i, found := slices.BinarySearchFunc(s, a, func(r addressRange, a netip.Addr) int { return r.first.Compare(a) })
	return found || i > 0 && a.Compare(s[i-1].last) <= 0
}

// isEverything says whether no address is missing.
func (s addressSet) isEverything() bool {
	return len(s) == 2 && s[0] == everything(netip.IPv4Unspecified()) && s[1] == everything(netip.IPv6Unspecified())
}

func everything(zero netip.Addr) addressRange {
	return addressRange{zero, lastOf(netip.PrefixFrom(zero, 0))}
}

// unmapped is an IPv4 network for an IPv6 one that holds nothing else.
func unmapped(p netip.Prefix) netip.Prefix {
	const mapped = 96
	if p.Addr().Is4In6() && p.Bits() >= mapped {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p
}

// lastOf is the network's highest address.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	last, _ := netip.AddrFromSlice(b)
	return last
}

// continues says whether b, which does not begin before a, leaves no gap behind it.
func continues(a, b addressRange) bool {
	if a.first.Is4() != b.first.Is4() {
		return false
	}
	next := a.last.Next()
	return !next.IsValid() || b.first.Compare(next) <= 0
}

func later(a, b netip.Addr) netip.Addr {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}
