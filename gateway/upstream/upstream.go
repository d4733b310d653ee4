// Package upstream is where an application listens, and who gets a place at it. An Upstream lends Leases: Fixed does so
// for addresses of applications that somebody else runs, worker.Pool for the workers that gatewayd keeps. It knows no
// protocol.
package upstream

import (
	"context"
	"net"
	"sync/atomic"
)

// Address is where an application listens.
type Address struct {
	Network string // "unix" or "tcp"
	Address string // a path, or "@name" for an abstract socket; or host:port
}

// String is the address as the config file has it: "unix:/run/app.sock", "tcp:127.0.0.1:9000".
func (a Address) String() string { return a.Network + ":" + a.Address }

// Upstream is an application. Safe for concurrent use.
type Upstream interface {
	// Lease takes a place at the least busy peer that is fit for use. It waits, until ctx ends at most, where there is
	// none just now and soon will be: own workers that are at work, or being started. not is a peer that has failed this
	// very request and is taken only where there is no other; it may be nil. The error is a *gateway.Error, 503 where no
	// peer can be had, or the cause with which ctx has ended.
	Lease(ctx context.Context, not *Peer) (*Lease, error)
}

// Outcome is what a Lease's holder has to say of the peer.
type Outcome int

const (
	// Served: the request is over as far as the peer is concerned, and says nothing against it.
	Served Outcome = iota
	// Unreachable: no connection could be made.
	Unreachable
	// Broken: it closed the connection, or reset it, before the request was over.
	Broken
	// Faulty: it violated the protocol, or did not end a request in time. It must not be used as it is: an own worker
	// is stopped and replaced.
	Faulty
	// Abandoned: the connection was closed while the peer may still be at work on the request, because nobody wants the
	// answer. An own worker is busy until it shows that it is not.
	Abandoned
	// Unused: nothing was sent to it, which is not its fault: the client left before that, or descriptors ran out here.
	Unused
)

// Lease is a place at a peer for one request.
type Lease struct {
	Peer *Peer
	// Ending says how the peer has ended, if it has: a clause and a hint for the log, "the worker was killed by SIGSEGV;
	// its last words: ...". It may wait a moment for that. nil where nobody can tell.
	Ending func() (how, hint string)

	done     func(Outcome)
	released atomic.Bool
}

// NewLease returns a Lease at peer; done is called once, by the first Release.
func NewLease(peer *Peer, done func(Outcome)) *Lease { return &Lease{Peer: peer, done: done} }

// Release gives the place back. Only the first call counts.
func (l *Lease) Release(o Outcome) {
	if !l.released.Swap(true) {
		l.Peer.note(o)
		l.done(o)
	}
}

// Conn is a connection that is kept between requests.
type Conn interface {
	// Usable says whether the connection can carry another request, as far as can be told without sending anything.
	Usable() bool
	Close() error
}

// Dialer connects to an address; a net.Dialer's DialContext is one.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)
