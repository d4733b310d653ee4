// Package server is what runs now: listeners, the current Generation, and the way from one to the next. A configuration
// is data; build.go makes a Generation of it; one atomic store makes that the current one.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/htpasswd"
	"gatewayd/gateway/http1server"
	"gatewayd/gateway/worker"
)

// Options is what a Server is made of.
type Options struct {
	// Load reads the configuration; it is called by Start and by each Reload.
	Load func() (*config.Config, config.Problems)
	// Announce gets one line for each listener that begins to accept.
	Announce io.Writer
	// Version is told to programs in SERVER_SOFTWARE.
	Version string
	// Reloading is told of each Reload that begins, however it ends, and what it returns when it is over; nil tells nobody.
	Reloading func() (over func())
	// Applied is told of each configuration that has become the current one, before new listeners are announced; nil tells
	// nobody.
	Applied func(*config.Config)
	// Inherited are listening sockets that this process was started with; the Server closes what it does not use.
	Inherited []Inherited
	// Rescue may have another configuration for a Start whose own has problems. It returns nil, with the problems, if it
	// has none; a nil Rescue never has.
	Rescue func(config.Problems) (*config.Config, config.Problems)
	// Await has Start wait for workers, and fail if they do not become ready, as Reload does.
	Await bool
	// Guard says that programs are to end should this process be killed. main must then begin with process.GuardMain.
	Guard bool
}

// Server serves one configuration after another. Start it once, Reload it as often as needed, Shutdown once.
type Server struct {
	opt       Options
	asked     asked // for changes
	current   atomic.Pointer[Generation]
	front     *frontend
	launcher  launcher
	verifying *htpasswd.Gate // shared by all password files: the processors are the same
	sinks     *sinks
	pools     *worker.Registry // of the workers that it keeps
	remote    *remote          // of the applications that others do

	loading    atomic.Bool  // the configuration is being read
	acceptTold atomic.Int64 // when a failed accept was last logged

	changing sync.Mutex // one change at a time, which may wait for workers; taken before mu, without which it guards what changes alone write

	mu        sync.Mutex // guards what follows
	listeners map[string]*listener
	retired   map[*Generation]bool // replaced, but still held by requests
	draining  map[*route]drain     // no longer there, but for requests
	reloads   Reloads
	closed    bool
	succeeded bool // another process has the listeners

	ending context.Context // ends when Shutdown begins
	end    context.CancelCauseFunc

	leaving  sync.WaitGroup  // routes and their programs on their way out
	leaveCtx context.Context // ends when they may wait no longer
	leaveNow context.CancelFunc
}

// Reloads counts what became of the configurations that were tried.
type Reloads struct {
	Applied  int       `json:"applied"`
	Refused  int       `json:"refused"`
	LastTime time.Time `json:"last_time,omitzero"` // of the last one that was tried; not there before the first
	// LastProblems are those of the last configuration if it was refused.
	LastProblems []string `json:"last_problems,omitempty"`
	// LastGood is when the configuration was kept that runs because that of the file could not be used at the start.
	LastGood time.Time `json:"last_good,omitzero"`
}

// New returns a Server that serves nothing yet.
func New(opt Options) *Server {
	s := &Server{opt: opt, verifying: htpasswd.NewGate(), sinks: newSinks(), listeners: map[string]*listener{}, retired: map[*Generation]bool{}, draining: map[*route]drain{}}
	s.ending, s.end = context.WithCancelCause(context.Background())
	s.leaveCtx, s.leaveNow = context.WithCancel(context.Background())
	s.front = newFrontend(s, s.Log)
	s.remote, s.pools = newRemote(), worker.NewRegistry(s.workerOptions())
	return s
}

// Start loads the configuration, listens and serves. It returns once every listener accepts. Problems are returned
// whole, as config.Problems, warnings alone too when err is nil.
func (s *Server) Start() (config.Problems, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	conf, problems := s.opt.Load()
	if conf == nil && s.opt.Rescue != nil {
		conf, problems = s.opt.Rescue(problems)
	}
	if problems.Failed() {
		return problems, problems
	}
	if _, err := s.apply(conf); err != nil {
		return problems, err
	}
	s.closeInherited()
	return problems, nil
}

// StartedFromLastGood says that Start was given a configuration that was kept at some time, because the file has problems.
// Status shows it until a configuration of the file is applied.
func (s *Server) StartedFromLastGood(kept time.Time, problems config.Problems) {
	logProblems(s.Log(), problems)
	s.Log().Error().Time("kept", kept).Msg("THE CONFIG FILE CANNOT BE USED: serving the last good config; mend the file, and it is applied at once")
	s.reloaded(Reloads{Refused: 1, LastProblems: problems.Lines(), LastGood: kept})
}

// reloaded adds what became of one configuration.
func (s *Server) reloaded(r Reloads) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reloads.Applied += r.Applied
	s.reloads.Refused += r.Refused
	s.reloads.LastTime, s.reloads.LastProblems = time.Now(), r.LastProblems
	if !r.LastGood.IsZero() || r.Refused == 0 {
		s.reloads.LastGood = r.LastGood
	}
}

func (s *Server) refused(err error) error {
	become := Reloads{Refused: 1}
	defer func() { s.reloaded(become) }()
	log := s.Log()
	event := log.Error().Uint64("generation", s.current.Load().Number)
	var problems config.Problems
	if errors.As(err, &problems) {
		logProblems(log, problems)
		become.LastProblems = problems.Lines()
		event.Int("problems", len(problems))
	} else {
		become.LastProblems = []string{err.Error()}
		event.Err(err)
	}
	event.Msg("the configuration was not reloaded; the one before goes on serving")
	return err
}

func logProblems(log *zerolog.Logger, problems config.Problems) {
	for _, p := range problems {
		level := zerolog.ErrorLevel
		if p.Severity == config.Warning {
			level = zerolog.WarnLevel
		}
		log.WithLevel(level).Str("problem", p.String()).Msg("configuration")
	}
}

// apply builds the next Generation beside the current one and commits it. Until the commit everything can be undone;
// after it nothing can fail.
func (s *Server) apply(conf *config.Config) (*Plan, error) {
	previous := s.current.Load()
	next, err := s.build(conf, previous)
	if err != nil {
		return nil, err
	}
	plan := s.plan(previous, next)
	added, err := s.bindNew(conf.Listen)
	if err != nil {
		next.discard(previous)
		return nil, err
	}
	err = s.startWorkers(next, previous != nil || s.opt.Await)
	var all []*listener
	if err == nil {
		all, err = s.bindBeside(conf.Listen, added)
	}
	if err != nil {
		closeAll(added)
		next.discard(previous)
		return nil, err
	}
	s.commit(previous, next, all)
	if s.opt.Applied != nil {
		s.opt.Applied(conf)
	}
	for _, l := range all {
		fmt.Fprintf(s.opt.Announce, "listening on %s\n", l.name())
	}
	return plan, nil
}

func (s *Server) commit(previous, next *Generation, added []*listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next.setLimits()
	s.current.Store(next)
	s.front.setBounds(next.Config.HTTP)
	for _, l := range added {
		s.listeners[l.key] = l
		go l.run()
	}
	s.closeRemoved(next.Config.Listen)
	if previous == nil {
		return
	}
	for _, r := range previous.fresh(next) {
		s.retire(r, previous.Number, next.Config.DrainTimeout)
	}
	s.retired[previous] = true
	go previous.release() // closing it takes the lock that we hold
}

// acceptQuiet is how long a shortage is mentioned but once.
const acceptQuiet = 10 * time.Second

func (s *Server) acceptFailed(err error) {
	now := time.Now().UnixNano()
	last := s.acceptTold.Load()
	if now-last < int64(acceptQuiet) || !s.acceptTold.CompareAndSwap(last, now) {
		return
	}
	s.Log().Error().Err(err).Str("hint", "raise the limit on open files (ulimit -n, LimitNOFILE)").Msg("cannot accept connections; trying again")
}

// Log is the current configuration's log.
func (s *Server) Log() *zerolog.Logger {
	if g := s.current.Load(); g != nil {
		return &g.logs.log
	}
	nop := zerolog.Nop()
	return &nop
}

// ReopenLogs opens the log files again by their names. What was logged before goes to the old files, what is logged
// after it to the new ones.
func (s *Server) ReopenLogs() error { return s.sinks.reopen() }

// LogLinesLost is how many lines of the logs could not be written since the server began.
func (s *Server) LogLinesLost() uint64 { return s.sinks.lost.Load() }

// acquire takes hold of the current Generation.
func (s *Server) acquire() *Generation {
	for {
		if g := s.current.Load(); g.hold() {
			return g
		}
	}
}

// ServeHTTP begins a request: it belongs to the Generation that is current now, until it is answered.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g := s.acquire()
	defer g.release()
	defer resetUnframed(w, r)
	req := gateway.FromContext(r.Context())
	req.Request, req.Generation, req.Timing.Begun = r, g.Number, time.Now()
	g.proxies.Identify(w, r, req)
	req.Table = g.table
	req.StderrOf = func(route, script string) func(string) { return stderrOf(s.Log, req.ID, route, script) }
	conn := http1server.FromContext(r.Context())
	if r.Body != http.NoBody {
		req.Left = conn.Left
	}
	if err := conn.Refusal(); err != nil {
		req.Refused = headError(err, &g.Config.HTTP)
	} else if r.TransferEncoding != nil {
		r.Body = &framedBody{r.Body}
	}
	w.Header()["Server"] = serverName
	g.handler.ServeHTTP(w, r)
}

// serverName is the Server field of every answer.
var serverName = []string{"gatewayd"}

// Shutdown stops accepting, answers what has begun and waits for the programs. When ctx ends first, what is left is
// broken off and the programs are stopped for certain. The logs come last: they get a second to be written.
func (s *Server) Shutdown(ctx context.Context) error {
	s.end(errEnding) // of a change that waits for workers
	if !s.closeListeners() {
		return nil
	}
	defer s.sinks.close()
	last := s.current.Load()
	defer last.logs.hold().release() // of programs that work on
	defer context.AfterFunc(ctx, s.leaveNow)()
	err := s.front.shutdown(ctx, s.patience())
	s.retireAll(last)
	last.release()
	for _, g := range s.generations() {
		err = errors.Join(err, g.waitClosed(ctx))
	}
	s.leaving.Wait()
	s.pools.Close(ctx)
	s.launcher.close()
	return errors.Join(err, ctx.Err())
}

// closeListeners is false if there is nothing to shut down any more.
func (s *Server) closeListeners() bool {
	s.changing.Lock()
	defer s.changing.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.current.Load() == nil {
		return false
	}
	s.closed = true
	for k, l := range s.listeners {
		l.close()
		delete(s.listeners, k)
	}
	return true
}

// generations are all that are not closed.
func (s *Server) generations() []*Generation {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := []*Generation{s.current.Load()}
	for g := range s.retired {
		all = append(all, g)
	}
	return all
}

// DrainTimeout is how long the current configuration lets requests finish at the end; 0 is for ever.
func (s *Server) DrainTimeout() time.Duration { return s.current.Load().Config.DrainTimeout }

// StartTimeout is how long the current configuration lets workers take to become ready.
func (s *Server) StartTimeout() time.Duration { return s.current.Load().Config.StartTimeout }

// AdminConfig is the current configuration's.
func (s *Server) AdminConfig() config.Admin { return s.current.Load().Config.Admin }

// RunsProgramsAsItself says whether any route of the current configuration runs programs as the user of this process.
func (s *Server) RunsProgramsAsItself() bool {
	for _, r := range s.current.Load().routes {
		if r.runsPrograms() && r.conf.Options.User == nil {
			return true
		}
	}
	return false
}

// Addresses are those on which the server accepts, as they were announced.
func (s *Server) Addresses() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		names = append(names, l.name())
	}
	slices.Sort(names)
	return names
}
