package server

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"gatewayd/gateway/config"
)

// logs is where one configuration's log lines go.
type logs struct {
	conf   config.Log
	log    zerolog.Logger
	access io.Writer // nil: off
	files  []*logFile
}

// openLogs opens what c names. A file that cannot be opened is an error; nothing stays open then.
func openLogs(c config.Log) (*logs, error) {
	l := &logs{conf: c}
	out, err := l.open(c.Output)
	if err != nil {
		return nil, err
	}
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("log.level: %w", err)
	}
	l.log = zerolog.New(format(c.Format, out)).Level(level).Hook(zerolog.HookFunc(stamp))
	if c.Access == "off" {
		return l, nil
	}
	l.access = out
	if c.AccessOutput != "" && c.AccessOutput != c.Output {
		if l.access, err = l.open(c.AccessOutput); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

func (l *logs) open(name string) (io.Writer, error) {
	switch name {
	case "stderr":
		return os.Stderr, nil
	case "stdout":
		return os.Stdout, nil
	}
	file, err := openLogFile(name)
	if err != nil {
		return nil, err
	}
	l.files = append(l.files, file)
	return file, nil
}

// timeFormat is that of the access log too.
const timeFormat = "2006-01-02T15:04:05.000Z"

// stamp adds the time. zerolog's own has the format of a package variable, which is not ours to change.
func stamp(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format(timeFormat))
}

// format writes for people, in colour on a terminal, or JSON.
func format(name string, out io.Writer) io.Writer {
	terminal := false
	if file, ok := out.(*os.File); ok {
		terminal = isatty.IsTerminal(file.Fd())
	}
	if name == "json" {
		return out
	}
	return zerolog.ConsoleWriter{Out: out, NoColor: !terminal, FormatTimestamp: func(at any) string { return fmt.Sprint(at) }}
}

// Reopen opens the files again by their names, after something has moved them. A file that cannot be opened goes on
// being written where it is.
func (l *logs) Reopen() error {
	var first error
	for _, file := range l.files {
		if err := file.Reopen(); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// Close closes the files, not stderr or stdout.
func (l *logs) Close() {
	for _, file := range l.files {
		file.Close()
	}
}

// logFile appends to a file that can be exchanged under it.
type logFile struct {
	path string
	mu   sync.RWMutex
	file *os.File
}

func openLogFile(path string) (*logFile, error) {
	file, err := openAppend(path)
	if err != nil {
		return nil, err
	}
	return &logFile{path: path, file: file}, nil
}

// openAppend does not wait: a FIFO that nobody reads is an error.
func openAppend(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOCTTY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	return file, nil
}

// Write hands the line to the file; what cannot be written is lost, and service goes on.
func (f *logFile) Write(line []byte) (int, error) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.file.Write(line)
}

// Reopen exchanges the file.
func (f *logFile) Reopen() error {
	file, err := openAppend(f.path)
	if err != nil {
		return err
	}
	f.mu.Lock()
	old := f.file
	f.file = file
	f.mu.Unlock()
	return old.Close()
}

// Close closes the file.
func (f *logFile) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.file.Close()
}
