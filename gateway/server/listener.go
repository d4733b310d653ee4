package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/config"
)

// listener accepts on one address for as long as a configuration names it. It outlives generations.
type listener struct {
	net.Listener
	key    string // see keys
	conf   config.Listen
	front  *frontend     // who serves what is accepted
	failed func(error)   // told of an accept that failed
	ending chan struct{} // closed by close
	// replaced says that another listener takes over the port: whoever connects meanwhile is to get through.
	replaced bool
	// succeeded says that another process has the same socket: what waits is for that one.
	succeeded bool
	done      chan struct{} // closed when run has returned
}

// bind listens on c.
func bind(c config.Listen) (net.Listener, error) {
	if c.Network == "unix" {
		// As nginx: who may connect is said by the directory. A front server often runs as another user.
		return ListenUnix(c.Address, 0o666)
	}
	return bindTCP(c, func(int) error { return nil })
}

// bindTCP listens on c once set has had the socket. It is one of plain TCP: one of Multipath TCP, as Go's listeners are,
// takes no filter (see holdOff).
func bindTCP(c config.Listen, set func(fd int) error) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		controlErr := raw.Control(func(fd uintptr) { err = set(int(fd)) })
		return errors.Join(controlErr, err)
	}}
	lc.SetMultipathTCP(false)
	l, err := lc.Listen(context.Background(), c.Network, c.Address)
	if err != nil {
		return nil, explainBind(c, err)
	}
	return l, nil
}

// ListenUnix listens on a unix socket that has mode from its first moment on. A socket at path that nobody listens on
// any more is replaced; the file is removed when the listener is closed. The directory is made if it is missing.
func ListenUnix(path string, mode uint32) (net.Listener, error) {
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("listen on unix:%s: make its directory: %w", path, err)
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var err error
		// On Linux the mode of the descriptor becomes that of the file which bind makes.
		if cerr := raw.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), mode) }); cerr != nil {
			return cerr
		}
		return err
	}}
	l, err := lc.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	// What umask took away of it.
	if err := os.Chmod(path, os.FileMode(mode)); err != nil {
		l.Close()
		return nil, err
	}
	return ownUnix(l, path)
}

// ownUnix has the file at path removed when l is closed, which listens there.
func ownUnix(l net.Listener, path string) (net.Listener, error) {
	made, err := os.Lstat(path)
	if err != nil {
		l.Close()
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	u := &unixListener{Listener: l, path: path, made: made}
	u.owned.Store(true)
	return u, nil
}

// SyscallConn implements syscall.Conn.
func (l *unixListener) SyscallConn() (syscall.RawConn, error) {
	return l.Listener.(syscall.Conn).SyscallConn()
}

// unixListener removes its file when it is closed, unless another has taken the place: that one is somebody else's.
type unixListener struct {
	net.Listener
	path  string
	made  os.FileInfo
	owned atomic.Bool // the file is to be removed
}

// Close implements net.Listener.
func (l *unixListener) Close() error {
	if now, err := os.Lstat(l.path); err == nil && l.owned.Load() && os.SameFile(now, l.made) {
		os.Remove(l.path)
	}
	return l.Listener.Close()
}

// makeFolder makes one directory, such as /run/gatewayd, which is gone after each boot. More than one is rather a
// mistake in the path.
func makeFolder(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		if info, statErr := os.Stat(dir); statErr != nil || !info.IsDir() {
			return err
		}
	}
	return nil
}

func explainBind(c config.Listen, err error) error {
	hint := ""
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		hint = ": another program listens there; stop it (`ss -ltnp` names it) or choose another address with `listen` or --listen"
	case errors.Is(err, unix.EACCES):
		hint = ": ports below 1024 need root or CAP_NET_BIND_SERVICE"
	case errors.Is(err, unix.EADDRNOTAVAIL):
		hint = ": this machine has no such address"
	}
	return fmt.Errorf("listen on %s: %w%s", c.Address, err, hint)
}

// removeStale removes a socket that nobody listens on. Anything else at path is left alone.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("listen on unix:%s: something that is not a socket is there; remove it or choose another path", path)
	}
	if conn, err := net.DialTimeout("unix", path, time.Second); err == nil {
		conn.Close()
		return fmt.Errorf("listen on unix:%s: another program listens there", path)
	} else if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	return os.Remove(path)
}

// run accepts until the listener is closed. An accept that fails for want of descriptors or memory is tried again after
// a pause: the server must outlive it.
func (l *listener) run() {
	defer close(l.done)
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		if err == nil {
			pause = 0
			if !l.awaitRoom(conn) {
				conn.Close()
				return
			}
			l.front.feed(conn)
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		pause = min(max(2*pause, 5*time.Millisecond), time.Second)
		l.failed(err)
		time.Sleep(pause)
	}
}

// close serves the connections that wait to be accepted, and no others.
func (l *listener) close() {
	close(l.ending)
	if raw, err := rawListener(l.Listener); err == nil && !l.succeeded {
		if l.replaced && holdOff(raw) == nil {
			time.Sleep(handshakeTime)
		}
		raw.Control(l.acceptWaiting)
	}
	l.Listener.Close()
	<-l.done
}

// handshakeTime is how long a connection may take to be made that had begun when its listener is replaced.
const handshakeTime = 50 * time.Millisecond

// holdOff has the kernel ignore whoever wants to connect, who tries again after a second and finds the listener's
// successor. Without it those would be reset that connect just before the listener is closed.
func holdOff(l syscall.RawConn) (err error) {
	const flags, syn = 13, 2 // of the TCP header
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: flags},
		{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, Jf: 1, K: syn},
		{Code: unix.BPF_RET | unix.BPF_K},
		{Code: unix.BPF_RET | unix.BPF_K, K: 1<<32 - 1},
	}
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}
	controlErr := l.Control(func(fd uintptr) {
		err = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter)
	})
	return errors.Join(controlErr, err)
}

// acceptWaiting accepts what the kernel has accepted on fd: to close the listener would reset that. Accept would wait for
// more.
func (l *listener) acceptWaiting(fd uintptr) {
	for range maxBacklog {
		n, _, err := unix.Accept4(int(fd), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if err != nil {
			return
		}
		file := os.NewFile(uintptr(n), "connection")
		conn, err := net.FileConn(file)
		file.Close()
		if err == nil {
			l.front.feed(conn)
		}
	}
}

// maxBacklog is more than the kernel lets wait (net.core.somaxconn).
const maxBacklog = 1 << 16

// name is how the listener is announced.
func (l *listener) name() string {
	if l.conf.Network == "unix" {
		return "unix:" + l.conf.Address
	}
	return "http://" + l.Addr().String()
}
