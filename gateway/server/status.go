package server

import (
	"os"
	"runtime"
	"slices"
	"time"
)

// Status is what runs now.
type Status struct {
	PID        int           `json:"pid"`
	Version    string        `json:"version"`
	Config     string        `json:"config"`
	Generation uint64        `json:"generation"`
	Requests   int64         `json:"requests_in_flight"`
	Draining   []DrainStatus `json:"draining"`
	Listeners  []string      `json:"listeners"`
	Sites      []SiteStatus  `json:"sites"`
	Reloads    Reloads       `json:"reloads"`
	Goroutines int           `json:"goroutines"`
	Time       time.Time     `json:"time"`
}

// DrainStatus is a generation that is no longer current and that requests still hold.
type DrainStatus struct {
	Generation uint64 `json:"generation"`
	Requests   int64  `json:"requests_in_flight"`
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
}

// Status describes what runs now.
func (s *Server) Status() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.current.Load()
	status := Status{
		PID: os.Getpid(), Version: s.opt.Version, Config: g.Config.File, Generation: g.Number,
		Requests: g.requests(true), Draining: []DrainStatus{}, Listeners: []string{}, Sites: []SiteStatus{},
		Reloads: s.reloads, Goroutines: runtime.NumGoroutine(), Time: time.Now(),
	}
	for old := range s.retired {
		status.Draining = append(status.Draining, DrainStatus{old.Number, old.requests(false)})
	}
	slices.SortFunc(status.Draining, func(a, b DrainStatus) int { return int(a.Generation) - int(b.Generation) })
	for _, l := range s.listeners {
		status.Listeners = append(status.Listeners, l.name())
	}
	slices.Sort(status.Listeners)
	for _, site := range g.Config.Sites {
		out := SiteStatus{Site: site.Key, Hosts: append([]string{}, site.Hosts...)}
		for _, r := range site.Routes {
			out.Routes = append(out.Routes, RouteStatus{r.Pattern, r.Handler})
		}
		status.Sites = append(status.Sites, out)
	}
	return status
}
