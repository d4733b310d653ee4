package main

import (
	"context"

	"gatewayd/gateway/config"
	"gatewayd/gateway/server"
	watching "gatewayd/gateway/watch"
)

// watched are the config file and the files that it refers to. nil watches nothing.
type watched struct {
	file  string
	files *watching.Files
	err   error // why changes are not noticed at once
}

// watch begins before the config is read: a change in between must not go unnoticed. It is nil for a config that is no
// file.
func watch(src config.Source) *watched {
	if src.Text != nil {
		return nil
	}
	w := &watched{file: src.File}
	w.files, w.err = watching.New()
	w.files.Add(w.file)
	return w
}

// load loads the config and watches what it refers to, from before it is read. Of a config that does not load all counts
// that it and the one before refer to: the missing file may come.
func (w *watched) load(src config.Source) (*config.Config, config.Problems) {
	if w == nil {
		return config.Load(src)
	}
	paths := map[string]bool{w.file: true}
	src.Refers = func(path string) {
		paths[path] = true
		w.files.Add(path)
	}
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
	if w.err != nil {
		s.Log().Warn().Err(w.err).Msg("changes of files are noticed by looking every other second; raise fs.inotify.max_user_instances to have them noticed at once")
	}
	go w.files.Run(ctx, func() { s.Reload() })
}
