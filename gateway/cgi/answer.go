package cgi

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/process"
)

// body is the rest of an answer. Read and WriteTo are for one goroutine, Close for any.
type body struct {
	run    *run
	closed atomic.Bool

	mu  sync.Mutex // held while reading
	err error      // how reading ended
}

// Ready says whether the whole answer can be read without waiting for anything.
func (b *body) Ready() bool { return b.run.brief }

var errClosed = errors.New("cgi: read from an answer that was closed")

// Read returns io.EOF only after a whole answer: not for a program that was killed.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.run.out.Read(p)
	if err != nil {
		b.finish(err)
		err = b.err
	}
	return n, err
}

// WriteTo implements io.WriterTo: each piece is written as soon as it has come.
func (b *body) WriteTo(w io.Writer) (written int64, err error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		n, rerr := b.Read(*buf)
		if n > 0 {
			nw, werr := w.Write((*buf)[:n])
			written += int64(nw)
			if werr != nil {
				return written, werr
			}
		}
		if rerr == io.EOF {
			return written, nil
		}
		if rerr != nil {
			return written, rerr
		}
	}
}

// Close stops a program whose answer has not ended. It waits for that no longer than a moment.
func (b *body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	r := b.run
	r.interrupt()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.finish(errClosed)
	}
	return nil
}

// finish ends the reading for the reason err and decides what becomes of the program.
func (b *body) finish(err error) {
	r := b.run
	if b.closed.Load() {
		err = errClosed
	}
	if err == io.EOF {
		err = r.verdict()
	}
	b.err = err
	r.release(err == io.EOF)
}

// verdict judges an answer that has ended: io.EOF if it is whole.
func (r *run) verdict() error {
	s, ok := r.outcome()
	if why := r.brokenOff(); why != nil {
		return why
	}
	if !ok || s.Signal() == 0 {
		return io.EOF
	}
	r.awaitLastWords()
	return &gateway.Error{
		Status: http.StatusBadGateway,
		Op:     "cgi: read the answer of " + r.script,
		Err:    errors.New("the program was " + s.String() + " in the middle of it" + r.lastWords()),
		Hint:   process.ExplainEnd(r.spec, r.script, s).Hint,
	}
}

// release lets go of what the answer needed. A program that goes on after a whole answer may, within Timeout; after any
// other end it is stopped.
func (r *run) release(whole bool) {
	r.unwatch()
	r.stdout.Close()
	if r.stdin != nil && !whole {
		r.stdin.Close()
	}
	r.out.Reset(nil)
	readers.Put(r.out)
	r.out = nil
	if whole {
		r.leave()
	} else {
		r.stop(r.backend.opt.StopTimeout)
		r.await(exitNoteTime)
	}
	r.noteExit()
}

// await waits for the program to end.
func (r *run) await(limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-r.proc.Done():
	case <-timer.C:
	}
}

// leave lets a program go on after its answer, within Timeout.
func (r *run) leave() {
	limit := r.backend.opt.Timeout
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = true
	if limit <= 0 {
		return
	}
	select {
	case <-r.gone:
	default:
		r.limit = time.AfterFunc(limit-time.Since(r.started), func() { r.stop(r.backend.opt.StopTimeout) })
	}
}
