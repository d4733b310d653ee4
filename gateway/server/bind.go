package server

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/config"
)

// keys names the listeners of a configuration. The same address twice (port 0) is two listeners.
func keys(conf []config.Listen) []string {
	names := make([]string, len(conf))
	seen := map[string]int{}
	for i, l := range conf {
		name := l.Network + " " + l.Address
		names[i] = fmt.Sprint(name, " ", seen[name])
		seen[name]++
	}
	return names
}

// bindNew opens the listeners that conf names and the server does not have yet: all of them or none.
func (s *Server) bindNew(conf []config.Listen) (added []*listener, err error) {
	defer func() {
		if err != nil {
			closeAll(added)
			added = nil
		}
	}()
	wanted := keys(conf)
	for i, key := range wanted {
		if s.listeners[key] != nil {
			continue
		}
		l, err := s.inherit(key, conf[i])
		if l == nil && err == nil {
			l, err = bind(conf[i])
		}
		if errors.Is(err, unix.EADDRINUSE) {
			l, err = s.bindBeside(conf[i], wanted, err)
		}
		if err != nil {
			return added, err
		}
		added = append(added, &listener{Listener: l, key: key, conf: conf[i], front: s.front, failed: s.acceptFailed, ending: make(chan struct{}), done: make(chan struct{})})
	}
	return added, nil
}

// bindBeside listens on c while a listener of ours is in its way that this change removes, as that of 127.0.0.1:80 is in
// the way of :80. The port is shared until that one is closed.
func (s *Server) bindBeside(c config.Listen, wanted []string, taken error) (net.Listener, error) {
	_, port, _ := net.SplitHostPort(c.Address)
	inTheWay := false
	for key, l := range s.listeners {
		if _, p, _ := net.SplitHostPort(l.conf.Address); l.conf.Network != "unix" && p == port && !slices.Contains(wanted, key) {
			inTheWay, l.replaced = true, true
			sharePort(l.Listener)
		}
	}
	if !inTheWay {
		return nil, taken
	}
	return bindTCP(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
}

// sharePort lets another listener of this user have the port of l, too. A program that does not ask for that, such as
// another gatewayd, is refused as before.
func sharePort(l net.Listener) {
	if raw, err := rawListener(l); err == nil {
		raw.Control(func(fd uintptr) { unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
	}
}

func rawListener(l net.Listener) (syscall.RawConn, error) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}

func closeAll(added []*listener) {
	for _, l := range added {
		l.Listener.Close()
	}
}

func (s *Server) closeRemoved(conf []config.Listen) {
	keep := keys(conf)
	for key, l := range s.listeners {
		if !slices.Contains(keep, key) {
			l.close()
			delete(s.listeners, key)
		}
	}
}
