package fastcgi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
)

// A body may know more than to be read.
type (
	// memoryBody is a body in memory: Bytes is all of it, not to be changed; nil if it is elsewhere.
	memoryBody interface{ Bytes() []byte }
	// rewinder is a body that can be read once more from the start.
	rewinder interface{ Rewind() error }
)

const (
	// maxInline is the size of a body in memory that goes out with the head of the request.
	maxInline = 128 << 10
	// maxMessage is the size of a buffer that is kept for another request.
	maxMessage = 2 * maxInline
	// inputPiece is the most that is read of a body at once: so much that a record of it is 64 KiB.
	inputPiece = 64<<10 - headerSize
)

var (
	messages = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}
	pieces   = sync.Pool{New: func() any { b := make([]byte, headerSize+inputPiece+headerSize); return &b }}
	varLists = sync.Pool{New: func() any { s := make([]cgispec.Var, 0, 64); return &s }}
)

// input is what an exchange sends.
type input struct {
	body  io.Reader     // nil if there is none
	sent  int64         // bytes, heads included; like ended to be read when over
	ended bool          // the end of STDIN has been written
	fed   chan struct{} // closed when feed has returned; nil if it was not needed

	writing sync.Mutex // held while feed writes
	torn    bool       // what was written ends inside a record
	hushed  bool       // nothing more may be written
}

// over says whether everything has been written.
func (in *input) over() bool {
	if in.fed != nil {
		select {
		case <-in.fed:
		default:
			return false
		}
	}
	return in.ended
}

// send writes the request: as much as can be written without waiting, which for most is all of it, and the rest beside
// the reading of the answer.
func (x *exchange) send() error {
	in := &x.input
	in.sent, in.ended, in.fed, in.torn, in.hushed = 0, false, nil, false, false
	message := messages.Get().(*[]byte)
	rest := x.message(message)
	n, err := x.conn.writeNow(*message)
	in.sent, in.torn = int64(n), 0 < n && n < len(*message)
	if err != nil {
		giveBack(message)
		return x.notSent(err)
	}
	x.touch()
	if n == len(*message) && rest == nil {
		giveBack(message)
		in.ended = true
		return nil
	}
	in.fed = make(chan struct{})
	go x.feed(x.conn, message, n, rest)
	return nil
}

// message puts the head of the request into dst, and its body if that is in memory; rest is what is still to be read of
// it, nil if nothing is.
func (x *exchange) message(dst *[]byte) (rest io.Reader) {
	vars := varLists.Get().(*[]cgispec.Var)
	*vars = x.backend.vars((*vars)[:0], x.req)
	b := appendBegin((*dst)[:0], x.lease.Peer.Keeps())
	b = appendParams(b, *vars)
	clear(*vars) // the pool must not keep a request's values
	varLists.Put(vars)
	rest = x.input.body
	if m, ok := rest.(memoryBody); ok {
		if data := m.Bytes(); len(data) > maxInline {
			rest = bytes.NewReader(data)
		} else if data != nil {
			b, rest = appendStream(b, typeStdin, data), nil
		}
	}
	if rest == nil {
		b = appendEnd(b, typeStdin)
	}
	*dst = b
	return rest
}

func giveBack(message *[]byte) {
	if cap(*message) <= maxMessage {
		messages.Put(message)
	}
}

// feed writes what send has left: the message from byte n on, and the body. That the application stops reading is no
// error: it may know enough. A body that breaks off is one: the application must not take a part for the whole, so that
// its end is not written.
func (x *exchange) feed(c *conn, message *[]byte, n int, body io.Reader) {
	defer close(x.input.fed)
	ok := n == len(*message) || x.write(c, (*message)[n:])
	giveBack(message)
	if body == nil {
		x.input.ended = ok
		return
	}
	buf := pieces.Get().(*[]byte)
	defer pieces.Put(buf)
	for ok {
		n, err := body.Read((*buf)[headerSize : headerSize+inputPiece])
		record := 0
		if n > 0 {
			putHeader(*buf, typeStdin, requestID, n)
			record = headerSize + n
		}
		if err == io.EOF {
			putHeader((*buf)[record:], typeStdin, requestID, 0)
			record += headerSize
		}
		ok = record == 0 || x.write(c, (*buf)[:record])
		if err == io.EOF {
			x.input.ended = ok
			return
		}
		if err != nil {
			x.bodyBroke(err)
			return
		}
	}
}

// write writes whole records, or the rest of one.
func (x *exchange) write(c *conn, p []byte) (ok bool) {
	in := &x.input
	in.writing.Lock()
	defer in.writing.Unlock()
	if in.hushed {
		return false
	}
	x.touch()
	n, err := c.Write(p)
	in.sent += int64(n)
	if err != nil {
		in.torn = in.torn || n > 0
		return false
	}
	in.torn = false
	x.touch()
	return true
}

// hush sees to it that feed writes nothing more, which interrupt must have made possible. It is false if nothing can
// follow what was written: it was nothing, or ends inside a record.
func (in *input) hush() (open bool) {
	in.writing.Lock()
	defer in.writing.Unlock()
	in.hushed = true
	return in.sent > 0 && !in.torn
}

// bodyBroke ends the exchange because its body could not be read to its end. An answer that is whole stays so: the
// application knew enough.
func (x *exchange) bodyBroke(err error) {
	var e *gateway.Error
	if !errors.As(err, &e) {
		e = &gateway.Error{
			Status: http.StatusBadRequest,
			Op:     "fastcgi: send the request body for " + x.script,
			Err:    fmt.Errorf("read the body: %w", err),
			Public: "The request body ended before it was complete.",
		}
	}
	go x.stop(e)
}
