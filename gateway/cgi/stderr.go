package cgi

import (
	"bytes"
	"fmt"
	"os"
	"sync"
)

const (
	maxLine      = 8 << 10 // a longer line is logged in pieces
	maxLines     = 1000    // of a request; what is more is counted
	maxLogged    = 1 << 20 // bytes of a request, likewise
	maxLastWords = 2 << 10
)

// stderrLog passes what a program writes to its standard error on to the log, line by line and within bounds, and
// remembers the end of it. It reads until the end whatever happens: a program must never wait for its log.
type stderrLog struct {
	file  *os.File
	log   func(line string)
	touch func()
	done  chan struct{} // closed when read has returned

	cut                   bool // the line so far has been logged as a piece
	lines, logged         int  // so far
	dropped, droppedBytes int

	mu   sync.Mutex
	tail []byte
}

func newStderrLog(file *os.File, log func(string), touch func()) *stderrLog {
	if log == nil {
		log = func(string) {}
	}
	return &stderrLog{file: file, log: log, touch: touch, done: make(chan struct{})}
}

var lineBuffers = sync.Pool{New: func() any { b := make([]byte, maxLine); return &b }}

// read reads until everyone has closed the other end, or the file's deadline.
func (l *stderrLog) read() {
	defer close(l.done)
	defer l.file.Close()
	pooled := lineBuffers.Get().(*[]byte)
	defer lineBuffers.Put(pooled)
	buf := *pooled
	held := 0
	for {
		n, err := l.file.Read(buf[held:])
		if n > 0 {
			l.touch()
			l.remember(buf[held : held+n])
			held += n
			held = copy(buf, l.takeLines(buf[:held]))
		}
		if held == len(buf) {
			l.line(buf)
			held, l.cut = 0, true
		}
		if err != nil {
			break
		}
	}
	if held > 0 {
		l.line(buf[:held])
	}
	if l.dropped > 0 {
		l.log(fmt.Sprintf("(%d more lines with %d bytes of standard error were not logged)", l.dropped, l.droppedBytes))
	}
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
