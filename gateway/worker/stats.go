package worker

import "time"

// Stats is what a Pool does now.
type Stats struct {
	Program string        `json:"program"`
	Workers []WorkerStats `json:"workers"`
	Waiting int           `json:"waiting"` // requests that wait for a worker

	Restarting      bool          `json:"restarting"`        // a rolling restart is under way
	RollingRestarts uint64        `json:"rolling_restarts"`  // how many have been completed
	Leaving         []WorkerStats `json:"leaving,omitempty"` // that were replaced and answer what they had begun
}

// WorkerStats is what one worker does now, and what those in its place have done so far.
type WorkerStats struct {
	Worker   int       `json:"worker"` // counted from 1
	PID      int       `json:"pid,omitempty"`
	State    string    `json:"state"` // starting, ready, busy, backing off, stopping
	Since    time.Time `json:"since"` // in that state, busy counting as ready
	Busy     int       `json:"busy"`  // places that are taken
	Served   uint64    `json:"served"`
	Restarts uint64    `json:"restarts"`
	Failure  string    `json:"failure,omitempty"` // why no worker is there
	Hint     string    `json:"hint,omitempty"`
}

// Stats tells what goes on.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := Stats{Program: p.Program(), Waiting: p.waiting.Len(), Restarting: p.renewing, RollingRestarts: p.renewed}
	for _, s := range p.slots {
		all.Workers = append(all.Workers, s.stats())
	}
	for _, s := range p.leaving {
		all.Leaving = append(all.Leaving, s.stats())
	}
	return all
}

func (s *slot) stats() WorkerStats {
	w := WorkerStats{
		Worker: s.number + 1, PID: s.pid, State: string(s.state), Since: s.since,
		Busy: s.busy, Served: s.served, Restarts: max(s.starts, 1) - 1,
	}
	if s.state == ready && s.busy > 0 {
		w.State = "busy"
	}
	if s.failure != nil {
		w.Failure, w.Hint = s.failure.err.Error(), s.failure.hint
	}
	return w
}
