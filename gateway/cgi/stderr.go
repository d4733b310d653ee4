package cgi

import (
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/stderr"
)

// stderrLog passes what a program writes to its standard error on to the log, line by line and within bounds, and
// remembers the end of it. It reads until the end whatever happens: a program must never wait for its log. Most programs
// say nothing, and end soon: reading begins with begin, or with the end of the program.
type stderrLog struct {
	touch func()
	done  chan struct{} // closed when it has been read to its end

	first sync.Mutex
	fd    int      // until begun
	file  *os.File // once begun; nil if there was nothing to wait for
	begun bool

	lines *stderr.Lines // but for its last words, only the one that reads touches it
}

// newStderrLog takes charge of the descriptor, which is in non-blocking mode.
func newStderrLog(fd int, log func(string), touch func()) *stderrLog {
	return &stderrLog{fd: fd, lines: stderr.NewLines(log), touch: touch, done: make(chan struct{})}
}

// begin has everything read as it comes, by a goroutine that spawn starts.
func (l *stderrLog) begin(spawn func(func())) {
	l.first.Lock()
	defer l.first.Unlock()
	if !l.begun {
		l.begun = true
		l.open()
		spawn(l.read)
	}
}

// finish is for when the program has ended: what it has left in the pipe is read at once. Where a child of its holds the
// other end, reading goes on until then.
func (l *stderrLog) finish(then time.Time, spawn func(func())) {
	l.first.Lock()
	defer l.first.Unlock()
	switch {
	case l.begun:
		if l.file != nil {
			l.file.SetReadDeadline(then)
		}
		return
	case l.drain():
		unix.Close(l.fd)
		l.end()
	default:
		l.open()
		l.file.SetReadDeadline(then)
		spawn(l.read)
	}
	l.begun = true
}

// abandon lets go of the descriptor of a program that was never there.
func (l *stderrLog) abandon() { unix.Close(l.fd) }

func (l *stderrLog) open() { l.file = os.NewFile(uintptr(l.fd), "stderr") }

// maxDrain is how often drain reads: more than a pipe can hold comes from someone who is still there.
const maxDrain = 32

// drain reads what is in the pipe; false if more may come.
func (l *stderrLog) drain() (ended bool) {
	for range maxDrain {
		n, err := unix.Read(l.fd, l.lines.Room())
		switch {
		case err == unix.EINTR:
		case err != nil:
			return false
		case n == 0:
			return true
		default:
			l.took(n)
		}
	}
	return false
}

// read reads until everyone has closed the other end, or the file's deadline.
func (l *stderrLog) read() {
	defer l.file.Close()
	for {
		n, err := l.file.Read(l.lines.Room())
		if n > 0 {
			l.took(n)
		}
		if err != nil {
			break
		}
	}
	l.end()
}

func (l *stderrLog) took(n int) {
	l.touch()
	l.lines.Took(n)
}

func (l *stderrLog) end() {
	l.lines.End()
	close(l.done)
}

// lastWords is the end of what the program has written so far.
func (l *stderrLog) lastWords() string { return l.lines.LastWords() }
