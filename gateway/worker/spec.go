package worker

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"time"

	"gatewayd/gateway/process"
)

const (
	startTimeout = 10 * time.Second
	stopTimeout  = 2 * time.Second
	busyTimeout  = time.Minute
)

// Spec is what a Pool keeps.
type Spec struct {
	Name        string       // how the workers are called in front of people; "" goes by their command
	Process     process.Spec // but for Stdin, Stdout, Stderr and OnExit, which are the Pool's
	Workers     int          // how many; at least 1
	Concurrency int          // requests that one worker can have at once; 0 is 1
	Keep        int          // idle connections kept to each worker

	StartTimeout time.Duration // until a worker must be ready; 0 is 10 s
	StopTimeout  time.Duration // between SIGTERM and SIGKILL; 0 is 2 s
	// BusyTimeout is how long a worker may go on with a request that nobody wants any more; 0 is 60 s.
	BusyTimeout time.Duration

	// Ready asks a worker, which may not have accepted conn yet, whether it speaks the protocol. It is an error if what
	// comes back is something else; a connection that ends without an answer is none, for not every program knows the
	// question. It returns when ctx ends, or conn's deadline passes, which the Pool sees to; the Pool closes conn. nil asks
	// nothing: every worker that could be started is believed to be ready.
	Ready func(ctx context.Context, conn net.Conn) (answered bool, err error)
	// Unready explains why a worker did not become ready, from what it wrote: a cause and a hint for the log, empty if
	// there is nothing to say. nil explains nothing.
	Unready func(lastWords string) (cause, hint string)
}

// Program is what the workers run, for messages: the script where an interpreter is named.
func (s *Spec) Program() string {
	if s.Name != "" {
		return s.Name
	}
	if args := s.Process.Args; len(args) > 1 {
		return strings.Join(append([]string{filepath.Base(s.Process.Path)}, args[1:]...), " ")
	}
	return s.Process.Path
}

// filled is s with its defaults.
func (s Spec) filled() Spec {
	s.Workers, s.Concurrency = max(s.Workers, 1), max(s.Concurrency, 1)
	for _, d := range []struct {
		value *time.Duration
		zero  time.Duration
	}{{&s.StartTimeout, startTimeout}, {&s.StopTimeout, stopTimeout}, {&s.BusyTimeout, busyTimeout}} {
		if *d.value <= 0 {
			*d.value = d.zero
		}
	}
	return s
}
