package server

import (
	"fmt"
	"net"
	"syscall"
	"time"

	"gatewayd/gateway/descriptors"
)

// roomPoll is how often a listener that has run into the reserve of descriptors looks for room.
const roomPoll = 50 * time.Millisecond

// awaitRoom holds a connection whose descriptor is one of the reserve until others have come back; the clients behind it
// wait in the kernel's queue. Meanwhile connections that are kept for a next request are closed. It is false when the
// listener is closed before.
func (l *listener) awaitRoom(conn net.Conn) bool {
	if descriptors.Check(descriptorOf(conn)) == nil {
		return true
	}
	l.failed(fmt.Errorf("connections wait: %w", descriptors.ErrReserved))
	for !descriptors.Room() {
		l.front.relieve()
		select {
		case <-time.After(roomPoll):
		case <-l.ending:
			return false
		}
	}
	return true
}

// descriptorOf is a connection's descriptor, -1 if it has none.
func descriptorOf(conn net.Conn) (fd int) {
	fd = -1
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			raw.Control(func(n uintptr) { fd = int(n) })
		}
	}
	return fd
}

// relieve closes the connections that wait for a next request.
func (f *frontend) relieve() { f.http.CloseIdle() }
