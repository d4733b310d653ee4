package fastcgi

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"gatewayd/gateway/stderr"
	"gatewayd/gateway/upstream"
)

// stdout is an exchange as the reader of what its application writes to STDOUT. io.EOF comes with END_REQUEST.
type stdout exchange

// Read implements io.Reader.
func (s *stdout) Read(p []byte) (int, error) { return (*exchange)(s).readStdout(p) }

// readStdout reads content of STDOUT, of as many records as there are without waiting.
func (x *exchange) readStdout(p []byte) (n int, err error) {
	for n < len(p) && x.last == nil {
		if n > 0 && !x.in.atStdout() {
			break
		}
		var piece []byte
		if x.in.head.kind == typeStdout && x.in.content > 0 {
			piece, err = x.in.piece(len(p) - n)
		} else {
			err = x.nextRecord()
		}
		if err != nil {
			x.noMore(err)
			break
		}
		n += copy(p[n:], piece)
	}
	switch {
	case n > 0:
		x.said = true
		x.touch()
		return n, nil
	case x.last != nil:
		return 0, x.last
	}
	return 0, err
}

// nextRecord goes on to the next record, and takes it unless it is one of STDOUT.
func (x *exchange) nextRecord() error {
	in := x.in
	if in.content == 0 {
		if err := in.next(); err != nil {
			return err
		}
	}
	switch in.head.kind {
	case typeStdout:
		if x.stdout && in.content > 0 {
			return in.fault("STDOUT goes on after its end")
		}
		x.stdout = in.content == 0
		return nil
	case typeStderr:
		return x.takeStderr()
	case typeEndRequest:
		return x.takeEnd()
	}
	return in.skip()
}

// takeStderr takes the content of a STDERR record. An empty one should be the last, but some send it all the same.
func (x *exchange) takeStderr() error {
	if x.errs == nil {
		x.errs = stderr.NewLines(x.log)
	}
	for x.in.content > 0 {
		piece, err := x.in.piece(x.in.content)
		if err != nil {
			return err
		}
		x.errs.Write(piece)
		x.touch()
	}
	return nil
}

func (x *exchange) takeEnd() error {
	b, err := x.in.whole(endSize)
	if err != nil {
		return err
	}
	var status protocolStatus
	x.status, status = parseEnd(b)
	if x.last = io.EOF; status != requestComplete {
		x.last = &statusError{status}
	}
	return nil
}

// noMore takes note of why no more records can be read, unless it was this side that wanted reading to end.
func (x *exchange) noMore(err error) {
	var fault *protocolError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, net.ErrClosed):
	case err == io.EOF:
		x.last = errClosedEarly
	case err == io.ErrUnexpectedEOF:
		x.last = errClosedInside
	case errors.As(err, &fault):
		x.last = err
	default:
		x.last = fmt.Errorf("the connection broke before the application had ended the request: %w", plain(err))
	}
}

// body is an exchange as the rest of its answer. Read and WriteTo are for one goroutine, Close for any.
type body exchange

var (
	errClosed   = errors.New("fastcgi: read from an answer that was closed")
	copyBuffers = sync.Pool{New: func() any { b := make([]byte, 64<<10); return &b }}
)

// Ready says whether the whole answer, as long as it has announced, can be read without waiting for anything.
func (b *body) Ready() bool { return b.ready }

// Read returns io.EOF only after END_REQUEST.
func (b *body) Read(p []byte) (int, error) {
	x := (*exchange)(b)
	x.reading.Lock()
	defer x.reading.Unlock()
	if x.err != nil {
		return 0, x.err
	}
	n, err := x.take(p)
	x.takeTail()
	if err != nil {
		x.conclude(err)
		err = x.err
	}
	return n, err
}

// take reads what is buffered, then what comes.
func (x *exchange) take(p []byte) (n int, err error) {
	switch {
	case x.out.Buffered() > 0:
		return x.out.Read(p)
	case len(x.rest) > 0:
		n = copy(p, x.rest)
		x.rest = x.rest[n:]
		return n, nil
	}
	return x.readStdout(p)
}

// takeTail gives the place at the peer back if the end of the request has come with the last of the answer: the client may
// take its time to read that.
func (x *exchange) takeTail() {
	if x.left {
		return
	}
	if _, ok := x.in.untilEnd(0); ok && x.last == nil {
		x.readStdout(make([]byte, 1))
	}
	if x.last == io.EOF {
		x.end(upstream.Served)
		x.leave()
	}
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

// Close tells an application to stop whose answer has not ended. It does not wait for that.
func (b *body) Close() error {
	x := (*exchange)(b)
	x.mu.Lock()
	if x.why == nil {
		x.why = errClosed
	}
	x.mu.Unlock()
	x.interrupt()
	x.reading.Lock()
	defer x.reading.Unlock()
	if x.err == nil {
		x.conclude(errClosed)
	}
	return nil
}

// outcome is what is to be said of a peer that has brought reading to this end.
func outcome(last error) upstream.Outcome {
	if last == io.EOF {
		return upstream.Served
	}
	var refused *statusError
	var fault *protocolError
	switch {
	case errors.As(last, &refused):
		return upstream.Served
	case errors.As(last, &fault):
		return upstream.Faulty
	}
	return upstream.Broken
}
