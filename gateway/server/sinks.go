package server

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// sinks are the targets that are logged to. Whoever logs to the same target shares one sink, of whatever generation: no
// line stands inside another, and each target has one order.
type sinks struct {
	lost atomic.Uint64 // lines, of all sinks that there were

	mu      sync.Mutex
	open    map[string]*sink
	running sync.WaitGroup
}

func newSinks() *sinks { return &sinks{open: map[string]*sink{}} }

// acquire opens a target: stderr, stdout or the path of a file. Release it.
func (s *sinks) acquire(target string) (*sink, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.open[target]
	if k == nil {
		file, err := openTarget(target)
		if err != nil {
			return nil, err
		}
		k = newSink(target, file, &s.lost)
		s.open[target] = k
		s.running.Go(k.run)
	}
	k.users++
	return k, nil
}

func openTarget(target string) (*logFile, error) {
	switch target {
	case "stderr":
		return sharedLogFile(os.Stderr), nil
	case "stdout":
		return sharedLogFile(os.Stdout), nil
	}
	return openLogFile(target)
}

// release closes the sink if nobody else uses it. It does not wait.
func (s *sinks) release(k *sink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k.users--
	if k.users == 0 {
		delete(s.open, k.target)
		k.close()
	}
}

// reopen opens all files again by their names. One that cannot be opened goes on being written where it is.
func (s *sinks) reopen() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all error
	for _, k := range s.open {
		all = errors.Join(all, k.reopen())
	}
	return all
}

// flushTime is how long the end of the server waits for its logs.
const flushTime = time.Second

// close closes every sink, used or not, and gives them flushTime to write what they have.
func (s *sinks) close() {
	s.mu.Lock()
	for _, k := range s.open {
		k.close()
	}
	s.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(flushTime):
	}
}
