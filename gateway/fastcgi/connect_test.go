package fastcgi

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/upstream"
)

// at is a Backend whose application is at an address, whoever listens there.
func at(t *testing.T, network, address string, opt Options) *fake {
	f := newFake(t, opt, 0)
	a := upstream.Address{Network: network, Address: address}
	f.peers = []*upstream.Peer{upstream.NewPeer(a.String(), a, 0)}
	return f
}

func TestAddresses(t *testing.T) {
	for _, tt := range []struct{ network, listen, host string }{
		{"unix", filepath.Join(t.TempDir(), "socket"), ""},
		{"unix", "@gatewayd-test-" + filepath.Base(t.TempDir()) + time.Now().Format("150405.000000000"), ""},
		{"tcp", "127.0.0.1:0", ""},
		{"tcp", "127.0.0.1:0", "localhost"},
		{"tcp", "[::1]:0", ""},
	} {
		l, err := net.Listen(tt.network, tt.listen)
		if err != nil {
			t.Log(err) // a machine without IPv6
			continue
		}
		address := l.Addr().String()
		if tt.host != "" {
			_, port, _ := net.SplitHostPort(address)
			address = net.JoinHostPort(tt.host, port)
		}
		f := at(t, tt.network, address, Options{})
		f.served.Go(func() { f.accept(l, answering(good)) })
		if got := f.get(); got != "200 body" {
			t.Errorf("%s: %s", address, got)
		}
		l.Close()
		f.wantEnded("served")
	}
}

func TestNobodyThere(t *testing.T) {
	refused, _ := net.Listen("tcp", "127.0.0.1:0")
	refused.Close()
	file := filepath.Join(t.TempDir(), "file")
	os.WriteFile(file, nil, 0o600)
	for _, tt := range []struct{ network, address, words string }{
		{"unix", "/nonexistent/socket", "no such file or directory HINT there is no such socket"},
		{"unix", file, "connection refused HINT nobody listens there"},
		{"tcp", refused.Addr().String(), "connection refused HINT nobody listens there"},
	} {
		f := at(t, tt.network, tt.address, Options{})
		begun := time.Now()
		f.wants(f.get(), "502: fastcgi: connect to "+tt.network+":"+tt.address+": "+tt.words)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("%s: that took %v", tt.address, took)
		}
		f.wantEnded("unreachable unused")
	}
}

// An application that is restarted is waited for, and nothing is lost, whatever the method: nothing was sent.
func TestRestart(t *testing.T) {
	leaves(t)
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	f := at(t, "unix", path, Options{})
	f.served.Go(func() { f.accept(l, answering(good)) })
	f.get()
	l.Close()
	again := make(chan net.Listener, 1)
	time.AfterFunc(100*time.Millisecond, func() {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Error(err)
			return
		}
		f.served.Go(func() { f.accept(l, answering(good)) })
		again <- l
	})
	if got := f.do(f.request("POST", strings.NewReader("a stream"))); got != "200 body" {
		t.Error(got)
	}
	ends := f.ended()
	if !strings.HasPrefix(ends, "served unreachable ") || !strings.HasSuffix(ends, " served") {
		t.Error(ends)
	}
	(<-again).Close()
	f.served.Wait()
}

// Another peer is tried at once, whatever is the matter with the first.
func TestUnreachablePeer(t *testing.T) {
	_, full := fullQueue(t, unix.AF_UNIX, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "socket")})
	_, silent := fullQueue(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	for want, first := range map[string]upstream.Address{
		"unreachable served":  {Network: "unix", Address: "/nonexistent/socket"},
		"unused served":       {Network: "unix", Address: full},
		"unreachable served ": {Network: "tcp", Address: silent},
	} {
		f := newFake(t, Options{ConnectTimeout: 50 * time.Millisecond}, 0, answering(good))
		f.peers = append([]*upstream.Peer{upstream.NewPeer("first", first, 0)}, f.peers...)
		if got := f.do(f.request("POST", strings.NewReader("a stream"))); got != "200 body" {
			t.Errorf("%v: %s", first, got)
		}
		f.wantEnded(strings.TrimSpace(want))
	}
}

// Whoever cannot be reached is no reason to fail while there is one that has not been tried, however he fails.
func TestEveryPeerIsTried(t *testing.T) {
	_, silent := fullQueue(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	f := newFake(t, Options{ConnectTimeout: 100 * time.Millisecond}, 0, answering(good))
	addresses := []upstream.Address{
		{Network: "unix", Address: "/nonexistent/1"}, {Network: "unix", Address: "/nonexistent/2"},
		{Network: "tcp", Address: silent}, f.peers[0].Address,
	}
	fixed := upstream.NewFixed(addresses, 0)
	t.Cleanup(fixed.Close)
	f.backend.opt.Upstream = fixed
	if got := f.do(f.request("POST", strings.NewReader("a stream"))); got != "200 body" {
		t.Error(got)
	}
	for i, s := range fixed.Stats() {
		if s.Failed != uint64(1-i/3) || s.Served != uint64(i/3) {
			t.Errorf("%+v", s)
		}
	}
}

// A client that leaves while nobody answers says nothing for that peer.
func TestLeavingWhileConnecting(t *testing.T) {
	_, silent := fullQueue(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	f := at(t, "tcp", silent, Options{ConnectTimeout: 100 * time.Millisecond})
	fixed := upstream.NewFixed([]upstream.Address{f.peers[0].Address}, 0)
	t.Cleanup(fixed.Close)
	f.backend.opt.Upstream = fixed
	f.get()
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	f.backend.opt.ConnectTimeout = time.Minute
	f.wants(f.do(within(ctx, f.request("GET", nil))), "499: ")
	if s := fixed.Stats()[0]; s.Served != 0 || s.Paused.IsZero() {
		t.Errorf("%+v", s)
	}
}

// fullQueue is a listener that accepts nothing and whose queue is full.
func fullQueue(t *testing.T, family int, to unix.Sockaddr) (fd int, address string) {
	t.Helper()
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, to); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	bound, _ := unix.Getsockname(fd)
	network := "unix"
	switch b := bound.(type) {
	case *unix.SockaddrUnix:
		address = b.Name
	case *unix.SockaddrInet4:
		network, address = "tcp", (&net.TCPAddr{IP: b.Addr[:], Port: b.Port}).String()
	}
	for refused, tries := 0, 0; tries < 10; tries++ { // once may be the machine's fault
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		cancel()
		if err == nil {
			t.Cleanup(func() { c.Close() })
			refused = 0
			continue
		}
		if refused++; refused == 2 {
			return fd, address
		}
	}
	t.Fatal("the queue is never full")
	return 0, ""
}

func TestFullQueue(t *testing.T) {
	fd, address := fullQueue(t, unix.AF_UNIX, &unix.SockaddrUnix{Name: filepath.Join(t.TempDir(), "socket")})
	f := at(t, "unix", address, Options{ConnectTimeout: 100 * time.Millisecond})
	f.wants(f.get(), "503: ", "within connect_timeout: 100ms HINT let the application have more workers")
	f.wantEnded("unused unused")

	f.backend.opt.ConnectTimeout = 10 * time.Second
	time.AfterFunc(50*time.Millisecond, func() {
		for range 3 { // those who filled the queue, and the one who waits
			nfd, _, err := unix.Accept4(fd, unix.SOCK_CLOEXEC)
			for err == unix.EINTR {
				nfd, _, err = unix.Accept4(fd, unix.SOCK_CLOEXEC)
			}
			if err != nil {
				t.Error(err)
				return
			}
			file := os.NewFile(uintptr(nfd), "")
			if c, err := net.FileConn(file); err == nil {
				f.served.Go(func() {
					defer c.Close()
					answering(good)(0, c)
				})
			}
			file.Close()
		}
	})
	if got := f.get(); got != "200 body" {
		t.Error(got)
	}
}

func TestConnectTimeout(t *testing.T) {
	_, address := fullQueue(t, unix.AF_INET, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	f := at(t, "tcp", address, Options{ConnectTimeout: 100 * time.Millisecond})
	f.wants(f.get(), "504: fastcgi: connect to tcp:"+address, "HINT nobody answered within connect_timeout")
	f.wantEnded("unreachable unused")

	ctx, cancel := context.WithCancelCause(context.Background())
	f.backend.opt.ConnectTimeout = time.Minute
	time.AfterFunc(50*time.Millisecond, func() {
		cancel(&gateway.Error{Status: 503, Op: "the cause"})
	})
	if got := f.do(within(ctx, f.request("GET", nil))); !strings.HasPrefix(got, "503: the cause") {
		t.Error(got)
	}
	f.wantEnded("unreachable unused unused")
}

func TestConnectErrors(t *testing.T) {
	f := at(t, "unix", "/run/app.sock", Options{})
	x := newExchange(f.backend, f.request("GET", nil))
	for _, tt := range []struct {
		errno   syscall.Errno
		words   string
		outcome upstream.Outcome
	}{
		{syscall.EACCES, "502: fastcgi: connect to unix:/run/app.sock: permission denied HINT the user who runs gatewayd", upstream.Unreachable},
		{syscall.EMFILE, "503: fastcgi: connect to unix:/run/app.sock: too many open files HINT raise", upstream.Unused},
		{syscall.EHOSTUNREACH, "502: fastcgi: connect to unix:/run/app.sock: no route to host", upstream.Unreachable},
	} {
		err := &net.OpError{Op: "dial", Net: "unix", Err: os.NewSyscallError("connect", tt.errno)}
		f.wants(described(x.notConnected(f.peers[0], err)), tt.words)
		if !gateway.AsError(x.notConnected(f.peers[0], err)).Alike {
			t.Error(tt.errno, "is a line in the log for each request")
		}
		if got := x.connectOutcome(err); got != tt.outcome {
			t.Errorf("%v: outcome %v", tt.errno, got)
		}
	}
}
