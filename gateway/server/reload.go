package server

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"gatewayd/gateway/config"
)

// asked is the reload that has been asked for and has not begun. Whoever asks meanwhile shares it: it will see all that
// they want to be seen.
type asked struct {
	mu   sync.Mutex
	next *reload // nil if there is none
}

type reload struct {
	over    chan struct{} // closed when what follows is there
	summary string
	err     error
}

// join returns the reload that is to come; mine says that the caller is to run it.
func (a *asked) join() (r *reload, mine bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.next == nil {
		a.next, mine = &reload{over: make(chan struct{})}, true
	}
	return a.next, mine
}

// begin is called when the reload begins: what is asked for from now on is another.
func (a *asked) begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = nil
}

// Reload loads the configuration again and makes it the current one, or changes nothing and says why: config.Problems
// for what is wrong in the file, another error for what is wrong with the machine. The summary is for people. Changes
// are made one after the other; those who ask while one is being made all get the result of the next one.
func (s *Server) Reload() (summary string, err error) {
	r, mine := s.asked.join()
	if !mine {
		<-r.over
		return r.summary, r.err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	s.asked.begin()
	defer close(r.over)
	r.summary, r.err = s.reload()
	return r.summary, r.err
}

// mayChange says why nothing may change any more, or yet. The caller holds changing.
func (s *Server) mayChange() error {
	switch {
	case s.succeeded: // by a process that has read the configuration since this was asked for
		return ErrSucceeded
	case s.closed:
		return errEnding
	case s.current.Load() == nil:
		return errors.New("the server has not begun to serve")
	}
	return nil
}

func (s *Server) reload() (summary string, err error) {
	if err := s.mayChange(); err != nil {
		return "", err
	}
	if s.opt.Reloading != nil {
		defer s.opt.Reloading()()
	}
	began := time.Now()
	conf, err := s.load()
	if err != nil {
		return "", s.refused(err)
	}
	if previous := s.current.Load(); reflect.DeepEqual(conf, previous.Config) && len(s.outdated(previous)) == 0 {
		s.reloaded(Reloads{}) // what was refused before has been taken back
		summary = fmt.Sprintf("generation %d: nothing has changed", previous.Number)
		s.Log().Info().Msg("reloaded: " + summary)
		return summary, nil
	}
	plan, err := s.apply(conf)
	if err != nil {
		return "", s.refused(err)
	}
	s.reloaded(Reloads{Applied: 1})
	summary = fmt.Sprintf("%s, %dms", plan, time.Since(began).Milliseconds())
	s.Log().Info().Msg("reloaded: " + summary)
	return summary, nil
}

// DryRun says what Reload would do now, a line for each thing, and does nothing. Its errors are those of Reload, as far
// as they show without starting workers and opening listeners.
func (s *Server) DryRun() (plan string, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := s.mayChange(); err != nil {
		return "", err
	}
	previous := s.current.Load()
	conf, err := s.load()
	if err != nil {
		return "", err
	}
	if err := mayOpenLogs(conf.Log); err != nil {
		return "", err
	}
	draft := *conf
	draft.Log = previous.Config.Log // to open the other one would make its file
	next, err := s.build(&draft, previous)
	if err != nil {
		return "", err
	}
	defer next.discard(previous)
	next.Config = conf
	return s.plan(previous, next).Lines(), nil
}

// loadTime is how long it may take to read the configuration: a file system that hangs, or a pipe that nobody writes to,
// must not hold up the end of the server.
const loadTime = 10 * time.Second

// load reads the configuration and logs its warnings.
func (s *Server) load() (*config.Config, error) {
	type loaded struct {
		conf     *config.Config
		problems config.Problems
	}
	if !s.loading.CompareAndSwap(false, true) {
		return nil, errors.New("the configuration is still being read, since an earlier reload; see what the file is, and whether its file system answers")
	}
	done := make(chan loaded, 1)
	go func() {
		conf, problems := s.opt.Load()
		s.loading.Store(false) // before anybody knows: the next load may begin at once
		done <- loaded{conf, problems}
	}()
	late := time.NewTimer(loadTime)
	defer late.Stop()
	select {
	case l := <-done:
		if l.problems.Failed() {
			return nil, l.problems
		}
		logProblems(s.Log(), l.problems)
		return l.conf, nil
	case <-late.C:
		return nil, fmt.Errorf("the configuration could not be read within %s; see what the file is, and whether its file system answers", loadTime)
	case <-s.ending.Done():
		return nil, errEnding
	}
}
