package relay

import (
	"context"
	"io"
	"sync"
	"time"
)

// unwatched is how much of an answer may be sent without looking whether the client takes it: it is in a buffer.
const unwatched = 4 << 10

// patience is how long a client may keep a program from writing on: firstPatience, and perMiB for each MiB that it has
// taken. That is above what a connection of 500 Mbit/s needs: a client that is only a little slower than the program is
// served without a detour.
type patience struct {
	bytes  int64
	waited time.Duration
}

const (
	firstPatience = 50 * time.Millisecond
	perMiB        = 16 * time.Millisecond
)

func (p *patience) left() time.Duration {
	return firstPatience + time.Duration(p.bytes>>20)*perMiB - p.waited
}

// stream is an answer on its way to the client. The goroutine of the request reads and writes in turn, until the client
// has used up its patience: then somebody else reads ahead, so that the program is not kept waiting, until the client
// has caught up.
type stream struct {
	ctx     context.Context
	src     source
	out     flusher
	clock   *idleClock
	coupled bool   // nothing is ever read ahead
	dir     string // for what is read ahead

	patience patience
	since    time.Time       // when the wait for the client began; zero: nobody looks how long it takes
	watch    *time.Timer     // begins to read ahead; nil until it is needed
	begun    chan *readAhead // what watch has begun
	ahead    *readAhead      // nil while nobody else reads
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 32<<10); return &b }}

// run sends the answer to its end.
func (s *stream) run() error {
	defer s.out.stop()
	err := s.copy()
	if s.ahead != nil {
		s.ahead.leave()
	}
	if err != nil {
		s.out.flushPending() // what there is of a broken answer is the client's, the head above all
	}
	return err
}

func (s *stream) copy() error {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	for {
		n, err := s.read(*buf)
		if n > 0 {
			if err := s.send((*buf)[:n]); err != nil {
				return notSent(err)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *stream) send(p []byte) error {
	s.patience.bytes += int64(len(p))
	s.beginWait()
	defer s.endWait()
	_, err := s.out.Write(p)
	return err
}

// read reads what comes next, from the program or from what was read ahead.
func (s *stream) read(p []byte) (int, error) {
	if s.ahead == nil && s.src.left == 0 {
		s.beginWait()
		s.out.finish() // the client need not wait for the end of the program
		s.endWait()
	}
	if s.ahead != nil {
		if n, err := s.ahead.take(s.ctx, p); n > 0 || err != nil {
			return n, err
		}
		s.ahead.leave()
		s.ahead, s.patience = nil, patience{}
		s.clock.resume()
	}
	return s.src.Read(p)
}

// beginWait and endWait enclose a wait for the client. Should it take too long, the reading is somebody else's when it
// is over.
func (s *stream) beginWait() {
	if s.ahead != nil {
		return
	}
	s.clock.pause()
	if s.coupled || s.patience.bytes <= unwatched {
		return
	}
	s.since = time.Now()
	if s.watch != nil {
		s.watch.Reset(s.patience.left())
		return
	}
	s.begun = make(chan *readAhead, 1)
	s.watch = time.AfterFunc(s.patience.left(), s.readAhead)
}

func (s *stream) endWait() {
	if s.ahead != nil {
		return
	}
	if !s.since.IsZero() {
		s.patience.waited += time.Since(s.since)
		s.since = time.Time{}
		if !s.watch.Stop() {
			s.ahead = <-s.begun
			return
		}
	}
	s.clock.resume()
}

// readAhead is what watch does. The source is its own from now on.
func (s *stream) readAhead() {
	a := newReadAhead(&s.src, s.clock, s.dir)
	s.begun <- a
	a.run()
}
