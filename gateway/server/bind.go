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

// bindNew opens the listeners that conf names and the server does not have yet: all of them or none. Those that one of
// ours is in the way of are left for bindBeside.
func (s *Server) bindNew(conf []config.Listen) (added []*listener, err error) {
	wanted := keys(conf)
	for i, key := range wanted {
		if s.listeners[key] != nil {
			continue
		}
		l, err := s.inherit(key, conf[i])
		if l == nil && err == nil {
			l, err = bind(conf[i])
		}
		if errors.Is(err, unix.EADDRINUSE) && len(s.inTheWay(conf[i], wanted)) > 0 {
			continue
		}
		if err != nil {
			closeAll(added)
			return nil, err
		}
		added = append(added, s.newListener(l, key, conf[i]))
	}
	return added, nil
}

func (s *Server) newListener(l net.Listener, key string, conf config.Listen) *listener {
	return &listener{Listener: l, key: key, conf: conf, front: s.front, failed: s.acceptFailed, ending: make(chan struct{}), done: make(chan struct{})}
}

// bindBeside adds the listeners that bindNew has left, while those in the way still serve: the port is shared until they
// are closed. From then on connections may go to the new ones, so the change that wants them must not wait any more.
func (s *Server) bindBeside(conf []config.Listen, added []*listener) ([]*listener, error) {
	wanted, beside, replaced := keys(conf), []*listener{}, []*listener{}
	for i, key := range wanted {
		if s.listeners[key] != nil || slices.ContainsFunc(added, func(l *listener) bool { return l.key == key }) {
			continue
		}
		old := s.inTheWay(conf[i], wanted)
		l, err := bindShared(conf[i], old)
		if err != nil {
			takeBack(beside)
			return nil, err
		}
		beside, replaced = append(beside, s.newListener(l, key, conf[i])), append(replaced, old...)
	}
	for _, l := range replaced {
		l.replaced = true
	}
	return append(added, beside...), nil
}

// inTheWay are listeners of ours that the change removes and that have the port of c, as that of 127.0.0.1:80 is in the
// way of :80.
func (s *Server) inTheWay(c config.Listen, wanted []string) (found []*listener) {
	if c.Network == "unix" {
		return nil
	}
	_, port, _ := net.SplitHostPort(c.Address)
	for key, l := range s.listeners {
		if _, p, _ := net.SplitHostPort(l.conf.Address); l.conf.Network != "unix" && p == port && !slices.Contains(wanted, key) {
			found = append(found, l)
		}
	}
	return found
}

func bindShared(c config.Listen, with []*listener) (net.Listener, error) {
	for _, l := range with {
		sharePort(l.Listener)
	}
	return bindTCP(c, func(fd int) error { return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
}

// takeBack closes listeners beside others that go on. Who has got to them meanwhile is served.
func takeBack(beside []*listener) {
	for _, l := range beside {
		l.replaced = true
		go l.run()
		l.close()
	}
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
