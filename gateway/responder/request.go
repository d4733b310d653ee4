package responder

import (
	"context"
	"errors"
	"io"
	"sync"
)

var (
	// ErrAborted is the cause of a request's context after FCGI_ABORT_REQUEST.
	ErrAborted = errors.New("responder: the request was aborted")
	// ErrGone is the cause after the connection has ended.
	ErrGone = errors.New("responder: the connection was closed")
)

// Request is one request as the application sees it.
type Request struct {
	Params []Param   // as they were sent
	Stdin  io.Reader // streams; io.EOF at the end of the body, and only then
	Stdout *Output
	Stderr *Output // never buffered

	ctx context.Context
}

// Context ends when nobody wants the answer any more, which is noticed only as far as the body has been read: what is
// not read holds up what follows it. Its cause is ErrAborted or ErrGone.
func (r *Request) Context() context.Context { return r.ctx }

// Param is the value of the first parameter with the name, "" if there is none.
func (r *Request) Param(name string) string {
	for _, p := range r.Params {
		if p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Environ is the parameters as "NAME=value".
func (r *Request) Environ() []string {
	all := make([]string, len(r.Params))
	for i, p := range r.Params {
		all[i] = p.Name + "=" + p.Value
	}
	return all
}

// stdinAhead is how many bytes of a body are read before the handler asks for them.
const stdinAhead = 64 << 10

// stdin is a pipe that holds stdinAhead bytes.
type stdin struct {
	mu      sync.Mutex
	changed sync.Cond
	held    []byte
	err     error // what a reader gets after what is held
	unread  bool  // nobody will read any more
}

func newStdin() *stdin {
	s := &stdin{}
	s.changed.L = &s.mu
	return s
}

func (s *stdin) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.held) == 0 && s.err == nil {
		s.changed.Wait()
	}
	if len(s.held) == 0 {
		return 0, s.err
	}
	n := copy(p, s.held)
	s.held = s.held[:copy(s.held, s.held[n:])]
	s.changed.Broadcast()
	return n, nil
}

// put waits until there is room for data, and drops it where nobody reads.
func (s *stdin) put(data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(data) > 0 && !s.unread {
		if n := min(len(data), stdinAhead-len(s.held)); n > 0 {
			s.held = append(s.held, data[:n]...)
			data = data[n:]
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

// end is what Read returns from now on, after what is held. The first counts.
func (s *stdin) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		s.changed.Broadcast()
	}
}

// leave says that nobody reads any more.
func (s *stdin) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unread, s.held = true, nil
	s.changed.Broadcast()
}
