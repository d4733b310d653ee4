package server

import (
	"sync/atomic"

	"gatewayd/gateway/process"
)

// launcher starts the programs of every generation, guarded once there is a guard.
type launcher struct{ guard atomic.Pointer[process.Guard] }

// Start implements process.Launcher.
func (l *launcher) Start(s process.Spec) (*process.Process, error) {
	return process.Exec{Guard: l.guard.Load()}.Start(s)
}

// close is for when every program has ended.
func (l *launcher) close() {
	if guard := l.guard.Swap(nil); guard != nil {
		guard.Close()
	}
}

// guardPrograms starts the guard when the first programs are to be run. To do without it is worth a warning, not the
// service.
func (s *Server) guardPrograms(g *Generation) {
	if !s.opt.Guard || !g.runsPrograms() || s.launcher.guard.Load() != nil {
		return
	}
	guard, err := process.StartGuard(s.guardFailed)
	if err != nil {
		g.logs.log.Warn().Err(err).Msg("if gatewayd is killed, programs may go on without it")
		return
	}
	s.launcher.guard.Store(guard)
}

func (s *Server) guardFailed(err error) {
	s.Log().Warn().Err(err).Msg("until it runs, programs may go on if gatewayd is killed")
}
