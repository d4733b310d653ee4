package fastcgi

import (
	"context"
	"errors"
	"net"
	"slices"
	"syscall"
	"time"

	"gatewayd/gateway/descriptors"
	"gatewayd/gateway/upstream"
)

// A peer that refuses connections because it is being restarted, or because too many wait for it, is tried again after
// firstPause and then after longer and longer ones.
const (
	firstPause = 2 * time.Millisecond
	maxPause   = 50 * time.Millisecond
)

// quiet is for how long a connection must have been kept to be believed to stay open. An application that does not keep
// connections, whatever it was asked to, or that ends after so many requests, closes it right after an answer.
const quiet = 10 * time.Millisecond

// connect takes a place at a peer and a connection to it. A peer that cannot be reached is no reason to give up: nothing
// was sent. Another one is tried, and where there is no other this one again, if it is likely to be in the middle of a
// restart. failed is a peer that has failed the request already, nil if none has.
func (x *exchange) connect(failed *upstream.Peer) error {
	var until time.Time
	var last error
	var tried []*upstream.Peer
	restarting := false
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		lease, err := x.backend.opt.Upstream.Lease(x.ctx, failed)
		if err != nil {
			return x.noLease(err)
		}
		if !x.hold(lease) {
			return shutDown()
		}
		switch again := slices.Contains(tried, lease.Peer); {
		case !again:
			until = time.Now().Add(x.backend.opt.ConnectTimeout) // to wait for a place is another thing
		case !restarting || !x.awaitRestart(lease.Peer, pause, until):
			x.end(upstream.Unused)
			return last
		}
		err = x.use(lease.Peer, until)
		if err == nil {
			return nil
		}
		last, failed, tried = x.notConnected(lease.Peer, err), lease.Peer, append(tried, lease.Peer)
		x.end(x.connectOutcome(err))
		if x.brokenOff() != nil || shortHere(err) {
			return last
		}
		restarting = maybeRestarting(err)
	}
}

// awaitRestart waits before a peer that could not be reached is tried again; it is false if that is not to be.
func (x *exchange) awaitRestart(peer *upstream.Peer, pause time.Duration, until time.Time) bool {
	return peer.ServedLately() && time.Now().Add(pause).Before(until) && x.sleep(pause) == nil
}

// use takes a kept connection, or makes one.
func (x *exchange) use(peer *upstream.Peer, until time.Time) (err error) {
	var c *conn
	if kept := x.kept(peer); kept != nil {
		c, x.reused = kept, true
	} else {
		x.reused = false
		if c, err = x.dial(peer.Address, until); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.conn = c
	if x.cut {
		c.SetDeadline(past())
	}
	return nil
}

// kept is a kept connection, nil if there is none that will do. Where one has failed this request the others are given up:
// an application that has started again and reads from one of them would not accept another. A request that could not be
// repeated goes only on one that is believed to stay open: else nobody would know what has become of it.
func (x *exchange) kept(peer *upstream.Peer) *conn {
	if x.reused {
		peer.Drop()
		return nil
	}
	c, _ := peer.Take().(*conn)
	if c != nil && time.Since(c.since) < quiet && !(x.idempotent() && x.input.rereadable()) {
		c.Close()
		return nil
	}
	return c
}

// dial connects. The queue of a unix socket being full is waited out: the kernel tells nobody when there is room.
func (x *exchange) dial(to upstream.Address, until time.Time) (*conn, error) {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		c, err := dialOnce(x.ctx, to, until)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().Add(pause).After(until) {
			return c, err
		}
		if err := x.sleep(pause); err != nil {
			return nil, err
		}
	}
}

func dialOnce(ctx context.Context, to upstream.Address, until time.Time) (*conn, error) {
	var d net.Dialer
	if to.Network != "unix" { // for which connecting never waits
		d.Deadline = until
	}
	nc, err := d.DialContext(ctx, to.Network, to.Address)
	if err != nil {
		return nil, err
	}
	c, err := newConn(nc)
	if err == nil {
		c.raw.Control(func(fd uintptr) { err = descriptors.Check(int(fd)) })
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return c, nil
}

// sleep waits, unless the exchange is ended before.
func (x *exchange) sleep(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return x.brokenOff()
	case <-x.ctx.Done():
		return x.ctx.Err()
	}
}

// maybeRestarting says whether this is how connecting to an application fails that is being restarted: connections that
// were not accepted are reset when a socket is closed.
func maybeRestarting(err error) bool {
	return errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.ECONNRESET)
}
