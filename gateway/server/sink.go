package server

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"
)

const (
	maxWaiting  = 1 << 20                // bytes of lines that wait to be written
	keptBuffer  = 64 << 10               // a buffer that has grown larger is given back
	gatherTime  = time.Millisecond       // between two writes
	retryPause  = 250 * time.Millisecond // between two attempts to write the same
	maxReopened = 64                     // files that wait for the lines before them to be written
)

// sink is the way of log lines to one target. Whoever logs only puts a line into memory; one goroutine writes what has
// gathered, whole lines in their order. So a disk that is full, a pipe that nobody reads or a terminal that is stopped
// never holds up service: what no longer fits is counted, and a line says so once there is room. Lines that are in
// memory when the process is killed or crashes are lost.
type sink struct {
	target   string
	path     string         // "" for standard output and error
	terminal bool           // people read along
	users    int            // guarded by sinks
	total    *atomic.Uint64 // lines lost by all sinks
	wake     chan struct{}  // has a place: there is something to do
	closing  chan struct{}

	mu       sync.Mutex
	lines    []byte // waiting
	reopened []reopened
	lost     uint64 // lines since the last one that said so
	closed   bool
	lostLine func(lost uint64) []byte
	failed   func(error) // may be nil

	out *logFile // run's alone
}

// reopened is a file that takes what stands in lines from an offset on.
type reopened struct {
	at   int
	file *logFile
}

// newSink makes the sink of an open target, which belongs to it. It writes once run runs.
func newSink(target string, out *logFile, total *atomic.Uint64) *sink {
	s := &sink{
		target: target, out: out, total: total,
		wake: make(chan struct{}, 1), closing: make(chan struct{}),
		lostLine: func(uint64) []byte { return nil },
	}
	if out.shared {
		s.terminal = isatty.IsTerminal(out.Fd())
	} else {
		s.path = target
	}
	return s
}

// onLoss sets how the log says that lines are missing, and who is told when an attempt to write has failed.
func (s *sink) onLoss(lostLine func(uint64) []byte, failed func(error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostLine, s.failed = lostLine, failed
}

// Write takes one line. It never waits and never fails.
func (s *sink) Write(line []byte) (int, error) {
	s.mu.Lock()
	if s.closed || len(s.lines) > 0 && len(s.lines)+len(line) > maxWaiting {
		s.lost++
		s.total.Add(1)
	} else {
		s.lines = append(s.lines, line...)
	}
	s.mu.Unlock()
	s.poke()
	return len(line), nil
}

func (s *sink) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// reopen opens the file again by its name: lines that were taken before go to the old one, later ones to the new one.
func (s *sink) reopen() error {
	if s.path == "" {
		return nil
	}
	file, err := openLogFile(s.path)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || len(s.reopened) == maxReopened {
		file.close()
		return fmt.Errorf("reopen the log file %s: lines for the one before still wait to be written", s.path)
	}
	s.reopened = append(s.reopened, reopened{len(s.lines), file})
	s.poke()
	return nil
}

// close takes no more lines and lets run end when it has written those that it has.
func (s *sink) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed {
		s.closed = true
		close(s.closing)
	}
}

// run writes until the sink is closed. A line that comes alone is written at once; those that follow closely gather and
// share a system call.
func (s *sink) run() {
	var spare []byte
	for open := true; open; {
		select {
		case <-s.wake:
		case <-s.closing:
			open = false
		}
		lines, files := s.take(spare)
		spare = s.write(lines, files)
		if open {
			time.Sleep(gatherTime)
		}
	}
	s.out.close()
}

// take takes everything that waits and leaves the buffer spare in its place.
func (s *sink) take(spare []byte) ([]byte, []reopened) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines, files := s.lines, s.reopened
	s.lines, s.reopened = spare[:0], nil
	if s.lost > 0 {
		lines = append(lines, s.lostLine(s.lost)...) // they were lost because lines is full
		s.lost = 0
	}
	return lines, files
}

// write writes each part of lines to its file and returns a buffer to use again.
func (s *sink) write(lines []byte, files []reopened) (spare []byte) {
	from := 0
	for _, next := range files {
		s.put(lines[from:next.at])
		s.out.close()
		s.out, from = next.file, next.at
	}
	s.put(lines[from:])
	if cap(lines) > keptBuffer {
		return nil
	}
	return lines
}

// put returns when the lines are written, however often it must try; when the sink is closing it gives up instead.
func (s *sink) put(lines []byte) {
	for attempt, at := 1, 0; at < len(lines); attempt++ {
		n, err := s.out.write(lines[at:])
		at += n
		if err == nil {
			return
		}
		if attempt > 1 && !s.pause() { // the first may have been at a file that is no more
			s.total.Add(uint64(bytes.Count(lines[at:], []byte("\n"))))
			return
		}
		if attempt == 2 {
			s.report(err)
		}
		if elsewhere := s.renew(); elsewhere || errors.Is(err, unix.EPIPE) {
			at = bytes.LastIndexByte(lines[:at], '\n') + 1 // the half line is out of the reader's sight
		}
	}
}

func (s *sink) report(err error) {
	s.mu.Lock()
	failed := s.failed
	s.mu.Unlock()
	if failed != nil {
		failed(err)
	}
}

// pause is false if the sink is closing.
func (s *sink) pause() bool {
	select {
	case <-s.closing:
		return false
	case <-time.After(retryPause):
		return true
	}
}

// renew opens the file by its name again: it may have become another, or one that can be written. It says whether it is
// another.
func (s *sink) renew() bool {
	if s.path == "" {
		return false
	}
	file, err := openLogFile(s.path)
	if err != nil {
		return false
	}
	other := !file.same(s.out)
	s.out.close()
	s.out = file
	return other
}
