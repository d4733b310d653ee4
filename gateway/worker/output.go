package worker

import (
	"fmt"
	"os"
	"sync"
	"time"

	"gatewayd/gateway/stderr"
)

const (
	// The lines of one slot that are logged: so many at once, and then so many a second.
	linesAtOnce    = 500
	linesPerSecond = 50

	// lingerTime is how long output is read after a worker's end, from children that it left behind.
	lingerTime = time.Second
)

// output is what a worker prints, on standard output and standard error alike.
type output struct {
	file  *os.File
	lines *stderr.Lines
	done  chan struct{} // closed when it has been read to its end
}

func newOutput(file *os.File, ration *ration) *output {
	return &output{file: file, lines: stderr.NewUnbounded(ration.line), done: make(chan struct{})}
}

// read reads until nobody can write any more, or the file's deadline.
func (o *output) read() {
	defer close(o.done)
	defer o.file.Close()
	for {
		n, err := o.file.Read(o.lines.Room())
		if n > 0 {
			o.lines.Took(n)
		}
		if err != nil {
			o.lines.End()
			return
		}
	}
}

// ended is for when the worker is gone.
func (o *output) ended() { o.file.SetReadDeadline(time.Now().Add(lingerTime)) }

// ration bounds what a slot brings into the log, however many workers it has one after the other.
type ration struct {
	log func(line string) // nil drops everything

	mu      sync.Mutex
	hushed  bool    // drops everything
	used    float64 // of linesAtOnce
	at      time.Time
	dropped int // since the last line that was logged
}

// hush has nothing logged any more, or everything again.
func (r *ration) hush(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hushed = on
}

func (r *ration) line(line string) {
	if r.log == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hushed {
		return
	}
	now := time.Now()
	r.used = max(0, r.used-now.Sub(r.at).Seconds()*linesPerSecond)
	r.at = now
	if r.used+1 > linesAtOnce {
		r.dropped++
		return
	}
	r.used++
	if r.dropped > 0 {
		r.log(fmt.Sprintf("(%d lines were not logged: more than %d a second)", r.dropped, linesPerSecond))
		r.dropped = 0
	}
	r.log(line)
}
