package worker

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/process"
	"gatewayd/gateway/upstream"
)

// Options are what pools need of their surroundings. The zero value is usable.
type Options struct {
	Launcher process.Launcher // nil is process.Exec{}
	// Dir is where a pool makes the folder, mode 0700, for its sockets; "" is the directory for temporary files. Where
	// that is too long for the path of a socket, or cannot be written, another place is found.
	Dir string

	// Event is told what happens to the workers, and Output what they print, line by line and within bounds; worker is
	// counted from 1. They are called by several goroutines and must not block. nil is nobody.
	Event  func(Event)
	Output func(program string, worker int, line string)
}

// Pool is an Upstream of workers that it keeps alive. Safe for concurrent use.
type Pool struct {
	spec   Spec // filled
	opt    Options
	folder folder
	life   context.Context // ends when the workers are to end
	end    context.CancelCauseFunc
	kept   sync.WaitGroup // goroutines

	answers atomic.Bool // the program has answered the question whether it is ready
	unasked atomic.Bool // the program does not survive being asked whether it is ready: see spare

	restarts chan struct{} // has a place while no rolling restart is under way

	mu       sync.Mutex
	slots    []*slot
	made     uint64 // counts slots
	lent     uint64 // counts leases
	waiting  list.List
	leased   int
	closing  bool
	renewing bool            // a rolling restart is under way
	renewed  uint64          // how many have been completed
	leaving  []*slot         // that a rolling restart has replaced, and that are not gone
	watchers []chan struct{} // closed at the next change
}

// NewPool starts the workers of spec and returns without waiting for them. The caller closes the Pool.
func NewPool(spec Spec, opt Options) *Pool {
	if opt.Launcher == nil {
		opt.Launcher = process.Exec{}
	}
	p := &Pool{spec: spec.filled(), opt: opt, folder: folder{parent: opt.Dir}, restarts: make(chan struct{}, 1)}
	p.life, p.end = context.WithCancelCause(context.Background())
	p.cleanEnv()
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := range p.spec.Workers {
		p.slots = append(p.slots, newSlot(p, i, false))
	}
	return p
}

// cleanEnv takes out what would make a worker listen elsewhere, or refuse to be asked. PHP_FCGI_CHILDREN makes php-cgi
// start children of its own: then nobody knows which of them has a request.
func (p *Pool) cleanEnv() {
	p.spec.Process.Env = slices.Clone(p.spec.Process.Env)
	for _, name := range []string{"FCGI_WEB_SERVER_ADDRS", "PHP_FCGI_CHILDREN"} {
		without := slices.DeleteFunc(p.spec.Process.Env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
		if len(without) < len(p.spec.Process.Env) {
			p.tell(Event{Kind: Odd, Text: name + " is not passed on to workers", Hint: "the number of workers is set by `workers`, and who may connect by permissions"})
		}
		p.spec.Process.Env = without
	}
}

// Program is that of the Spec.
func (p *Pool) Program() string { return p.spec.Program() }

// spare has workers believed to be ready, from now on, if w was one that did not survive the question: there are
// libraries that take a connection without a request, or a question that they do not know, for the end of the world. A
// request then waits in the socket until the worker takes it.
func (p *Pool) spare(w *worker) bool {
	if !w.diedOfQuestion() {
		return false
	}
	if !p.unasked.Swap(true) {
		w.slot.tell(Recycled, w, "it did not survive the question whether it is ready; workers of this program are not asked any more", "")
	}
	return true
}

func (p *Pool) tell(e Event) {
	if p.opt.Event != nil {
		e.Program = p.Program()
		p.opt.Event(e)
	}
}

// AwaitReady waits until every worker is ready. If one fails before that the error is a *gateway.Error that says why;
// if ctx ends, its cause.
func (p *Pool) AwaitReady(ctx context.Context) error {
	return p.until(ctx, p.readiness)
}

// until waits until done is true or fails; it is called with mu held, now and after each change. If ctx ends before, the
// error is its cause.
func (p *Pool) until(ctx context.Context, done func() (bool, error)) error {
	for {
		p.mu.Lock()
		is, err := done()
		change := p.nextChange()
		p.mu.Unlock()
		if is || err != nil {
			return err
		}
		select {
		case <-change:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *Pool) readiness() (bool, error) {
	if p.closing {
		return false, p.closed()
	}
	all := true
	for _, s := range p.slots {
		if s.failure != nil {
			return false, p.unavailable(s)
		}
		all = all && s.state == ready
	}
	return all, nil
}

// nextChange is closed when something has changed that somebody may be waiting for. The caller holds mu.
func (p *Pool) nextChange() <-chan struct{} {
	c := make(chan struct{})
	p.watchers = append(p.watchers, c)
	return c
}

// Close lends nothing any more, waits for what is lent until ctx ends, stops the workers and returns when everything is
// gone. It may be called again.
func (p *Pool) Close(ctx context.Context) {
	p.mu.Lock()
	p.closing = true
	p.refuseAll(p.closed())
	p.settle() // for a restart, which is over
	p.mu.Unlock()
	p.until(ctx, func() (bool, error) { return p.leased == 0, nil })
	p.mu.Lock()
	p.end(errNotNeeded) // with the lock held: see probe
	p.mu.Unlock()
	p.kept.Wait()
	for _, s := range p.slots {
		if s.peer != nil {
			s.peer.Close()
		}
	}
	p.folder.remove()
}

func (p *Pool) closed() *gateway.Error {
	return &gateway.Error{Status: http.StatusServiceUnavailable, Op: "worker: lend one of " + p.Program(), Err: errors.New("they are being stopped"), RetryAfter: time.Second}
}

// noneFree is the error of a request that has waited as long as it may.
func (p *Pool) noneFree(limit time.Duration) *gateway.Error {
	return &gateway.Error{
		Status: http.StatusServiceUnavailable, Op: "worker: lend one of " + p.Program(), Err: fmt.Errorf("none became free within %s", limit),
		Hint:       "gatewayd status shows what they do: those that are busy may still work for clients that have left, which `timeout` bounds",
		RetryAfter: time.Second, Overload: true,
	}
}

// unavailable is the error of a request that no worker can take, because of what has happened in s.
func (p *Pool) unavailable(s *slot) *gateway.Error {
	return &gateway.Error{
		Status:     http.StatusServiceUnavailable,
		Op:         fmt.Sprintf("worker: start worker %d of %s", s.number+1, p.Program()),
		Err:        s.failure.err,
		Hint:       s.failure.hint,
		Public:     "The application behind this address does not run. Try again in a moment.",
		RetryAfter: max(time.Until(s.next), time.Second),
		Alike:      true,
	}
}

var _ upstream.Upstream = (*Pool)(nil)
