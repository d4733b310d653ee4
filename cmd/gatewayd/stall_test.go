package main

import (
	"testing"
	"time"
)

// stallSteps is how many processes must get their turn, one after the other, until what a test waits for has happened.
const stallSteps = 5

// stalls notes how long a process on this machine may have to wait for a processor: what a busy machine adds to every
// time that is measured on it.
type stalls struct {
	stop, stopped chan struct{}
	longest       time.Duration
}

func watchStalls() *stalls {
	s := &stalls{stop: make(chan struct{}), stopped: make(chan struct{})}
	go s.watch()
	return s
}

func (s *stalls) watch() {
	const nap = 2 * time.Millisecond
	defer close(s.stopped)
	for {
		begun := time.Now()
		select {
		case <-s.stop:
			return
		case <-time.After(nap):
			s.longest = max(s.longest, time.Since(begun)-nap)
		}
	}
}

// end returns by how much more than a limit something may have taken through no fault of its own.
func (s *stalls) end(t *testing.T) time.Duration {
	t.Helper()
	close(s.stop)
	<-s.stopped
	t.Logf("this machine kept a process waiting for up to %v", s.longest.Round(100*time.Microsecond))
	return stallSteps * s.longest
}

// inTime is a limit as this build can keep it: the race detector makes everything several times slower.
func inTime(limit time.Duration) time.Duration {
	if raceDetector {
		return 5 * limit
	}
	return limit
}
