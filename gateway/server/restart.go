package server

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/middleware"
	"gatewayd/gateway/worker"
)

// Restart replaces the workers of the routes that are named: each new one is ready before an old one ends, and no request
// is lost. What a route may be called see isCalled; no name is no restart but a list of what can be restarted, all is every
// one. The report is for people, a line for each pool; so is the error, if any pool could not be restarted.
func (s *Server) Restart(names []string, all bool) (report string, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.mayChange(); err != nil {
		return "", err
	}
	g := s.current.Load()
	if len(names) == 0 && !all {
		return g.restartable()
	}
	pools, err := g.poolsNamed(names, all)
	if err != nil {
		return "", err
	}
	var failed error
	for _, p := range pools {
		line, err := s.restartNow(p, g.Config.DrainTimeout)
		report, failed = report+line, errors.Join(failed, err)
	}
	if failed != nil {
		return "", fmt.Errorf("%s%w", report, failed)
	}
	return report, nil
}

func (s *Server) restartNow(p *worker.Pool, drain time.Duration) (line string, err error) {
	began := time.Now()
	if err := s.restart(p, drain); err != nil {
		event := s.Log().Error().Err(err)
		if hint := gateway.AsError(err).Hint; hint != "" {
			event = middleware.Exact(event, "hint", hint)
		}
		event.Msg("workers were not restarted")
		return "", err
	}
	line = fmt.Sprintf("restarted %s of %s in %dms", workersInWords(len(p.Stats().Workers)), p.Program(), time.Since(began).Milliseconds())
	s.Log().Info().Msg(line)
	return line + "\n", nil
}

func workersInWords(n int) string {
	if n == 1 {
		return "1 worker"
	}
	return fmt.Sprintf("%d workers", n)
}

// workerRoutes are the routes that have workers of their own, by name.
func (g *Generation) workerRoutes() (routes []*route) {
	for _, r := range g.byKey {
		if r.workers != nil {
			routes = append(routes, r)
		}
	}
	slices.SortFunc(routes, func(a, b *route) int { return strings.Compare(a.key, b.key) })
	return routes
}

func (g *Generation) restartable() (string, error) {
	var b strings.Builder
	for _, r := range g.workerRoutes() {
		fmt.Fprintf(&b, "%s: %s of %s\n", r.name(), workersInWords(r.workers.spec.Workers), r.workers.spec.Program())
	}
	if b.Len() == 0 {
		return "no route has workers that gatewayd keeps\n", nil
	}
	return b.String(), nil
}

// poolsNamed are the pools of the routes that are named; routes may share one.
func (g *Generation) poolsNamed(names []string, all bool) (pools []*worker.Pool, err error) {
	unknown := slices.Clone(names)
	for _, r := range g.workerRoutes() {
		named := all || slices.ContainsFunc(names, r.isCalled)
		unknown = slices.DeleteFunc(unknown, r.isCalled)
		if named && !slices.Contains(pools, r.workers.pool) {
			pools = append(pools, r.workers.pool)
		}
	}
	if len(unknown) > 0 {
		return nil, fmt.Errorf("no route with workers of gatewayd's own is called %s; gatewayd restart without a name lists them", strings.Join(unknown, ", "))
	}
	return pools, nil
}

// isCalled says whether name means a route with workers: by its pattern, after its site or one host of that, with or
// without a space (www.example.org/app/*); or by its program, as the list has it, or the file name of that.
func (r *route) isCalled(name string) bool {
	program := r.workers.spec.Program()
	if name == program || name == filepath.Base(program) {
		return true
	}
	host, ok := strings.CutSuffix(name, r.conf.Pattern)
	host = strings.TrimSpace(host)
	return ok && (host == "" || host == r.site || slices.Contains(strings.Fields(r.site), host))
}
