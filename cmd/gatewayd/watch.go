package main

import (
	"context"
	"errors"
	"syscall"

	"gatewayd/gateway/config"
	"gatewayd/gateway/server"
	watching "gatewayd/gateway/watch"
)

// watched are the config file and the files that it refers to. nil watches nothing.
type watched struct {
	file  string
	files *watching.Files
}

// watch is nil for a config that is no file.
func watch(src config.Source) *watched {
	if src.Text != nil {
		return nil
	}
	return &watched{file: src.File, files: watching.New()}
}

// load loads the config and watches what it refers to, from before it is read. Of a config that does not load all counts
// that it and the one before refer to: the missing file may come.
func (w *watched) load(src config.Source) (*config.Config, config.Problems) {
	if w == nil {
		return config.Load(src)
	}
	paths := map[string]bool{}
	src.Refers = func(path string) {
		paths[path] = true
		w.files.Add(path)
	}
	src.Refers(w.file)
	conf, problems := config.Load(src)
	if conf != nil {
		w.files.Keep(paths)
	}
	return conf, problems
}

// run reloads when something has changed, until ctx ends.
func (w *watched) run(ctx context.Context, s *server.Server) {
	if w == nil {
		return
	}
	go w.files.Run(ctx, func() { s.Reload() }, func(err error) {
		s.Log().Warn().Err(err).Msg("changes of files are noticed by looking every other second" + inotifyHint(err))
	})
}

// inotifyHint is what to do about a bound of the system.
func inotifyHint(err error) string {
	switch {
	case errors.Is(err, syscall.EMFILE):
		return "; raise fs.inotify.max_user_instances to have them noticed at once"
	case errors.Is(err, syscall.ENOSPC):
		return "; raise fs.inotify.max_user_watches to have them noticed at once"
	}
	return ""
}
