package worker

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"gatewayd/gateway/upstream"
)

// state is what goes on in a slot.
type state string

const (
	starting state = "starting"
	ready    state = "ready"
	resting  state = "backing off" // between a failure and the next start
	stopping state = "stopping"
)

// slot is a place for one worker at a time, and its socket.
type slot struct {
	pool   *Pool
	number int
	name   string // of its socket
	ration ration
	life   context.Context // ends when its worker is to end, at the latest with the pool's
	end    context.CancelCauseFunc
	gone   chan struct{} // closed when keep has returned

	// What only keep touches.
	socket   *os.File // nil while nobody can connect
	failures int      // workers in a row that have not proved themselves
	begun    time.Time
	untried  bool // nobody knows whether what is started here gets as far as taking a connection

	// What the pool's mu guards.
	state   state
	since   time.Time
	peer    *upstream.Peer // with the first socket; another if that is elsewhere
	worker  *worker        // nil while there is none that is ready
	busy    int            // places that are taken
	used    uint64         // the lease that it had last, as Pool.lent counts
	failure *failure       // why no worker can be expected soon; nil if one can
	next    time.Time
	pid     int
	early   bool // a request has ended well since the worker was started that is not ready yet: it had waited in the socket
	served  uint64
	starts  uint64
	leaving bool // it has a successor: its worker is the last one
	trial   bool // it is to be one: if it fails its pool does not
}

// failure is why there is no worker.
type failure struct {
	err  error
	hint string
}

// newSlot makes a slot and has a worker in it from now on. The caller holds mu, or nobody knows the pool yet.
func newSlot(p *Pool, number int, trial bool) *slot {
	p.made++
	s := &slot{pool: p, number: number, name: strconv.FormatUint(p.made, 10), state: starting, since: time.Now(), trial: trial, untried: trial, gone: make(chan struct{})}
	s.life, s.end = context.WithCancelCause(p.life)
	if p.opt.Output != nil {
		s.ration.log = func(line string) { p.opt.Output(p.Program(), number+1, line) }
	}
	p.kept.Go(s.keep)
	return s
}

// keep has a worker in the slot until the slot's life ends.
func (s *slot) keep() {
	defer close(s.gone)
	defer s.end(errNotNeeded)
	for s.life.Err() == nil && !s.isLeaving() {
		s.rest(s.oneWorker())
	}
	s.closeSocket()
}

// isLeaving says whether nobody needs another worker in the slot. A request may still wait in its socket.
func (s *slot) isLeaving() bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return s.leaving && s.busy == 0
}

// oneWorker is a worker's life. It returns when the worker is gone, with the time until the next may be started.
func (s *slot) oneWorker() time.Duration {
	s.enter(starting)
	s.begun = time.Now()
	w, f := s.start()
	if f == nil {
		f = w.awaitReady()
	}
	if s.life.Err() != nil {
		w.stop()
		return 0
	}
	if f != nil && s.pool.spare(w) {
		s.untried = false
		return 0
	}
	if f != nil && s.provedEarly(w) {
		s.failures = 0
		s.report(w, false)
		return 0
	}
	if f != nil {
		s.failures++
		return s.giveUp(w, f, pause(s.failures, time.Since(s.begun)))
	}
	s.lendTo(w)
	w.awaitEnd()
	return s.after(w)
}

func (s *slot) enter(st state) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	s.state, s.since, s.early = st, time.Now(), false
	s.pool.settle()
}

// lendTo opens the slot to requests.
func (s *slot) lendTo(w *worker) {
	s.pool.mu.Lock()
	recovered := s.failure != nil
	s.peer.Keep(true)
	s.ration.hush(false)
	s.worker, s.failure = w, nil
	w.served = s.early
	s.state, s.since = ready, time.Now()
	s.pool.settle()
	s.pool.mu.Unlock()
	w.readyAt = time.Now()
	kind := Ready
	if recovered {
		kind = Recovered
	}
	s.tell(kind, w, fmt.Sprintf("it is ready, %s after its start", w.readyAt.Sub(s.begun).Round(time.Millisecond)), "")
}

// provedEarly says whether a worker that has ended before it was known to be ready had served a request all the same.
func (s *slot) provedEarly(w *worker) bool {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	return w != nil && w.unfit == nil && s.early
}

// after is for when a worker that was ready is gone.
func (s *slot) after(w *worker) time.Duration {
	s.peer.Keep(false) // a connection that the next worker serves before it is ready would keep it from answering
	s.pool.mu.Lock()
	s.worker, s.pid = nil, 0
	s.state, s.since = starting, time.Now()
	served, lent, unfit := w.served, w.lent, w.unfit
	s.pool.mu.Unlock()
	if unfit != nil {
		s.closeSocket() // it may be the socket that was no good
	}
	if s.life.Err() != nil {
		return 0
	}
	if s.pool.spare(w) {
		return 0
	}
	end, _ := w.proc.State()
	recycled := end.Success() && unfit == nil
	if served || lent && recycled || time.Since(w.readyAt) >= proof {
		s.failures = 0
		s.report(w, recycled)
		return 0
	}
	s.failures++
	wait := pause(s.failures-forgiven, time.Since(s.begun))
	if wait > spacing {
		return s.giveUp(w, w.died(), wait)
	}
	s.report(w, recycled)
	return wait
}

// report tells how a worker ended whose place is taken by another at once.
func (s *slot) report(w *worker, recycled bool) {
	f := w.died()
	switch {
	case recycled:
		s.tell(Recycled, w, f.err.Error(), "")
	case w.unfit != nil:
		s.tell(Replaced, w, f.err.Error(), f.hint)
	default:
		s.tell(Died, w, f.err.Error(), f.hint)
	}
}

// giveUp closes the slot for a while: whoever waits in the socket's backlog is told so by the kernel. Why is told once;
// until there is a worker again, what those print that are tried is heard only as last words, if they are others. Where
// others in the pool have failed of the same nothing new is told.
func (s *slot) giveUp(w *worker, f *failure, wait time.Duration) time.Duration {
	s.closeSocket()
	s.pool.mu.Lock()
	known := s.trial || s.hasFailed(f) || slices.ContainsFunc(s.pool.slots, func(other *slot) bool { return other.hasFailed(f) })
	s.ration.hush(true)
	s.pid = 0
	s.failure, s.next = f, time.Now().Add(wait)
	s.pool.mu.Unlock()
	if !known {
		s.tell(GaveUp, w, f.err.Error(), f.hint)
	}
	return wait
}

// hasFailed says whether f is why there is no worker.
func (s *slot) hasFailed(f *failure) bool {
	return s.failure != nil && s.failure.err.Error() == f.err.Error()
}

func (s *slot) tell(kind Kind, w *worker, text, hint string) {
	e := Event{Kind: kind, Worker: s.number + 1, Text: text, Hint: hint}
	if w != nil {
		e.PID = w.proc.Pid()
	}
	s.pool.tell(e)
}

// rest waits until the next worker may be started.
func (s *slot) rest(wait time.Duration) {
	if wait <= 0 {
		return
	}
	s.enter(resting)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.life.Done():
	}
}

// openSocket makes the socket, if the slot has none that somebody can connect to.
func (s *slot) openSocket() error {
	if s.socket != nil {
		return nil
	}
	path, err := s.pool.folder.socket(s.name)
	if err != nil {
		return err
	}
	if s.socket, err = listen(path); err != nil {
		return err
	}
	s.setAddress(upstream.Address{Network: "unix", Address: path})
	return nil
}

func (s *slot) setAddress(a upstream.Address) {
	s.pool.mu.Lock()
	defer s.pool.mu.Unlock()
	if s.peer == nil || s.peer.Address != a {
		s.peer = upstream.NewPeer(fmt.Sprintf("worker %d of %s", s.number+1, s.pool.Program()), a, s.pool.spec.Keep)
	}
}

func (s *slot) closeSocket() {
	if s.socket != nil {
		os.Remove(s.socket.Name())
		s.socket.Close()
		s.socket = nil
	}
}
