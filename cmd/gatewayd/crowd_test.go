package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/loadclient"
)

// connMemory is what a connection that does nothing may cost gatewayd: 160 MiB for 10,000.
const connMemory = 16 << 10

// TestSlowClients has a crowd that sends the head of a request byte by byte, another that sends nothing after its first
// request, and a few who just want an answer.
func TestSlowClients(t *testing.T) {
	slow, idle, headerTimeout := 1000, 0, 3*time.Second
	if soak() {
		slow, idle, headerTimeout = 10_000, 10_000, 10*time.Second
	}
	if room := descriptorLimit(t, slow+idle+spareDescriptors) - spareDescriptors; room < slow+idle {
		t.Logf("room for %d connections only", room)
		slow = min(slow, room)
		idle = room - slow
	}
	s := serveConfig(t, t.TempDir(), fmt.Sprintf(`
admin: off
log: { access: off }
http: { header_timeout: %s, idle_timeout: 10m }
routes:
  "/*": { respond: { status: 200, body: hello } }
`, headerTimeout))
	address := strings.TrimPrefix(s.url, "http://")
	hello := loadclient.Request{Want: loadclient.Want{Body: []byte("hello")}}
	plain := loadclient.Load{Address: address, Clients: 2, Requests: 1000, Next: func(int) *loadclient.Request { return &hello }}
	if report := plain.Run(context.Background()); report.Failures() > 0 {
		t.Fatal(report)
	}
	before := s.resident(t)

	stalls := watchStalls()
	kept := openIdle(t, address, idle)
	drips := openDrips(t, address, slow)
	plain.Requests, plain.Duration, plain.Rate = 0, headerTimeout, 200
	report := plain.Run(context.Background())
	t.Logf("plain requests meanwhile: %v", report)
	if report.Failures() > 0 {
		t.Error("plain requests failed")
	}
	growth := s.peak(t) - before
	t.Logf("%d slow and %d idle connections: %.1f MiB more, %d bytes each", slow, idle, mib(growth), growth/int64(slow+idle))
	if limit := int64(slow+idle)*connMemory + 8<<20; growth > limit && !raceDetector {
		t.Errorf("the resident size grew by %.1f MiB, want at most %.1f", mib(growth), mib(limit))
	}
	first, last := drips.awaitCut(t)
	t.Logf("slow connections were cut after %v to %v", first.Round(time.Millisecond), last.Round(time.Millisecond))
	if limit := headerTimeout + inTime(time.Second) + stalls.end(t); first < headerTimeout || last > limit {
		t.Errorf("header_timeout is %v: none may be cut before, none live longer than %v", headerTimeout, limit)
	}
	kept.stillOpen(t)
}

// spareDescriptors are for all else but the crowd.
const spareDescriptors = 500

// descriptorLimit is how many files this process and those it starts may open: want, for the length of the test, if the
// system lets them.
func descriptorLimit(t *testing.T, want int) int {
	t.Helper()
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	now := syscall.Rlimit{Cur: max(old.Cur, uint64(want)), Max: max(old.Max, uint64(want))}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
		now = syscall.Rlimit{Cur: old.Max, Max: old.Max}
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &now); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { syscall.Setrlimit(syscall.RLIMIT_NOFILE, &old) })
	return int(min(now.Cur, uint64(want)))
}

// crowdDial opens connection n, from one of several addresses: each has only so many ports. It is closed at the end of
// the test.
func crowdDial(t *testing.T, address string, n int) net.Conn {
	t.Helper()
	dialer := net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(1+n/1000))},
		Timeout:   patience,
		// Else bind would look for a port that is free whatever the other end is, which takes long.
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			cerr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
			})
			return errors.Join(cerr, err)
		},
	}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// idleCrowd is connections that have had an answer and are kept.
type idleCrowd []net.Conn

func openIdle(t *testing.T, address string, n int) (crowd idleCrowd) {
	t.Helper()
	answer := make([]byte, 4<<10)
	for i := range n {
		conn := crowdDial(t, address, i)
		conn.SetDeadline(time.Now().Add(patience))
		io.WriteString(conn, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if n, err := conn.Read(answer); err != nil || !strings.HasSuffix(string(answer[:n]), "hello") {
			t.Fatalf("connection %d: %q (%v)", i, answer[:n], err)
		}
		crowd = append(crowd, conn)
	}
	return crowd
}

// stillOpen asks once more on some of the connections.
func (crowd idleCrowd) stillOpen(t *testing.T) {
	t.Helper()
	for i := 0; i < len(crowd); i += 100 {
		crowd[i].SetDeadline(time.Now().Add(patience))
		io.WriteString(crowd[i], "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if _, err := crowd[i].Read(make([]byte, 1)); err != nil {
			t.Errorf("idle connection %d: %v", i, err)
		}
	}
}

// dripping is a crowd that sends one byte of a head each second.
type dripping struct {
	lives []time.Duration // how long each was let live
	ended sync.WaitGroup
	stop  chan struct{}
}

// openDrips opens n such connections; each is cut by the server or closed at the end of the test.
func openDrips(t *testing.T, address string, n int) *dripping {
	t.Helper()
	d := &dripping{lives: make([]time.Duration, n), stop: make(chan struct{})}
	conns := make([]net.Conn, n)
	for i := range conns {
		begun := time.Now()
		conns[i] = crowdDial(t, address, 20_000+i)
		conns[i].SetDeadline(begun.Add(time.Minute))
		d.ended.Go(func() {
			io.Copy(io.Discard, conns[i]) // a 408, if there is one
			d.lives[i] = time.Since(begun)
		})
	}
	var drip sync.WaitGroup
	drip.Go(func() { d.drip(conns) })
	t.Cleanup(func() {
		close(d.stop)
		drip.Wait()
	})
	return d
}

func (d *dripping) drip(conns []net.Conn) {
	const head = "GET / HTTP/1.1\r\nHost: h\r\nX-Slow: "
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 0; ; i++ {
		for _, conn := range conns {
			io.WriteString(conn, (head + strings.Repeat("x", 100))[i:i+1])
		}
		select {
		case <-tick.C:
		case <-d.stop:
			return
		}
	}
}

// awaitCut waits until all are cut and returns the shortest and the longest life.
func (d *dripping) awaitCut(t *testing.T) (first, last time.Duration) {
	t.Helper()
	d.ended.Wait() // each has a deadline
	first = d.lives[0]
	for _, life := range d.lives {
		first, last = min(first, life), max(last, life)
	}
	return first, last
}
