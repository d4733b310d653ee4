package http1

import (
	"bytes"
	"net/netip"
)

const (
	maxPort = 65535
	maxHost = 255 // bytes of a host without its port; a name in DNS has fewer (RFC 1035 section 2.3.4)
)

// isAuthority says whether b is a host with or without a port (RFC 9110 section 7.2), without userinfo.
func isAuthority(b []byte, needPort bool) bool {
	host, port, found := splitPort(b)
	if !isHost(host) {
		return false
	}
	if len(port) == 0 {
		return !needPort // "host:" is in the grammar
	}
	_, ok := decimal(port, maxPort)
	return found && ok
}

// splitPort cuts at the first colon that is not inside of brackets.
func splitPort(b []byte) (host, port []byte, found bool) {
	from := max(0, bytes.IndexByte(b, ']'))
	i := bytes.IndexByte(b[from:], ':')
	if i < 0 {
		return b, nil, false
	}
	return b[:from+i], b[from+i+1:], true
}

func isHost(b []byte) bool {
	if len(b) == 0 || len(b) > maxHost {
		return false
	}
	if b[0] != '[' {
		return hostBytes.all(b)
	}
	if b[len(b)-1] != ']' || bytes.IndexByte(b, '%') >= 0 {
		return false // a zone means something on one machine only
	}
	addr, err := netip.ParseAddr(string(b[1 : len(b)-1]))
	return err == nil && !addr.Is4()
}
