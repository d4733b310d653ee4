package responder

import (
	"context"
	"sync"
)

// Output is an output stream of a request. Safe for concurrent use.
type Output struct {
	kind   byte
	id     uint16
	buffer int // bytes to gather
	ctx    context.Context
	send   func(records []byte) error

	mu      sync.Mutex
	pending []byte
	used    bool
	err     error
}

// Write sends p, or gathers it. It fails when nobody wants the answer any more.
func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil && o.ctx.Err() != nil {
		o.err = context.Cause(o.ctx)
	}
	if o.err != nil {
		return 0, o.err
	}
	if len(o.pending)+len(p) < o.buffer {
		o.pending = append(o.pending, p...)
		return len(p), nil
	}
	o.flush()
	if o.err == nil {
		o.put(p)
	}
	if o.err != nil {
		return 0, o.err
	}
	return len(p), nil
}

// Flush sends what was gathered.
func (o *Output) Flush() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flush()
	return o.err
}

func (o *Output) flush() {
	o.put(o.pending)
	o.pending = o.pending[:0]
}

func (o *Output) put(data []byte) {
	if len(data) > 0 && o.err == nil {
		o.used = true
		o.err = o.send(appendStream(nil, o.kind, o.id, data))
	}
}

// end appends what was gathered, and the end of the stream if it was used or must always have one.
func (o *Output) end(dst []byte, always bool) []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	dst = appendStream(dst, o.kind, o.id, o.pending)
	o.pending, o.err = nil, ErrGone // whoever writes now is too late
	if o.used || always {
		dst = appendRecord(dst, o.kind, o.id, nil)
	}
	return dst
}
