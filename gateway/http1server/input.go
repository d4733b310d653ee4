package http1server

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/nonblock"
)

// bufferSize is what is read, or gathered to be sent, at once.
const bufferSize = 4 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

func getBuffer() []byte { return buffers.Get().(*[bufferSize]byte)[:] }

// putBuffer takes back what getBuffer gave; anything else is left to the garbage collector.
func putBuffer(b []byte) {
	if cap(b) == bufferSize {
		buffers.Put((*[bufferSize]byte)(b[:bufferSize]))
	}
}

// input is what a connection has received. It holds a buffer only while there is something in it. One goroutine at a
// time uses it.
type input struct {
	conn     net.Conn
	raw      syscall.RawConn // nil: conn has no descriptor
	deadline *deadline
	buf      []byte
	from, to int
	last     time.Time // when something has come
	err      error     // nothing more will come

	ready func(fd uintptr) bool // receive, made once
	got   int                   // what it has read
	fail  error
}

func newInput(conn net.Conn, deadline *deadline) *input {
	in := &input{conn: conn, deadline: deadline}
	if sc, ok := conn.(syscall.Conn); ok {
		if raw, err := sc.SyscallConn(); err == nil {
			in.raw, in.ready = raw, in.receive
		}
	}
	return in
}

// bytes are those that have not been used yet.
func (in *input) bytes() []byte { return in.buf[in.from:in.to] }

// use takes n of them away.
func (in *input) use(n int) {
	if in.from += n; in.from == in.to {
		in.release()
	}
}

func (in *input) release() {
	putBuffer(in.buf)
	in.buf, in.from, in.to = nil, 0, 0
}

// fill waits for more bytes. os.ErrDeadlineExceeded leaves everything as it was; any other error is the last.
func (in *input) fill() error {
	if in.err != nil {
		return in.err
	}
	in.makeRoom()
	for {
		n, err := in.read()
		switch {
		case n > 0:
			in.to, in.last = in.to+n, time.Now()
			return nil
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded) && !in.deadline.passed():
			continue
		}
		if in.from == in.to {
			in.release()
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			in.err = err
		}
		return err
	}
}

// makeRoom moves what is left to the front, or to a buffer of twice the size. Without anything left it does nothing.
func (in *input) makeRoom() {
	if in.to < len(in.buf) || in.buf == nil {
		return
	}
	rest, old := in.bytes(), in.buf
	if len(rest) > len(old)/2 {
		in.buf = make([]byte, 2*len(old))
	}
	in.from, in.to = 0, copy(in.buf, rest)
	if len(in.buf) > len(old) {
		putBuffer(old)
	}
}

// ended says whether the client has closed its side.
func (in *input) ended() bool { return in.err == io.EOF }

// full says whether fill would have to make room.
func (in *input) full() bool { return in.buf != nil && in.to == len(in.buf) }

// read reads once. There is a buffer when something is to be put into it, not before.
func (in *input) read() (int, error) {
	if in.raw == nil {
		if in.buf == nil {
			in.buf = getBuffer()
		}
		return in.conn.Read(in.buf[in.to:])
	}
	in.got, in.fail = 0, nil
	if err := in.raw.Read(in.ready); err != nil {
		return 0, err
	}
	return in.got, in.fail
}

// receive is called until it is true, each time when the descriptor may have become readable.
func (in *input) receive(fd uintptr) bool {
	empty := in.buf == nil
	if empty {
		in.buf = getBuffer()
	}
	n, err := nonblock.Read(fd, in.buf[in.to:])
	if err == unix.EAGAIN {
		if empty {
			in.release()
		}
		return false
	}
	if in.got, in.fail = n, err; n == 0 {
		in.fail = io.EOF
	}
	return true
}

// take copies what has been received, or receives into p; into the buffer first, if p has less room than that.
func (in *input) take(p []byte) (int, error) {
	if len(in.bytes()) == 0 {
		if len(p) >= bufferSize {
			return in.readInto(p)
		}
		if err := in.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, in.bytes())
	in.use(n)
	return n, nil
}

// readInto reads past the buffer, which must be empty.
func (in *input) readInto(p []byte) (int, error) {
	if in.err != nil {
		return 0, in.err
	}
	for {
		n, err := in.conn.Read(p)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			if in.deadline.passed() {
				return 0, err
			}
			continue
		}
		in.err = err
		return 0, err
	}
}
