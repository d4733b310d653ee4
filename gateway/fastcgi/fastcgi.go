package fastcgi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/admission"
	"gatewayd/gateway/cgispec"
)

// Backend is the gateway.Backend of a FastCGI application. Safe for concurrent use.
type Backend struct {
	opt Options

	mu     sync.Mutex
	active map[*exchange]struct{} // requests that have a place at a peer
	closed bool
}

// New returns a Backend. The caller ends it with Close or Wait; the Upstream stays the caller's.
func New(opt Options) *Backend {
	if opt.MaxHeader == 0 {
		opt.MaxHeader = 64 << 10
	}
	if opt.ConnectTimeout == 0 {
		opt.ConnectTimeout = 5 * time.Second
	}
	if opt.StopTimeout == 0 {
		opt.StopTimeout = 2 * time.Second
	}
	if opt.Gate == nil {
		opt.Gate = admission.New(admission.Limits{})
	}
	return &Backend{opt: opt, active: make(map[*exchange]struct{})}
}

// RoundTrip implements gateway.Backend. The request body is read until it ends, the application has ended the request,
// or the answer's Body is closed. A place in the Gate and at a peer is held until the application has ended the request,
// or its connection has been closed; that may be after RoundTrip and the Body have failed, while the application is
// being told to stop.
//
// A request that no byte of an answer has come to is sent once more, on a new connection, if nothing of it was sent or
// its method is GET, HEAD, OPTIONS, PUT or DELETE, and its body can be sent again: there is none, it is in memory, or it
// has a method Rewind() error.
func (b *Backend) RoundTrip(req *gateway.Request) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Err() != nil {
		return nil, ended(ctx, req.Script.Filename)
	}
	if err := b.opt.Gate.Enter(req); err != nil {
		if ctx.Err() != nil {
			return nil, ended(ctx, req.Script.Filename)
		}
		return nil, err
	}
	x := newExchange(b, req)
	x.reading.Lock()
	defer x.reading.Unlock()
	defer x.scope()
	return x.roundTrip()
}

// Check looks for what would keep a request from being sent, without sending anything; nil if nothing is seen. Nobody is
// connected to: that would take up an application for the sake of a question.
func (b *Backend) Check(req *gateway.Request) error {
	b.mu.Lock()
	closed := b.closed
	b.mu.Unlock()
	if closed {
		return shutDown()
	}
	return b.checkReadable(req.Script.Filename)
}

// vars are the variables of a request, as the application is to see them.
func (b *Backend) vars(dst []cgispec.Var, req *gateway.Request) []cgispec.Var {
	if b.opt.WorkerRoot == "" || b.opt.WorkerRoot == b.opt.Root {
		return req.Vars(dst, &b.opt.Env)
	}
	moved := *req
	moved.Script.Filename = b.moved(req.Script.Filename)
	moved.Script.Root = b.moved(req.Script.Root)
	return moved.Vars(dst, &b.opt.Env)
}

// moved is a path below Root as a path below WorkerRoot; any other path stays what it is.
func (b *Backend) moved(path string) string {
	root := strings.TrimSuffix(b.opt.Root, "/")
	rest, ok := strings.CutPrefix(path, root)
	if !ok || rest != "" && rest[0] != '/' {
		return path
	}
	return filepath.Join(b.opt.WorkerRoot, rest)
}

// add makes x one of those that Close and Wait know; it is false when the Backend is closed.
func (b *Backend) add(x *exchange) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.active[x] = struct{}{}
	return true
}

func (b *Backend) remove(x *exchange) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.active, x)
	if x.gone != nil {
		close(x.gone)
		x.gone = nil
	}
}

// left gives the channel that is closed when an exchange has ended, for each that has not.
func (b *Backend) left() map[*exchange]<-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make(map[*exchange]<-chan struct{}, len(b.active))
	for x := range b.active {
		if x.gone == nil {
			x.gone = make(chan struct{})
		}
		all[x] = x.gone
	}
	return all
}

// Running is how many requests have a place at a peer.
func (b *Backend) Running() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.active)
}

// Wait waits until every request that has a place at a peer has ended. If ctx ends before, it closes the connections of
// those that are left, waits for them, and returns ctx's error. Requests may go on to arrive.
func (b *Backend) Wait(ctx context.Context) error {
	for _, gone := range b.left() {
		select {
		case <-gone:
			continue
		case <-ctx.Done():
		}
		for x := range b.left() {
			x.kill()
		}
		return errors.Join(ctx.Err(), b.awaitEnd(deathTime))
	}
	return nil
}

// Close refuses new requests, tells the application to stop those that are under way, and returns when all have ended:
// their connections are closed after StopTimeout.
func (b *Backend) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	for x := range b.left() {
		go x.stop(shutDown())
	}
	return b.awaitEnd(b.opt.StopTimeout + b.opt.ConnectTimeout + deathTime)
}

// deathTime is how long a request may take to end once its connection has been closed.
const deathTime = 5 * time.Second

// awaitEnd waits for requests that have been told to end.
func (b *Backend) awaitEnd(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, gone := range b.left() {
		select {
		case <-gone:
		case <-timer.C:
			return fmt.Errorf("fastcgi: %d requests have not ended %s after they were told to", b.Running(), limit)
		}
	}
	return nil
}

func shutDown() *gateway.Error {
	return &gateway.Error{Status: http.StatusServiceUnavailable, Op: "fastcgi: send a request", Err: errors.New("this route is being shut down")}
}
