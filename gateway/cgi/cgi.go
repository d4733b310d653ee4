package cgi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/admission"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/process"
)

// Options is what a Backend is made of. The zero value runs the resolved script itself, in its own directory, with the
// defaults named below.
type Options struct {
	// Command is the program and its arguments, its first word an absolute path; empty: the resolved script is the
	// program.
	Command []string
	// Interpreters are commands, by the extension (".py") of the file that they run; the file's path is appended.
	Interpreters map[string][]string
	Dir          string // working directory, absolute; "" is the directory of the resolved script
	Env          cgispec.Env
	MaxHeader    int64         // bytes of the answer's head; 0 is 64 KiB
	StopTimeout  time.Duration // between SIGTERM and SIGKILL; 0 is 2 s
	// Timeout bounds a program that works on after its answer has ended; 0 is none. While the answer lasts, the
	// request's context does.
	Timeout time.Duration

	User     *process.User // who runs it; nil is who runs this process
	Limits   []process.Limit
	Umask    *int // nil is inherited
	Priority int  // nice value; 0 is inherited

	Gate     *admission.Gate  // how many may run at once; nil: any number
	Launcher process.Launcher // nil is process.Exec
}

// Backend is the gateway.Backend that runs a process for each request. Safe for concurrent use.
type Backend struct {
	opt     Options
	reading sync.WaitGroup // standard errors that have not been read to their end
	size    process.Size
	null    *os.File // the standard input of programs that get no body; set once, see openNull

	mu     sync.Mutex
	runs   map[*run]struct{} // processes that have not been reaped
	fresh  []*run            // those that may not be watched yet, the oldest first
	sweeps bool              // a goroutine looks after them
	closed bool
}

// New returns a Backend. The caller ends it with Close or Wait.
func New(opt Options) *Backend {
	if opt.MaxHeader == 0 {
		opt.MaxHeader = 64 << 10
	}
	if opt.StopTimeout == 0 {
		opt.StopTimeout = 2 * time.Second
	}
	if opt.Launcher == nil {
		opt.Launcher = process.Exec{}
	}
	if opt.Gate == nil {
		opt.Gate = admission.New(admission.Limits{})
	}
	return &Backend{opt: opt, runs: make(map[*run]struct{})}
}

// RoundTrip implements gateway.Backend. The request body is read until it ends, the program stops reading, or the
// answer's Body is closed. A program that outlives its answer stays the Backend's, and keeps its place in the Gate, until
// it ends.
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
	r, err := b.start(ctx, req)
	if err != nil {
		return nil, err
	}
	req.Timing.Started = r.started
	resp, err := cgispec.ReadResponse(r.out, cgispec.ResponseOptions{
		MaxHeader: b.opt.MaxHeader,
		Early: func(status int, h http.Header) {
			if status == http.StatusEarlyHints && req.EarlyHints != nil {
				req.EarlyHints(h)
			}
		},
	})
	if err != nil {
		return nil, r.failed(err)
	}
	req.Timing.FirstByte = time.Now()
	resp.Body = &body{run: r}
	if resp.ContentLength < 0 && req.Method != http.MethodHead && r.answersBriefly() {
		resp.ContentLength = int64(r.out.Buffered())
	}
	return resp, nil
}

// Check looks for what would keep the program of req from being started, without starting it; nil if nothing is seen.
func (b *Backend) Check(req *gateway.Request) error {
	spec := b.spec(&req.Script)
	d, ok := process.Check(spec)
	if !ok {
		return nil
	}
	return startFailure(spec, d, errors.New(d.Cause))
}

// spec is what to start for a script, but for what each request brings.
func (b *Backend) spec(s *cgispec.Script) process.Spec {
	spec := process.Spec{Dir: b.dir(s), User: b.opt.User, Limits: b.opt.Limits, Umask: b.opt.Umask, Priority: b.opt.Priority}
	spec.Path, spec.Args = b.command(s)
	return spec
}

// command is what to execute for a script.
func (b *Backend) command(s *cgispec.Script) (path string, args []string) {
	args = b.opt.Command
	if len(args) == 0 {
		args = []string{s.Filename}
	}
	if with := b.interpreter(args[0]); with != nil {
		args = append(with[:len(with):len(with)], args...)
	}
	return args[0], args
}

// interpreter is the command for the longest extension that file has, nil if it has none of them.
func (b *Backend) interpreter(file string) (command []string) {
	longest := 0
	for ext, with := range b.opt.Interpreters {
		if len(ext) > longest && strings.HasSuffix(file, ext) {
			longest, command = len(ext), with
		}
	}
	return command
}

func (b *Backend) dir(s *cgispec.Script) string {
	if b.opt.Dir != "" {
		return b.opt.Dir
	}
	return filepath.Dir(s.Filename)
}

// add makes r one of those that Close and Wait know; it is false when the Backend is closed.
func (b *Backend) add(r *run) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.runs[r] = struct{}{}
	return true
}

func (b *Backend) remove(r *run) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.runs, r)
}

func (b *Backend) running() []*run {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := make([]*run, 0, len(b.runs))
	for r := range b.runs {
		all = append(all, r)
	}
	return all
}

// Running is how many processes there are that have not ended.
func (b *Backend) Running() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.runs)
}

// Wait waits until every process has ended. If ctx ends before, it kills those that are left, waits for them, and
// returns ctx's error. Requests may go on to arrive.
func (b *Backend) Wait(ctx context.Context) error {
	for _, r := range b.running() {
		select {
		case <-r.gone:
			continue
		case <-ctx.Done():
		}
		for _, r := range b.running() {
			r.stop(0)
		}
		return errors.Join(ctx.Err(), b.awaitEnd(deathTime))
	}
	return nil
}

// Close refuses new requests, stops every process that still runs (SIGTERM, StopTimeout, SIGKILL) and returns when all
// have ended and their last words are logged, for which children that they left behind get lingerTime; with an error if
// the system does not let one end.
func (b *Backend) Close() error {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	for _, r := range b.running() {
		r.stop(b.opt.StopTimeout)
	}
	if err := b.awaitEnd(b.opt.StopTimeout + deathTime); err != nil {
		return err
	}
	b.reading.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.null != nil {
		b.null.Close()
	}
	return nil
}

// openNull is /dev/null, opened once.
func (b *Backend) openNull() (_ *os.File, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.null == nil {
		b.null, err = os.Open(os.DevNull)
	}
	return b.null, err
}

// deathTime is how long a process may take to be gone after SIGKILL: one that waits for a device takes its time.
const deathTime = 5 * time.Second

// awaitEnd waits for processes that have been told to end.
func (b *Backend) awaitEnd(limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for _, r := range b.running() {
		select {
		case <-r.gone:
		case <-timer.C:
			return fmt.Errorf("cgi: %d programs have not ended %s after they were told to", b.Running(), limit)
		}
	}
	return nil
}
