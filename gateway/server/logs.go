package server

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway/config"
	"gatewayd/gateway/middleware"
)

// logs is where one configuration's log lines go. Generations with the same log section share one, and each of its users
// holds it.
type logs struct {
	conf   config.Log
	level  zerolog.Level
	log    zerolog.Logger
	access *middleware.Access // nil: off

	from  *sinks
	sinks []*sink
	users atomic.Int64
}

// openLogs opens what c names, for one user. What cannot be opened is an error; nothing stays open then.
func openLogs(c config.Log, from *sinks) (*logs, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %w", err)
	}
	l := &logs{conf: c, level: level, from: from}
	l.users.Store(1)
	out, err := l.open(c.Output)
	if err != nil {
		return nil, err
	}
	l.log = l.logger(out, out.terminal)
	out.onLoss(l.lostLine, nil)
	if err := l.openAccess(out); err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// mayOpenLogs says what would stop openLogs, without making a file.
func mayOpenLogs(c config.Log) error {
	targets := []string{c.Output}
	if c.Access != "off" && c.AccessOutput != "" {
		targets = append(targets, c.AccessOutput)
	}
	for _, target := range targets {
		if target == "stderr" || target == "stdout" {
			continue
		}
		if err := mayOpenLogFile(target); err != nil {
			return err
		}
	}
	return nil
}

// openAccess opens the access log; out is where the other lines go.
func (l *logs) openAccess(out *sink) (err error) {
	if l.conf.Access == "off" {
		return nil
	}
	to := out
	if l.conf.AccessOutput != "" {
		if to, err = l.open(l.conf.AccessOutput); err != nil {
			return err
		}
	}
	l.access = middleware.NewAccess(accessForm(l.conf), to)
	if to != out {
		to.onLoss(l.access.LostLine, l.accessFailed)
	}
	return nil
}

func (l *logs) open(target string) (*sink, error) {
	s, err := l.from.acquire(target)
	if err == nil {
		l.sinks = append(l.sinks, s)
	}
	return s, err
}

// hold counts one more user.
func (l *logs) hold() *logs {
	l.users.Add(1)
	return l
}

// release counts one user less. The last one lets go of the sinks; it does not wait until they are written.
func (l *logs) release() {
	if l.users.Add(-1) > 0 {
		return
	}
	for _, s := range l.sinks {
		l.from.release(s)
	}
}

// accessForm is what auto stands for: two formats in one stream help nobody.
func accessForm(c config.Log) string {
	switch {
	case c.Access != "auto":
		return c.Access
	case c.Format == "json":
		return "json"
	}
	return "text"
}

// logger writes to out for people, in colour on a terminal, or as JSON.
func (l *logs) logger(out io.Writer, colour bool) zerolog.Logger {
	if l.conf.Format != "json" {
		out = zerolog.ConsoleWriter{
			Out: out, NoColor: !colour,
			FormatTimestamp: func(at any) string { return fmt.Sprint(at) },
			FormatPrepare:   middleware.MergeExact,
		}
	}
	return zerolog.New(out).Level(l.level).Hook(zerolog.HookFunc(stamp))
}

// stamp adds the time. zerolog's own has the format of a package variable, which is not ours to change.
func stamp(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format(middleware.TimeFormat))
}

// lostLine is a line of the log that says that n lines are missing before it.
func (l *logs) lostLine(n uint64) []byte {
	var line bytes.Buffer
	log := l.logger(&line, false)
	log.Error().Uint64("lost", n).Msg("lines of this log are missing here: it could not be written in time")
	return line.Bytes()
}

// accessFailed says in the server's log that the access log cannot be written.
func (l *logs) accessFailed(err error) {
	l.log.Error().Err(err).Str("hint", "requests are served all the same; when there is no room for more lines they are lost, and counted").
		Msg("the access log cannot be written; trying again")
}
