package worker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/process"
	"gatewayd/gateway/upstream"
)

const (
	// dialPause is how long to wait before connecting is tried again.
	dialPause = 10 * time.Millisecond

	// endingTime is how long a request that has failed waits for the end of its worker, so that the log can tell of it,
	// and lastWordsTime for the rest of what that has printed.
	endingTime    = 100 * time.Millisecond
	lastWordsTime = 50 * time.Millisecond

	// deathTime is how long a worker that has not answered is watched before it is believed to be ready.
	deathTime = 200 * time.Millisecond
)

// worker is a process in a slot.
type worker struct {
	slot    *slot
	address upstream.Address
	proc    *process.Process
	out     *output
	life    context.Context // ends with the process, or with the slot
	readyAt time.Time

	accepted atomic.Bool // a connection for the question whether it is ready

	replaced chan struct{} // closed when it is to be stopped

	// What the pool's mu guards.
	unfit        error // why it is stopped, and another started
	lent, served bool  // it has had a request; one has ended well
}

// start starts a worker.
func (s *slot) start() (*worker, *failure) {
	if err := s.openSocket(); err != nil {
		return nil, &failure{err: err}
	}
	ours, theirs, err := process.OutputPipe("output")
	if err != nil {
		return nil, notStarted(s.pool.spec.Process, err)
	}
	defer theirs.Close()
	life, end := context.WithCancel(s.life)
	spec := s.pool.spec.Process
	spec.Stdin, spec.Stdout, spec.Stderr = s.socket, theirs, theirs
	spec.OneLife, spec.OnExit = true, func(process.State) { end() }
	proc, err := s.pool.opt.Launcher.Start(spec)
	if err != nil {
		end()
		ours.Close()
		return nil, notStarted(spec, err)
	}
	w := &worker{slot: s, address: s.peer.Address, proc: proc, out: newOutput(ours, &s.ration), life: life, replaced: make(chan struct{})}
	s.pool.kept.Go(w.out.read)
	s.pool.mu.Lock()
	s.pid = proc.Pid()
	s.starts++
	s.pool.mu.Unlock()
	return w, nil
}

func notStarted(spec process.Spec, err error) *failure {
	d := process.Explain(spec, err)
	return &failure{errors.New(d.Cause), d.Hint}
}

// awaitReady waits until the worker is ready. One that is not is gone when it returns.
func (w *worker) awaitReady() *failure {
	if w.slot.pool.unasked.Load() && !w.slot.untried {
		return nil
	}
	ctx, cancel := context.WithCancel(w.life)
	defer cancel()
	w.slot.pool.kept.Go(func() { w.limitStart(ctx, cancel) })
	err := w.ask(ctx)
	if err == nil {
		return nil
	}
	hint := ""
	if w.life.Err() == nil {
		err, hint = w.notReady(err, ctx.Err() != nil)
		w.mark(err)
	}
	w.stop()
	f := w.died()
	if f.hint == "" {
		f.hint = hint
	}
	if explain := w.slot.pool.spec.Unready; explain != nil {
		if cause, hint := explain(w.out.lines.LastWords()); cause != "" {
			return &failure{fmt.Errorf("%s: %w", cause, f.err), hint}
		}
	}
	return f
}

// notReady says why a worker that lives is stopped, and what to do about it.
func (w *worker) notReady(err error, late bool) (why error, hint string) {
	if !late {
		return fmt.Errorf("it was stopped because it has answered the question whether it is ready with something else: %w", err), ""
	}
	return fmt.Errorf("it was not ready within %s (%w) and was stopped", w.slot.pool.spec.StartTimeout, err),
		"it must accept connections on the socket that it is given as descriptor 0, its standard input; raise `start_timeout` if it takes longer to begin"
}

// limitStart gives up when the worker's time is over, unless a request waited in the socket for it: then it is busy with
// that, and answers nobody else.
func (w *worker) limitStart(ctx context.Context, giveUp func()) {
	tick := time.NewTicker(w.slot.pool.spec.StartTimeout)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if !w.slot.occupied() {
				giveUp()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (w *worker) mark(unfit error) {
	w.slot.pool.mu.Lock()
	defer w.slot.pool.mu.Unlock()
	w.unfit = unfit
}

var (
	errNotAccepted = errors.New("it has not accepted a connection")
	errNotSurvived = errors.New("it has ended without an answer to the question whether it is ready")
)

// ask makes sure that the worker takes connections and, where it answers the question at all, speaks the protocol. It
// ends with ctx. The question is sent at once: a worker that has accepted a silent connection would wait for it, and
// everyone behind it too.
func (w *worker) ask(ctx context.Context) error {
	if w.slot.pool.spec.Ready == nil {
		return nil
	}
	q, err := w.dial(ctx)
	if err != nil {
		return err
	}
	defer q.Close()
	answered, err := w.converse(ctx, q)
	if answered {
		w.slot.pool.answers.Store(true)
		w.slot.pool.unasked.Store(false) // those before were of another version
	}
	if err != nil || answered {
		return err
	}
	if !q.taken() {
		return errNotAccepted
	}
	w.accepted.Store(true)
	if !sleep(w.life, deathTime) {
		return errNotSurvived
	}
	return nil
}

// converse is Spec.Ready, which may say something to a worker that is not there yet and must be ended.
func (w *worker) converse(ctx context.Context, q *question) (answered bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.slot.pool.kept.Go(func() { q.limit(ctx, cancel) })
	defer context.AfterFunc(ctx, func() { q.SetDeadline(time.Unix(1, 0)) })()
	return w.slot.pool.spec.Ready(ctx, q)
}

// dial connects to the worker. What it fails of may be ours, for want of descriptors, and is tried again; but not where
// nobody listens any more.
func (w *worker) dial(ctx context.Context) (*question, error) {
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, w.address.Network, w.address.Address)
		switch {
		case err == nil:
			return &question{UnixConn: conn.(*net.UnixConn), sent: make(chan struct{})}, nil
		case ctx.Err() != nil || errors.Is(err, unix.ECONNREFUSED) || errors.Is(err, unix.ENOENT):
			return nil, err
		}
		sleep(ctx, dialPause)
	}
}

// diedOfQuestion says whether a worker that is gone took the question whether it is ready, and did not survive it. Where
// others have answered it, it has died of something else.
func (w *worker) diedOfQuestion() bool {
	if w == nil || !w.accepted.Load() || w.slot.pool.answers.Load() {
		return false
	}
	w.slot.pool.mu.Lock()
	defer w.slot.pool.mu.Unlock()
	return w.unfit == nil && !w.lent
}

// replace has the worker stopped and another one started. The caller holds the pool's mu.
func (w *worker) replace(why error) {
	s := w.slot
	if s.worker != w || w.unfit != nil {
		return
	}
	w.unfit = why
	s.state, s.since = stopping, time.Now()
	close(w.replaced)
}

// awaitEnd returns when the worker is gone: by itself, to be replaced, or with the pool.
func (w *worker) awaitEnd() {
	select {
	case <-w.proc.Done():
	case <-w.replaced:
	case <-w.slot.life.Done():
		w.mark(context.Cause(w.slot.life))
		w.slot.enter(stopping)
	}
	w.stop()
}

// stop ends the worker, and returns when it is gone. nil is gone.
func (w *worker) stop() {
	if w == nil {
		return
	}
	w.slot.peer.Keep(false) // a program that reads from a kept connection may not mind SIGTERM
	w.proc.Stop(w.slot.pool.spec.StopTimeout)
	<-w.proc.Done()
	w.out.ended()
}

// died says how the worker, which is gone, has ended.
func (w *worker) died() *failure {
	how, hint := w.end()
	return &failure{errors.New("it " + how), hint}
}

// ending is Lease.Ending.
func (w *worker) ending() (how, hint string) {
	if !within(endingTime, w.proc.Done()) {
		return "", ""
	}
	how, hint = w.end()
	return "the worker " + how, hint
}

// end says how a process that is gone has ended: a predicate, and a hint.
func (w *worker) end() (how, hint string) {
	within(lastWordsTime, w.out.done)
	end, _ := w.proc.State()
	w.slot.pool.mu.Lock()
	unfit := w.unfit
	w.slot.pool.mu.Unlock()
	switch {
	case unfit != nil:
		how = strings.TrimPrefix(unfit.Error(), "it ")
	case end.Signal() != 0:
		how = "was " + end.String()
	default:
		how = "ended with " + end.String()
	}
	if unfit == nil {
		spec := w.slot.pool.spec.Process
		d := process.ExplainEnd(spec, script(spec), end)
		if hint = d.Hint; d.Cause != "" {
			how += ": " + d.Cause
		}
	}
	if words := w.out.lines.LastWords(); words != "" {
		how += fmt.Sprintf("; its last words: %q", words)
	}
	return how, hint
}

// script is the file that a worker runs: its program, or what that is told to run.
func script(s process.Spec) string {
	if _, bad := process.CarriageReturn(s.Path); bad {
		return s.Path
	}
	for i, arg := range s.Args {
		if i > 0 && !strings.HasPrefix(arg, "-") {
			return absolute(s.Dir, arg)
		}
	}
	return s.Path
}

func within(limit time.Duration, done <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// busyFor is why a worker is stopped that did not answer within limit.
func busyFor(err error, limit time.Duration) error {
	if errors.Is(err, errNotAccepted) {
		return fmt.Errorf("it was busy for more than %s with a request that nobody wanted any more", limit)
	}
	return fmt.Errorf("it could not be reached any more: %w", err)
}
