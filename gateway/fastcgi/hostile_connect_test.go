package fastcgi_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/upstream"
)

// TestConnecting: nobody is there, or nobody can be reached. What is wrong is said at once, and nothing must be done for
// the route to work once somebody is there.
func TestConnecting(t *testing.T) {
	for _, c := range []struct {
		name    string
		network string
		make    func(t *testing.T, address string) (undo func())
		status  int
		log     string
		wait    time.Duration // that it takes at least
	}{
		{"no socket", "unix", nothing, 502, "no such file or directory HINT there is no such socket", 0},
		{"no folder", "unix", nothing, 502, "no such file or directory", 0},
		{"a file in place of the socket", "unix", func(t *testing.T, address string) func() {
			if err := os.WriteFile(address, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return func() { os.Remove(address) }
		}, 502, "connection refused", 0},
		{"a folder in place of the socket", "unix", func(t *testing.T, address string) func() {
			if err := os.Mkdir(address, 0o700); err != nil {
				t.Fatal(err)
			}
			return func() { os.Remove(address) }
		}, 502, "connection refused", 0},
		{"a socket that was left behind", "unix", func(t *testing.T, address string) func() {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: address})
			if err != nil {
				t.Fatal(err)
			}
			l.SetUnlinkOnClose(false)
			l.Close()
			return func() { os.Remove(address) }
		}, 502, "connection refused HINT nobody listens", 0},
		{"a socket for datagrams", "unix", func(t *testing.T, address string) func() {
			l, err := net.ListenPacket("unixgram", address)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				l.Close()
				os.Remove(address)
			}
		}, 502, "protocol wrong type for socket", 0},
		{"a queue that is full", "unix", fullQueue, 503, "as many connections wait there as it lets wait", 250 * time.Millisecond},
		{"no listener", "tcp", nothing, 502, "connection refused HINT nobody listens", 0},
		{"a queue that is full, TCP", "tcp", fullQueue, 504, "HINT nobody answered within connect_timeout", 250 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := backendtest.Measure()
			address := filepath.Join(t.TempDir(), "s")
			if c.network == "tcp" {
				address = freePort(t)
			}
			undo := c.make(t, address)
			s := newStage(t, 1, upstream.Address{Network: c.network, Address: address})
			for _, method := range []string{"GET", "POST"} {
				a := s.ask(method, nil, patience)
				if a.err == nil || a.err.Status != c.status || !strings.Contains(a.log(), c.log) || !strings.Contains(a.log(), "connect to "+c.network+":"+address) {
					t.Errorf("%s: %d, %s; want %d with %q", method, a.status, a.log(), c.status, c.log)
				}
				if a.took < c.wait || a.took > c.wait+slack {
					t.Errorf("%s: took %v", method, a.took)
				}
			}
			undo()
			s.thenServed(c.network, address)
			s.close()
			backendtest.NoMore(t, before)
		})
	}
}

// thenServed listens at the address, and makes a request that must be served.
func (s *stage) thenServed(network, address string) {
	s.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		s.Fatal(err)
	}
	v := &villain{listener: l, over: make(chan struct{})}
	v.good.Store(true)
	v.all.Go(v.accept)
	defer v.close()
	if a := s.ask("POST", nil, patience); a.body != "good" || a.err != nil {
		s.Errorf("once somebody is there: %q, %s", a.body, a.log())
	}
}

func nothing(*testing.T, string) func() { return func() {} }

// freePort is an address at which nobody listens.
func freePort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// fullQueue listens at an address and lets as many connections wait as can; one more must wait to be let wait.
func fullQueue(t *testing.T, address string) (undo func()) {
	t.Helper()
	network := "unix"
	if !strings.HasPrefix(address, "/") {
		network = "tcp"
	}
	fd, err := listenRaw(network, address)
	if err != nil {
		t.Fatal(err)
	}
	var waiting []net.Conn
	for limit := patience; ; limit = 200 * time.Millisecond {
		c, err := net.DialTimeout(network, address, limit)
		if err != nil {
			break
		}
		waiting = append(waiting, c)
	}
	if len(waiting) == 0 {
		t.Fatal("no connection waits in a queue for one")
	}
	return func() {
		for _, c := range waiting {
			c.Close()
		}
		unix.Close(fd)
		os.Remove(address)
	}
}

// listenRaw listens with the shortest queue, which package net does not offer.
func listenRaw(network, address string) (fd int, err error) {
	var to unix.Sockaddr = &unix.SockaddrUnix{Name: address}
	family := unix.AF_UNIX
	if network == "tcp" {
		a, err := net.ResolveTCPAddr(network, address)
		if err != nil {
			return 0, err
		}
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: a.Port, Addr: [4]byte(a.IP.To4())}
	}
	if fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return 0, err
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	return fd, errors.Join(unix.Bind(fd, to), unix.Listen(fd, 0))
}
