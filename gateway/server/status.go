package server

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"gatewayd/gateway/upstream"
	"gatewayd/gateway/worker"
)

// Status is what runs now.
type Status struct {
	PID        int           `json:"pid"`
	Version    string        `json:"version"`
	Config     string        `json:"config"`
	Generation uint64        `json:"generation"`
	Requests   int64         `json:"requests_in_flight"`
	Draining   []DrainStatus `json:"draining"`
	Leaving    []RouteDrain  `json:"draining_routes"`
	Listeners  []string      `json:"listeners"`
	Sites      []SiteStatus  `json:"sites"`

	Pools []worker.Stats       `json:"pools"` // workers that gatewayd keeps; routes may share them
	Peers []upstream.PeerStats `json:"peers"` // applications that it does not

	Reloads    Reloads   `json:"reloads"`
	LinesLost  uint64    `json:"log_lines_lost"` // of all logs, since the server began
	Goroutines int       `json:"goroutines"`
	Time       time.Time `json:"time"`
}

// DrainStatus is a generation that is no longer current and that requests still hold.
type DrainStatus struct {
	Generation uint64 `json:"generation"`
	Requests   int64  `json:"requests_in_flight"`
}

// RouteDrain is a route that a reload has removed or replaced and that has requests still.
type RouteDrain struct {
	Site     string    `json:"site"`
	Pattern  string    `json:"pattern"`
	Last     uint64    `json:"last_generation"` // that had the route as it was
	Requests int       `json:"requests_in_flight"`
	Until    time.Time `json:"until,omitzero"` // when they are ended; not there if never
}

// SiteStatus is one site.
type SiteStatus struct {
	Site   string        `json:"site"`
	Hosts  []string      `json:"hosts"`
	Routes []RouteStatus `json:"routes"`
}

// RouteStatus is one route.
type RouteStatus struct {
	Pattern string `json:"pattern"`
	Handler string `json:"handler"`
	// Older is how many of its requests began under an earlier generation. No reload ends them as long as it leaves the
	// route as it is.
	Older int `json:"from_earlier_generations,omitempty"`

	// Of a route that runs programs:
	Running    int    `json:"running,omitempty"`
	MaxRunning int    `json:"max_running,omitempty"` // 0: no limit
	Waiting    int    `json:"waiting,omitempty"`     // in the queue
	Refused    uint64 `json:"refused,omitempty"`     // by the queue, since the route is there
}

// Status describes what runs now.
func (s *Server) Status() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.current.Load()
	status := Status{
		PID: os.Getpid(), Version: s.opt.Version, Config: g.Config.File, Generation: g.Number,
		Requests: g.requests(true), Draining: []DrainStatus{}, Listeners: []string{}, Sites: []SiteStatus{},
		Reloads: s.reloads, LinesLost: s.LogLinesLost(), Goroutines: runtime.NumGoroutine(), Time: time.Now(),
	}
	for old := range s.retired {
		status.Draining = append(status.Draining, DrainStatus{old.Number, old.requests(false)})
	}
	slices.SortFunc(status.Draining, func(a, b DrainStatus) int { return int(a.Generation) - int(b.Generation) })
	status.Leaving = s.drainingRoutes()
	for _, l := range s.listeners {
		status.Listeners = append(status.Listeners, l.name())
	}
	slices.Sort(status.Listeners)
	for _, site := range g.Config.Sites {
		out := SiteStatus{Site: site.Key, Hosts: append([]string{}, site.Hosts...)}
		for _, r := range site.Routes {
			out.Routes = append(out.Routes, g.byKey[site.Key+" "+r.Pattern].status(g.Number))
		}
		status.Sites = append(status.Sites, out)
	}
	status.Pools, status.Peers = []worker.Stats{}, s.remote.stats()
	for _, p := range s.pools.Pools() {
		status.Pools = append(status.Pools, p.Stats())
	}
	return status
}

// drainingRoutes are those that requests hold. The caller holds mu.
func (s *Server) drainingRoutes() []RouteDrain {
	all := []RouteDrain{}
	for r, drain := range s.draining {
		if n, _ := r.life.requests(0); n > 0 {
			all = append(all, RouteDrain{Site: r.site, Pattern: r.conf.Pattern, Last: drain.last, Requests: n, Until: drain.until})
		}
	}
	slices.SortFunc(all, func(a, b RouteDrain) int { return strings.Compare(a.Site+a.Pattern, b.Site+b.Pattern) })
	return all
}

func (r *route) status(current uint64) RouteStatus {
	status := RouteStatus{Pattern: r.conf.Pattern, Handler: r.conf.Handler}
	_, status.Older = r.life.requests(current)
	if r.gate != nil {
		stats := r.gate.Stats()
		status.Running, status.Waiting, status.Refused, status.MaxRunning = stats.Running, stats.Waiting, stats.Refused, r.conf.Options.MaxRunning
	}
	return status
}
