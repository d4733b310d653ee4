package middleware

import "net/netip"

// PeerAddress is the address of the TCP peer behind an http.Request's RemoteAddr; invalid for a unix socket.
func PeerAddress(remoteAddr string) netip.Addr {
	peer, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}
