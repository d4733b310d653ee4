package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/config"
)

// Inherited is a listening socket that another process has opened: the gatewayd before this one, or systemd.
type Inherited struct {
	Name string // what the gatewayd before called it; "" goes by its address
	File *os.File
}

// inherit takes the inherited socket of a listener, nil if there is none.
func (s *Server) inherit(key string, conf config.Listen) (net.Listener, error) {
	i := slices.IndexFunc(s.opt.Inherited, func(i Inherited) bool { return i.Name == key })
	if i < 0 {
		i = slices.IndexFunc(s.opt.Inherited, func(i Inherited) bool { return i.Name == "" && listensOn(i.File, conf) })
	}
	if i < 0 {
		return nil, nil
	}
	taken := s.opt.Inherited[i]
	s.opt.Inherited = slices.Delete(s.opt.Inherited, i, i+1)
	defer taken.File.Close()
	l, err := net.FileListener(taken.File)
	if err != nil {
		return nil, fmt.Errorf("listen on %s, on the socket that was inherited: %w", conf.Address, err)
	}
	if conf.Network == "unix" && taken.Name != "" {
		return ownUnix(l, conf.Address)
	}
	return l, nil
}

// listensOn says whether a socket is what conf would open.
func listensOn(file *os.File, conf config.Listen) bool {
	l, err := net.FileListener(file)
	if err != nil {
		return false
	}
	defer l.Close()
	if conf.Network == "unix" {
		return l.Addr().Network() == "unix" && l.Addr().String() == conf.Address
	}
	has, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return false
	}
	wants, err := net.ResolveTCPAddr(conf.Network, conf.Address)
	return err == nil && has.Port == wants.Port && (has.IP.Equal(wants.IP) || isAny(has.IP) && isAny(wants.IP))
}

func isAny(ip net.IP) bool { return ip == nil || ip.IsUnspecified() }

// closeInherited closes the sockets that the configuration does not name.
func (s *Server) closeInherited() {
	for _, i := range s.opt.Inherited {
		if l, err := net.FileListener(i.File); err == nil {
			s.Log().Warn().Str("address", l.Addr().String()).Msg("a listening socket was inherited that `listen` does not name; it is closed")
			l.Close()
		}
		i.File.Close()
	}
	s.opt.Inherited = nil
}

// ErrSucceeded says that another process serves already.
var ErrSucceeded = errors.New("a new gatewayd has taken over already")

// Socket is a descriptor of a listening socket, in non-blocking mode. It is no os.File: to give one of those to another
// process makes it block, and with it the listener that it is a duplicate of.
type Socket struct {
	Name string
	FD   int
}

// Close closes the descriptor.
func (s Socket) Close() { unix.Close(s.FD) }

// HandOver has start start another process with the sockets of all listeners, which start does not close. While it does
// nothing else changes. If start fails everything goes on as before. Otherwise the Server accepts nothing any more:
// Shutdown lets what has begun come to an end, and connections that wait have another request.
func (s *Server) HandOver(start func(context.Context, []Socket) error) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.mayChange(); err != nil {
		return err
	}
	sockets, err := s.sockets()
	defer func() {
		for _, socket := range sockets {
			socket.Close()
		}
	}()
	if err != nil {
		return err
	}
	if err := start(s.ending, sockets); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.succeeded = true
	for _, l := range s.listeners {
		Disown(l.Listener)
		l.succeeded = true
	}
	return nil
}

// Duplicate is another descriptor of the socket of l, under a name. The caller closes it.
func Duplicate(name string, l net.Listener) (Socket, error) {
	raw, err := rawListener(l)
	if err != nil {
		return Socket{}, err
	}
	fd := -1
	controlErr := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) })
	return Socket{name, fd}, errors.Join(controlErr, err)
}

// Disown leaves the file of a listener of ListenUnix to whoever has its socket, too.
func Disown(l net.Listener) {
	if u, ok := l.(*unixListener); ok {
		u.owned.Store(false)
	}
}

// AdoptUnix is ListenUnix for a socket at path that somebody else has opened. It closes file.
func AdoptUnix(file *os.File, path string) (net.Listener, error) {
	defer file.Close()
	l, err := net.FileListener(file)
	if err != nil {
		return nil, err
	}
	if l.Addr().String() != path {
		l.Close()
		return nil, fmt.Errorf("the socket is at %s, not at %s", l.Addr(), path)
	}
	return ownUnix(l, path)
}

// sockets are duplicates of those of the listeners.
func (s *Server) sockets() (all []Socket, err error) {
	for _, l := range s.listeners {
		socket, err := Duplicate(l.handedOverAs(), l.Listener)
		if err != nil {
			return all, fmt.Errorf("%s: %w", l.name(), err)
		}
		all = append(all, socket)
	}
	slices.SortFunc(all, func(a, b Socket) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// handedOverAs is the name of the socket for another process. A unix socket whose file is not ours stays systemd's: it has
// none there either, goes by its address, and its file outlives that process, too.
func (l *listener) handedOverAs() string {
	if _, ours := l.Listener.(*unixListener); l.conf.Network == "unix" && !ours {
		return ""
	}
	return l.key
}

// oneMore is how long a connection that waits may have another request after a successor has taken over: who sends one
// often need not find the connection closed under a request that is on its way.
const oneMore = 5 * time.Second

// patience is how long connections that wait may have another request when the server ends.
func (s *Server) patience() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.succeeded {
		return 0
	}
	if limit := s.DrainTimeout() / 2; limit > 0 {
		return min(oneMore, limit) // before what has not ended is broken off
	}
	return oneMore
}
