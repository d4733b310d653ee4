package cgi

import (
	"bytes"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	maxLine      = 8 << 10 // a longer line is logged in pieces
	maxLines     = 1000    // of a request; what is more is counted
	maxLogged    = 1 << 20 // bytes of a request, likewise
	maxLastWords = 2 << 10
)

// stderrLog passes what a program writes to its standard error on to the log, line by line and within bounds, and
// remembers the end of it. It reads until the end whatever happens: a program must never wait for its log. Most programs
// say nothing, and end soon: reading begins with begin, or with the end of the program.
type stderrLog struct {
	log   func(line string)
	touch func()
	done  chan struct{} // closed when it has been read to its end

	first sync.Mutex
	fd    int      // until begun
	file  *os.File // once begun; nil if there was nothing to wait for
	begun bool

	// What only the one that reads touches.
	buf                   *[]byte
	held                  int  // bytes in buf: a line without its end
	cut                   bool // the line so far has been logged as a piece
	lines, logged         int  // so far
	dropped, droppedBytes int

	mu   sync.Mutex
	tail []byte
}

// newStderrLog takes charge of the descriptor, which is in non-blocking mode.
func newStderrLog(fd int, log func(string), touch func()) *stderrLog {
	if log == nil {
		log = func(string) {}
	}
	return &stderrLog{fd: fd, log: log, touch: touch, done: make(chan struct{})}
}

var lineBuffers = sync.Pool{New: func() any { b := make([]byte, maxLine); return &b }}

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
		n, err := unix.Read(l.fd, l.room())
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
		n, err := l.file.Read(l.room())
		if n > 0 {
			l.took(n)
		}
		if err != nil {
			break
		}
	}
	l.end()
}

// room is where the next bytes go.
func (l *stderrLog) room() []byte {
	if l.buf == nil {
		l.buf = lineBuffers.Get().(*[]byte)
	}
	return (*l.buf)[l.held:]
}

func (l *stderrLog) took(n int) {
	buf := *l.buf
	l.touch()
	l.remember(buf[l.held : l.held+n])
	l.held += n
	l.held = copy(buf, l.takeLines(buf[:l.held]))
	if l.held == len(buf) {
		l.line(buf)
		l.held, l.cut = 0, true
	}
}

func (l *stderrLog) end() {
	if l.held > 0 {
		l.line((*l.buf)[:l.held])
	}
	if l.buf != nil {
		lineBuffers.Put(l.buf)
		l.buf = nil
	}
	if l.dropped > 0 {
		l.log(fmt.Sprintf("(%d more lines with %d bytes of standard error were not logged)", l.dropped, l.droppedBytes))
	}
	close(l.done)
}

// takeLines logs the whole lines of data and returns the rest.
func (l *stderrLog) takeLines(data []byte) []byte {
	for {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			return data
		}
		if i > 0 || !l.cut { // else the line end alone was left of a line that is in the log already
			l.line(bytes.TrimSuffix(data[:i], []byte("\r")))
		}
		data, l.cut = data[i+1:], false
	}
}

func (l *stderrLog) line(line []byte) {
	if l.lines >= maxLines || l.logged+len(line) > maxLogged {
		l.dropped++
		l.droppedBytes += len(line)
		return
	}
	l.lines++
	l.logged += len(line)
	l.log(string(line))
}

func (l *stderrLog) remember(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(data) >= maxLastWords {
		l.tail = append(l.tail[:0], data[len(data)-maxLastWords:]...)
		return
	}
	if over := len(l.tail) + len(data) - maxLastWords; over > 0 {
		l.tail = l.tail[:copy(l.tail, l.tail[over:])]
	}
	l.tail = append(l.tail, data...)
}

// lastWords is the end of what the program has written so far.
func (l *stderrLog) lastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.tail))
}
