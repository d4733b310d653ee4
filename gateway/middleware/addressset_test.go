package middleware

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
)

func prefixes(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// inAny is what a set must say: bit by bit, network by network.
func inAny(list []netip.Prefix, a netip.Addr) bool {
	want := a.Unmap().AsSlice()
	for _, p := range list {
		b, bits := p.Addr().AsSlice(), p.Bits()
		if p.Addr().Is4In6() && bits >= 96 {
			b, bits = b[12:], bits-96
		}
		if len(b) != len(want) {
			continue
		}
		same := true
		for i := range bits {
			same = same && (b[i/8]^want[i/8])&(0x80>>(i%8)) == 0
		}
		if same {
			return true
		}
	}
	return false
}

func TestAddressSetIsTheNaiveLoop(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	address := func() netip.Addr {
		// Few different bytes, so that networks overlap, touch and hold the addresses that are asked for.
		few := func() byte { return []byte{0, 1, 2, 127, 128, 254, 255}[random.IntN(7)] }
		if random.IntN(2) == 0 {
			return netip.AddrFrom4([4]byte{few(), few(), few(), few()})
		}
		var b [16]byte
		for i := range b {
			b[i] = few()
		}
		if random.IntN(3) == 0 {
			b = netip.AddrFrom4([4]byte{few(), few(), few(), few()}).As16()
		}
		return netip.AddrFrom16(b)
	}
	inside := 0
	for range 3000 {
		list := make([]netip.Prefix, random.IntN(20))
		for i := range list {
			a := address()
			list[i] = netip.PrefixFrom(a, random.IntN(a.BitLen()+1))
			if random.IntN(3) > 0 {
				list[i] = netip.PrefixFrom(a, a.BitLen()-random.IntN(12))
			}
		}
		set := newAddressSet(list)
		ask := []netip.Addr{netip.MustParseAddr("0.0.0.0"), netip.MustParseAddr("255.255.255.255"), netip.MustParseAddr("::"), netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}
		for range 20 {
			ask = append(ask, address())
		}
		for _, p := range list { // the borders, and what lies just beyond
			for _, a := range []netip.Addr{p.Addr(), p.Masked().Addr(), lastOf(p)} {
				ask = append(ask, a, a.Next(), a.Prev())
			}
		}
		for _, a := range ask {
			if !a.IsValid() {
				continue
			}
			want := inAny(list, a)
			if got := set.contains(a); got != want {
				t.Fatalf("%v in %v: %v", a, list, got)
			}
			if want {
				inside++
			}
		}
	}
	if inside < 10_000 {
		t.Errorf("only %d addresses were inside: the test shows little", inside)
	}
}

func TestAddressSetForms(t *testing.T) {
	for _, c := range []struct {
		list []netip.Prefix
		in   []string
		out  []string
	}{
		{nil, nil, []string{"0.0.0.0", "127.0.0.1", "::", "::1"}},
		{prefixes("10.0.0.0/8"), []string{"10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3", "::FFFF:0A01:0203"}, []string{"9.255.255.255", "11.0.0.0", "::10.1.2.3", "10::"}},
		{prefixes("10.1.2.3/8"), []string{"10.0.0.0"}, []string{"11.0.0.0"}}, // host bits do not count
		{prefixes("192.0.2.7/32"), []string{"192.0.2.7", "::ffff:192.0.2.7"}, []string{"192.0.2.6", "192.0.2.8"}},
		{prefixes("0.0.0.0/0"), []string{"0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"}, []string{"::", "::1", "2001:db8::1"}},
		{prefixes("::/0"), []string{"::", "::1", "2001:db8::1"}, []string{"0.0.0.0", "127.0.0.1", "::ffff:127.0.0.1"}},
		{prefixes("::ffff:10.0.0.0/104"), []string{"10.1.2.3", "::ffff:10.1.2.3"}, []string{"11.0.0.0", "9.255.255.255"}},
		{prefixes("2001:db8::/32"), []string{"2001:db8::", "2001:DB8:0:0:0:0:0:1", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"}, []string{"2001:db7:ffff::", "2001:db9::"}},
		{prefixes("fe80::/10"), []string{"fe80::1", "fe80::1%eth0", "febf::1%lo"}, []string{"fec0::1", "fec0::1%eth0"}},
		{prefixes("fe80::1/128"), []string{"fe80::1", "fe80::1%eth0"}, []string{"fe80::2%eth0"}},
		{prefixes("::1/128"), []string{"::1"}, []string{"::", "::2", "127.0.0.1"}},
		{prefixes("10.0.0.0/9", "10.128.0.0/9", "10.2.0.0/16", "192.0.2.0/25", "192.0.2.128/25"), []string{"10.127.255.255", "10.128.0.0", "192.0.2.127", "192.0.2.128"}, []string{"11.0.0.0", "192.0.3.0"}},
		{prefixes("255.255.255.255/32", "::/128"), []string{"255.255.255.255", "::"}, []string{"255.255.255.254", "::1"}}, // neighbours only in the order
	} {
		set := newAddressSet(c.list)
		for _, s := range c.in {
			if !set.contains(netip.MustParseAddr(s)) {
				t.Errorf("%s is not in %v", s, c.list)
			}
		}
		for _, s := range c.out {
			if set.contains(netip.MustParseAddr(s)) {
				t.Errorf("%s is in %v", s, c.list)
			}
		}
		if set.contains(netip.Addr{}) {
			t.Errorf("no address at all is in %v", c.list)
		}
	}
	list := prefixes("10.0.0.0/9", "1.0.0.0/8")
	before := slices.Clone(list)
	if newAddressSet(list); !slices.Equal(list, before) {
		t.Error("the configuration has been changed")
	}
}

func BenchmarkAddressSet(b *testing.B) {
	list := make([]netip.Prefix, 100_000)
	for i := range list {
		var a [4]byte
		binary.BigEndian.PutUint32(a[:], uint32(i)<<13)
		list[i] = netip.PrefixFrom(netip.AddrFrom4(a), 24)
	}
	set := newAddressSet(list)
	a := netip.MustParseAddr("::ffff:100.0.0.1")
	b.ReportAllocs()
	for b.Loop() {
		set.contains(a)
	}
}
