package cgi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/process"
)

// A body may know shorter ways to a program than being read piece by piece.
type (
	// fileBody is a body in a file: StdinFile returns a descriptor of its own, read-only and at offset 0, which the
	// caller closes; nil if the body is in no file. On error the body is read like any other.
	fileBody interface {
		StdinFile() (*os.File, error)
	}
	// memoryBody is a body in memory: Bytes is all of it, not to be changed; nil if it is elsewhere.
	memoryBody interface{ Bytes() []byte }
)

// openBody makes the program's standard input. theirs is nil for /dev/null; ours is the end to write rest to, nil when
// nothing is left to write.
func openBody(body io.Reader) (theirs, ours *os.File, rest io.Reader, err error) {
	if body == nil || body == http.NoBody {
		return nil, nil, nil, nil
	}
	if b, ok := body.(fileBody); ok {
		if f, err := b.StdinFile(); err == nil && f != nil {
			return f, nil, nil, nil
		}
	}
	ours, theirs, err = process.InputPipe("stdin")
	if err != nil {
		return nil, nil, nil, err
	}
	rest = body
	if b, ok := body.(memoryBody); ok {
		if data := b.Bytes(); data != nil {
			rest = fill(ours, data)
		}
	}
	if rest == nil {
		ours.Close()
		ours = nil
	}
	return theirs, ours, rest, nil
}

// fill writes what fits into a new pipe, before anyone reads from it, and returns the rest, nil if there is none.
func fill(pipe *os.File, data []byte) io.Reader {
	n := 0
	if conn, err := pipe.SyscallConn(); err == nil {
		conn.Control(func(fd uintptr) { n, _ = unix.Write(int(fd), data) })
	}
	if n = max(n, 0); n == len(data) {
		return nil
	}
	return bytes.NewReader(data[n:])
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}

// feed writes the request body to the program. That the program stops reading is no error: it may know enough. A body
// that breaks off is one: the program must not take a part for the whole.
func (r *run) feed(body io.Reader) {
	defer r.stdin.Close()
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		n, err := body.Read(*buf)
		if n > 0 {
			r.touch()
			if _, werr := r.stdin.Write((*buf)[:n]); werr != nil {
				return
			}
			r.touch()
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			r.bodyBroke(err)
			return
		}
	}
}

// bodyBroke ends a program whose request body could not be read, before its input ends. One that has ended by itself
// knew enough. One that works on after its answer may, but its input does not end before it does.
func (r *run) bodyBroke(err error) {
	if r.hasAnswered() {
		<-r.gone
	}
	select {
	case <-r.gone:
		return
	default:
	}
	var e *gateway.Error
	if !errors.As(err, &e) {
		e = &gateway.Error{
			Status: http.StatusBadRequest,
			Op:     "cgi: give the request body to " + r.script,
			Err:    fmt.Errorf("read the body: %w", err),
			Public: "The request body ended before it was complete.",
		}
	}
	r.mu.Lock()
	r.bodyErr = e
	r.mu.Unlock()
	r.stop(0)
}
