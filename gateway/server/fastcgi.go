package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
	"gatewayd/gateway/fastcgi"
	"gatewayd/gateway/middleware"
	"gatewayd/gateway/process"
	"gatewayd/gateway/program"
	"gatewayd/gateway/script"
	"gatewayd/gateway/upstream"
	"gatewayd/gateway/worker"
	"gatewayd/gateway/wsgi"
)

func (b *builder) fastcgi(r *route) (http.Handler, error) {
	c := r.conf.FastCGI
	opt := fastcgi.Setup(c, &r.conf.Options, b.software)
	r.gate, r.env = b.gate(r), opt.Env
	opt.Gate = r.gate
	if len(c.Connect) > 0 {
		r.remote = b.remote.acquire(c)
		opt.Upstream = r.remote
		r.backend = &leaving{backend: fastcgi.New(opt), after: func() { b.remote.release(r.remote) }}
	} else {
		spec := workerSpec(r.conf, &opt)
		if err := mayBecome(spec.Process.User); err != nil {
			return nil, err
		}
		spec.StartTimeout = b.conf.StartTimeout
		r.workers = &workers{spec: spec, key: spec.Key(), registry: b.pools, wait: waitForWorker(r.conf.Options.Queue, b.conf.StartTimeout)}
		opt.Upstream = r.workers
		r.backend = &leaving{backend: fastcgi.New(opt), workers: r.workers, after: r.workers.release}
	}
	r.resolver = fastcgiResolver(r.conf)
	return b.relay(r, files{c.Root, c.Hidden, c.Symlinks, c.Sendfile}), nil
}

// outdated are the workers of the Generation that run another version of their program than is there now, by the keys of
// their pools.
func (s *Server) outdated(g *Generation) map[string]*workers {
	all := map[string]*workers{}
	for _, r := range g.byKey {
		if r.workers != nil && s.pools.Outdated(r.workers.spec) {
			all[r.workers.key] = r.workers
		}
	}
	return all
}

// runsPrograms says whether the route has programs that gatewayd starts.
func (r *route) runsPrograms() bool { return r.conf.CGI != nil || r.workers != nil }

func fastcgiResolver(conf *config.Route) script.Resolver {
	switch c := conf.FastCGI; {
	case conf.WSGI != nil:
		return script.NewApplication()
	case c.Root != "":
		return script.NewRoot(c.Root, script.RootOptions{Ext: c.Ext, Index: c.Index, Fallback: c.Fallback, Hidden: c.Hidden, Symlinks: c.Symlinks == "any"})
	case len(c.Run) > 0:
		return script.NewProgram(c.Run[0], filepath.Dir(c.Run[0]))
	}
	return script.NewApplication()
}

// workerSpec is what is kept running for a route.
func workerSpec(conf *config.Route, opt *fastcgi.Options) worker.Spec {
	c, o := conf.FastCGI, &conf.Options
	p := program.Spec(o)
	p.Path, p.Args, p.Env, p.Dir = c.Run[0], c.Run, program.Environ(&opt.Env), conf.WorkersDir()
	name := ""
	if conf.WSGI != nil {
		args, env := wsgi.Command(conf)
		name, p.Args, p.Env = wsgi.Name(conf), args, append(p.Env, env...)
	}
	busy := o.Timeout
	if busy == 0 {
		busy = o.IdleTimeout
	}
	return worker.Spec{
		Name: name, Process: p, Workers: c.Workers, Concurrency: c.Concurrency, Keep: c.Keepalive,
		StopTimeout: c.StopTimeout, BusyTimeout: busy, Ready: fastcgi.Ready, Unready: fastcgi.Unready,
	}
}

// leaving is a backend that lets go of its application when it is closed.
type leaving struct {
	backend
	workers *workers // nil if they are not ours
	after   func()
}

// Close implements backend.
func (l *leaving) Close() error {
	defer l.after()
	return l.backend.Close()
}

// Check looks at the program of own workers, too.
func (l *leaving) Check(req *gateway.Request) error {
	if l.workers != nil {
		if err := l.workers.check(); err != nil {
			return err
		}
	}
	return l.backend.Check(req)
}

// workers are those of a route that gatewayd keeps itself. The pool is there once the Generation is to begin: explain
// builds some that never do.
type workers struct {
	spec     worker.Spec
	key      string // of spec
	registry *worker.Registry
	pool     *worker.Pool
	wait     time.Duration // how long a request may wait for one; 0 is for ever
}

// waitForWorker is as long as a request may wait for a place, but no shorter than a worker's start.
func waitForWorker(queue config.Queue, start time.Duration) time.Duration {
	if queue.Max > 0 && queue.Wait == 0 {
		return 0
	}
	return max(queue.Wait, start)
}

// Lease implements upstream.Upstream.
func (w *workers) Lease(ctx context.Context, not *upstream.Peer) (*upstream.Lease, error) {
	return w.pool.LeaseWithin(ctx, not, w.wait)
}

func (w *workers) release() {
	if w.pool != nil {
		w.registry.Release(w.pool)
	}
}

// check says what would keep a worker from being started; nil if nothing is seen.
func (w *workers) check() error {
	d, ok := process.Check(w.spec.Process)
	if !ok {
		return nil
	}
	return &gateway.Error{Status: http.StatusServiceUnavailable, Op: "fastcgi: start a worker of " + w.spec.Process.Path, Err: errors.New(d.Cause), Hint: d.Hint}
}

// startWorkers starts the workers of a Generation that the server does not have yet. With await it returns once they are
// ready, and those of a new version in the place of the old ones; or not in time: then the Generation is not to begin.
func (s *Server) startWorkers(g *Generation, await bool) error {
	s.guardPrograms(g)
	var fresh []*workers
	for _, r := range g.routes {
		if r.workers == nil || r.workers.pool != nil {
			continue
		}
		pool, isNew := s.pools.Acquire(r.workers.spec)
		if r.workers.pool = pool; isNew {
			fresh = append(fresh, r.workers)
		}
	}
	if !await {
		return nil
	}
	ctx, cancel := context.WithTimeout(s.ending, g.Config.StartTimeout)
	defer cancel()
	for _, w := range fresh {
		if err := w.pool.AwaitReady(ctx); err != nil {
			return fmt.Errorf("the workers of %s are not ready: %w", w.spec.Program(), err)
		}
	}
	for _, w := range s.outdated(g) {
		if err := s.restart(w.pool, g.Config.DrainTimeout); err != nil {
			return err
		}
	}
	return nil
}

// restart replaces the workers of a pool.
func (s *Server) restart(pool *worker.Pool, drain time.Duration) error {
	if err := s.pools.Restart(s.ending, pool, drain); err != nil {
		return fmt.Errorf("the workers of %s cannot be replaced, and the old ones go on: %w", pool.Program(), err)
	}
	return nil
}

// workerOptions are those of every pool.
func (s *Server) workerOptions() worker.Options {
	return worker.Options{
		Launcher: &s.launcher,
		Event:    s.tellOfWorker,
		Output: func(program string, worker int, line string) {
			middleware.Exact(s.Log().Warn().Str("program", program).Int("worker", worker), "output", line).Msg("a worker wrote to its standard output or error")
		},
	}
}

// tellOfWorker logs what has become of a worker.
func (s *Server) tellOfWorker(e worker.Event) {
	level, what := zerolog.DebugLevel, "a worker is ready"
	switch e.Kind {
	case worker.Recycled:
		what = "a worker has ended by itself; another takes its place"
	case worker.Died:
		level, what = zerolog.WarnLevel, "a worker has died; another takes its place"
	case worker.Replaced:
		level, what = zerolog.WarnLevel, "a worker was stopped; another takes its place"
	case worker.GaveUp:
		level, what = zerolog.ErrorLevel, "a worker cannot be had; it is tried again now and then"
	case worker.Recovered:
		level, what = zerolog.InfoLevel, "a worker is ready again"
	case worker.Odd:
		level, what = zerolog.WarnLevel, "a setting of a worker has no effect"
	}
	event := s.Log().WithLevel(level).Str("program", e.Program)
	if e.Worker > 0 {
		event.Int("worker", e.Worker)
	}
	if e.PID > 0 {
		event.Int("pid", e.PID)
	}
	if e.Text != "" {
		event = middleware.Exact(event, "error", e.Text)
	}
	if e.Hint != "" {
		event = middleware.Exact(event, "hint", e.Hint)
	}
	event.Msg(what)
}

// remote are the applications that somebody else runs, by where they listen. They outlive Generations: so do what is
// known of them and the connections that are kept.
type remote struct {
	mu    sync.Mutex
	known map[string]*connected
}

// connected is one of them; its users are the routes of Generations.
type connected struct {
	*upstream.Fixed
	key   string
	users int
}

func newRemote() *remote { return &remote{known: map[string]*connected{}} }

func (m *remote) acquire(c *config.FastCGI) *connected {
	addresses := make([]upstream.Address, len(c.Connect))
	key := strings.Builder{}
	for i, a := range c.Connect {
		addresses[i] = upstream.Address(a)
		key.WriteString(addresses[i].String() + " ")
	}
	fmt.Fprint(&key, c.Keepalive)
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.known[key.String()]
	if known == nil {
		known = &connected{Fixed: upstream.NewFixed(addresses, c.Keepalive), key: key.String()}
		m.known[known.key] = known
	}
	known.users++
	return known
}

func (m *remote) release(c *connected) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(m.known, c.key)
		c.Close()
	}
}

// stats are those of all addresses, by address.
func (m *remote) stats() []upstream.PeerStats {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := []upstream.PeerStats{}
	for _, c := range m.known {
		all = append(all, c.Stats()...)
	}
	slices.SortFunc(all, func(a, b upstream.PeerStats) int { return strings.Compare(a.Address, b.Address) })
	return all
}
