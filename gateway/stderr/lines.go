package stderr

import (
	"bytes"
	"fmt"
	"sync"
)

const (
	// MaxLine is the length in bytes from which a line is logged in pieces.
	MaxLine = 8 << 10
	// MaxLines and MaxLogged, in bytes, are the most that is logged for one request.
	MaxLines  = 1000
	MaxLogged = 1 << 20

	// MaxLastWords is how many bytes are remembered.
	MaxLastWords = 2 << 10
)

// Lines makes lines of bytes. What is more than its bounds is counted, and said at the end. Room, Took and End are for
// one goroutine, LastWords for any. The zero value drops everything but the last words.
type Lines struct {
	log   func(line string)
	bound bool

	buf                   *[]byte
	held                  int  // bytes in buf: a line without its end
	cut                   bool // the line so far has been logged as a piece
	lines, logged         int  // so far
	dropped, droppedBytes int

	mu   sync.Mutex
	tail []byte
}

// NewLines returns the Lines of one request: at most MaxLines and MaxLogged. log may be nil.
func NewLines(log func(line string)) *Lines { return &Lines{log: log, bound: true} }

// NewUnbounded returns Lines that log everything, for programs that outlive requests.
func NewUnbounded(log func(line string)) *Lines { return &Lines{log: log} }

var buffers = sync.Pool{New: func() any { b := make([]byte, MaxLine); return &b }}

// Room is where the next bytes go; it is never empty. Took says how many came.
func (l *Lines) Room() []byte {
	if l.buf == nil {
		l.buf = buffers.Get().(*[]byte)
	}
	return (*l.buf)[l.held:]
}

// Took takes n bytes that were put into Room.
func (l *Lines) Took(n int) {
	buf := *l.buf
	l.remember(buf[l.held : l.held+n])
	l.held += n
	l.held = copy(buf, l.takeLines(buf[:l.held]))
	if l.held == len(buf) {
		l.line(buf)
		l.held, l.cut = 0, true
	}
}

// Write implements io.Writer; it never fails.
func (l *Lines) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		n := copy(l.Room(), p)
		l.Took(n)
		p = p[n:]
	}
	return written, nil
}

// End logs what has no line end, and what was not logged. Nothing may follow but LastWords.
func (l *Lines) End() {
	if l.held > 0 {
		l.line((*l.buf)[:l.held])
	}
	l.held = 0
	if l.buf != nil {
		buffers.Put(l.buf)
		l.buf = nil
	}
	if l.dropped > 0 && l.log != nil {
		l.log(fmt.Sprintf("(%d more lines with %d bytes of standard error were not logged)", l.dropped, l.droppedBytes))
	}
}

// takeLines logs the whole lines of data and returns the rest.
func (l *Lines) takeLines(data []byte) []byte {
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

func (l *Lines) line(line []byte) {
	if l.bound && (l.lines >= MaxLines || l.logged+len(line) > MaxLogged) {
		l.dropped++
		l.droppedBytes += len(line)
		return
	}
	l.lines++
	l.logged += len(line)
	if l.log != nil {
		l.log(string(line))
	}
}

func (l *Lines) remember(data []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(data) >= MaxLastWords {
		l.tail = append(l.tail[:0], data[len(data)-MaxLastWords:]...)
		return
	}
	if over := len(l.tail) + len(data) - MaxLastWords; over > 0 {
		l.tail = l.tail[:copy(l.tail, l.tail[over:])]
	}
	l.tail = append(l.tail, data...)
}

// LastWords is the end of what was written so far, at most MaxLastWords, without blanks around it.
func (l *Lines) LastWords() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(bytes.TrimSpace(l.tail))
}
