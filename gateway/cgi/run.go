package cgi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/process"
)

const (
	// lingerTime is how long output is still read after the program has ended, from children that it left behind.
	lingerTime = 2 * time.Second
	// exitTime is how long the end of a program may take after it has closed its output.
	exitTime = 2 * time.Second
	// exitNoteTime is how long the end of a program that was stopped is waited for, so that the log can tell of it.
	exitNoteTime = 50 * time.Millisecond
	// lastWordsTime is how long a failed request waits for the rest of standard error.
	lastWordsTime = 100 * time.Millisecond
)

// run is one program at work on one request.
type run struct {
	backend *Backend
	req     *gateway.Request // only to write down what became of it
	script  string           // for the log
	spec    process.Spec     // likewise
	ctx     context.Context
	touch   func() // tells the idle clock that bytes moved
	started time.Time
	gone    chan struct{} // closed when the process has been reaped, or was never there
	unwatch func() bool   // ends the interest in ctx

	stdout *os.File
	stdin  *os.File // nil if there is nothing left to write
	stderr *stderrLog
	out    *bufio.Reader // over an outputReader

	mu        sync.Mutex
	proc      *process.Process // nil until it has been started
	stopGrace time.Duration    // what stop asked for before there was a process
	stopEarly bool
	peeking   bool        // see answersBriefly
	owed      time.Time   // the deadlines that exited has left to it
	cut       bool        // nobody wants the rest of the answer: see interrupt
	answered  bool        // the answer was whole
	bodyErr   error       // the request body could not be read to its end
	limit     *time.Timer // see leave

	atEOF atomic.Bool // the program's output has ended

	// What only the goroutine that reads the answer touches.
	brief     bool // all of the answer is in out, and it is whole
	lingering bool // the program has ended and lingerTime is over: only what is in the pipe counts
	inPipe    int  // bytes of it, once lingering
}

var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

// start starts the program for req.
func (b *Backend) start(ctx context.Context, req *gateway.Request) (_ *run, err error) {
	r := &run{backend: b, req: req, script: req.Script.Filename, ctx: ctx, gone: make(chan struct{})}
	if r.touch = req.Touch; r.touch == nil { // the field itself may be another request's later
		r.touch = func() {}
	}
	if !b.add(r) {
		b.opt.Gate.Leave()
		return nil, &gateway.Error{Status: http.StatusServiceUnavailable, Op: "cgi: run " + r.script, Err: errors.New("this route is being shut down")}
	}
	var theirs [3]*os.File
	began := false
	defer func() {
		for _, f := range theirs {
			if f != nil {
				f.Close()
			}
		}
		if !began { // also when something panics
			r.abandon()
		}
	}()
	spec := b.spec(&req.Script)
	spec.OnExit, spec.Env, spec.Unwatched = r.exited, environ(req, &b.opt.Env), true
	rest, err := r.openPipes(req, &theirs)
	if err != nil {
		return nil, startError(spec, err, req)
	}
	spec.Stdin, spec.Stdout, spec.Stderr = theirs[0], theirs[1], theirs[2]
	if spec.Stdin == nil {
		if spec.Stdin, err = b.openNull(); err != nil {
			return nil, startError(spec, err, req)
		}
	}
	proc, err := b.opt.Launcher.Start(spec)
	if err != nil {
		return nil, startError(spec, err, req)
	}
	spec.Env = nil // not needed for what may be said of it later
	r.spec, began = spec, true
	r.began(proc, rest)
	return r, nil
}

// openPipes makes the three descriptors of the program; rest is what of the request body is still to be written to
// stdin.
func (r *run) openPipes(req *gateway.Request, theirs *[3]*os.File) (rest io.Reader, err error) {
	if r.stdout, theirs[1], err = process.OutputPipe("stdout"); err != nil {
		return nil, err
	}
	errs, child, err := process.QuietPipe("stderr")
	if err != nil {
		return nil, err
	}
	theirs[2] = child
	r.stderr = newStderrLog(errs, req.Stderr, r.touch)
	theirs[0], r.stdin, rest, err = openBody(req.Body)
	return rest, err
}

// began takes charge of the process that was started.
func (r *run) began(proc *process.Process, rest io.Reader) {
	r.started = time.Now()
	r.touch()
	r.out = readers.Get().(*bufio.Reader)
	r.out.Reset(outputReader{r})
	r.mu.Lock()
	r.proc = proc
	if r.stopEarly {
		proc.Stop(r.stopGrace)
		r.watch()
	}
	r.mu.Unlock()
	r.backend.watchLater(r)
	if rest != nil {
		go r.feed(rest)
	}
	r.unwatch = context.AfterFunc(r.ctx, r.cancel)
}

// abandon lets go of a run that has no process.
func (r *run) abandon() {
	for _, f := range []*os.File{r.stdout, r.stdin} {
		if f != nil {
			f.Close()
		}
	}
	if r.stderr != nil {
		r.stderr.abandon()
	}
	r.backend.remove(r)
	r.backend.opt.Gate.Leave()
	close(r.gone)
}

// exited is called once, when the process has ended. What it left open is not waited for longer than lingerTime.
func (r *run) exited(process.State) {
	until := time.Now().Add(lingerTime)
	r.stderr.finish(until, r.backend.reading.Go)
	r.mu.Lock()
	switch {
	case r.cut:
	case r.peeking:
		r.owed = until
	default:
		r.setDeadlines(until)
	}
	if r.limit != nil {
		r.limit.Stop()
	}
	close(r.gone)
	r.mu.Unlock()
	r.backend.remove(r)
	r.backend.opt.Gate.Leave()
}

// cancel is called when the request's context has ended.
func (r *run) cancel() {
	r.interrupt()
	r.stop(r.backend.opt.StopTimeout)
}

// interrupt makes reads of the answer and writes of the body return, now and from now on.
func (r *run) interrupt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = true
	r.setDeadlines(time.Unix(1, 0))
}

func (r *run) setDeadlines(t time.Time) {
	if !r.atEOF.Load() {
		r.stdout.SetReadDeadline(t)
	}
	if r.stdin != nil {
		r.stdin.SetWriteDeadline(t)
	}
}

func (r *run) hasAnswered() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answered
}

func (r *run) interrupted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cut
}

// stop ends the process group; it does not wait.
func (r *run) stop(grace time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proc == nil {
		r.stopEarly, r.stopGrace = true, grace
		return
	}
	r.proc.Stop(grace)
	r.watch()
}

// watch has the end of the program and its standard error noticed as they come, from now on.
func (r *run) watch() {
	r.stderr.begin(r.backend.reading.Go)
	r.proc.Watch()
}

// outcome is how the program ended; ok is false if it goes on though its output has ended. Descriptors are closed a
// moment before a process can be waited for, so a process that is on its way out is waited for.
func (r *run) outcome() (s process.State, ok bool) {
	if s, ok := r.proc.State(); ok || r.proc.Await() {
		if !ok {
			s, ok = r.proc.State()
		}
		return s, ok
	}
	r.watch()
	timer := time.NewTimer(2 * time.Millisecond)
	defer timer.Stop()
	select {
	case <-r.proc.Done():
		return r.proc.State()
	case <-timer.C:
	}
	if !exiting(r.proc.Pid()) {
		return r.proc.State()
	}
	timer.Reset(exitTime)
	select {
	case <-r.proc.Done():
	case <-r.ctx.Done():
	case <-timer.C:
	}
	return r.proc.State()
}

// exiting says whether the kernel is taking the process down: PF_EXITING is set before descriptors are closed.
func exiting(pid int) bool {
	const pfExiting = 0x4
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return true
	}
	flags, ok := statField(stat, 9)
	return ok && flags&pfExiting != 0
}

// noteExit writes down how the program has ended, if it has.
func (r *run) noteExit() {
	s, ok := r.proc.State()
	if !ok {
		return
	}
	r.req.Exit = &gateway.Exit{Code: s.ExitCode(), CPU: s.CPU(), MaxRSS: r.backend.size.Own(s)}
	if sig := s.Signal(); sig != 0 {
		r.req.Exit.Signal = unix.SignalName(sig)
	}
}

// ended is the error of a request whose context has ended: the gateway.Error that ended it, else 504 for a deadline,
// else the client has left.
func ended(ctx context.Context, script string) *gateway.Error {
	cause := context.Cause(ctx)
	var e *gateway.Error
	switch {
	case errors.As(cause, &e):
		return e
	case errors.Is(cause, context.DeadlineExceeded):
		return &gateway.Error{Status: http.StatusGatewayTimeout, Op: "cgi: run " + script, Err: errors.New("the request took longer than it may"), Hint: "raise `timeout` for this route if the program rightly takes that long"}
	}
	return &gateway.Error{Status: gateway.StatusClientClosed, Op: "cgi: run " + script, Err: errors.New("the client left before it was answered")}
}

// outputReader reads the program's standard output.
type outputReader struct{ *run }

// Read ends with io.EOF when the program has closed its output, or when it has ended and lingerTime has passed; with
// the request's error when its context has ended.
func (r outputReader) Read(p []byte) (n int, err error) {
	switch {
	case r.lingering:
		return r.readRest(p)
	case r.atEOF.Load():
		return 0, io.EOF
	}
	n, err = r.stdout.Read(p)
	switch {
	case n > 0:
		r.touch()
		return n, nil
	case err == nil || err == io.EOF:
		r.atEOF.Store(true)
		return 0, io.EOF
	case r.ctx.Err() != nil:
		return 0, ended(r.ctx, r.script)
	case r.interrupted():
		return 0, errClosed
	case errors.Is(err, os.ErrDeadlineExceeded):
		return r.linger(p)
	}
	return 0, err
}

// linger begins the last part of an answer whose program has ended: what is in the pipe now still belongs to it, what
// a child in the background adds later does not.
func (r outputReader) linger(p []byte) (int, error) {
	conn, err := r.stdout.SyscallConn()
	if err != nil {
		return 0, err
	}
	conn.Control(func(fd uintptr) { r.inPipe, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	if err != nil {
		return 0, fmt.Errorf("see what is left in the pipe: %w", err)
	}
	r.lingering = true
	return r.readRest(p)
}

func (r outputReader) readRest(p []byte) (n int, err error) {
	switch {
	case r.ctx.Err() != nil:
		return 0, ended(r.ctx, r.script)
	case r.interrupted():
		return 0, errClosed
	case r.inPipe == 0:
		r.atEOF.Store(true)
		return 0, io.EOF
	}
	conn, err := r.stdout.SyscallConn()
	if err != nil {
		return 0, err
	}
	p = p[:min(len(p), r.inPipe)]
	if cerr := conn.Control(func(fd uintptr) { n, err = unix.Read(int(fd), p) }); cerr != nil {
		return 0, cerr
	}
	if n <= 0 || err != nil {
		r.inPipe = 0
		r.atEOF.Store(true)
		return 0, io.EOF
	}
	r.inPipe -= n
	r.touch()
	return n, nil
}

// environ is the program's environment.
func environ(req *gateway.Request, env *cgispec.Env) []string {
	vars := varLists.Get().(*[]cgispec.Var)
	*vars = req.Vars((*vars)[:0], env)
	size := 0
	for _, v := range *vars {
		size += len(v.Name) + len(v.Value) + 1
	}
	text := make([]byte, 0, size)
	for _, v := range *vars {
		text = append(append(append(text, v.Name...), '='), v.Value...)
	}
	all := string(text)
	list := make([]string, len(*vars))
	for i, v := range *vars {
		n := len(v.Name) + len(v.Value) + 1
		list[i], all = all[:n], all[n:]
	}
	clear(*vars) // the pool must not keep a request's values
	varLists.Put(vars)
	return list
}

var varLists = sync.Pool{New: func() any { s := make([]cgispec.Var, 0, 64); return &s }}
