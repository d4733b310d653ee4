package http1server

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	unknown = -1      // length of an answer
	held    = 2 << 10 // bytes of an answer that wait for its end, so that its length may be known
)

// response is the http.ResponseWriter of one request. out holds the head and behind it what has been written of the
// body; the last lines of the head, which say where the body ends, are added when that is known.
type response struct {
	exchange *exchange
	header   http.Header
	old      bool // HTTP/1.0
	closes   bool // the connection ends with this answer

	mu        sync.Mutex // between the handler and whoever reads the body
	status    int        // 0 before the final head
	continued bool

	connection []string // what the handler said of it
	dated      bool     // and of the date
	typed      bool     // and of the type, unless there is none
	noBody     bool     // whatever is written, nothing may follow the head
	length     int64    // of the body, as announced; unknown
	written    int64    // bytes given to Write

	out     []byte
	bodyAt  int  // where in out the head ends
	framed  bool // and is whole
	chunked bool
	err     error // nothing more can be sent
}

func (w *response) init(x *exchange) {
	w.exchange, w.length = x, unknown
	w.closes, w.old = x.request.Close, x.request.ProtoMinor == 0
}

// Header implements http.ResponseWriter. It is the connection's one: handlers have no use for it afterwards.
func (w *response) Header() http.Header {
	if w.header == nil {
		w.header = w.exchange.conn.header()
	}
	return w.header
}

// WriteHeader implements http.ResponseWriter. A second final status is ignored.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.status != 0:
	case status < 200 && status != http.StatusSwitchingProtocols:
		w.writeInterim(status)
	default:
		w.status = status
		w.begin()
	}
}

// writeInterim sends a head that is followed by another. HTTP/1.0 knows none.
func (w *response) writeInterim(status int) {
	w.continued = w.continued || status == http.StatusContinue
	if w.old || w.err != nil {
		return
	}
	b := appendFields(appendStatusLine(getBuffer()[:0], status, false), w.header, status)
	w.send(append(w.exchange.conn.pieces[:0], append(b, "\r\n"...)))
	putBuffer(b)
}

// sendContinue tells the client to send its body, unless it has got an answer instead.
func (w *response) sendContinue() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.status == 0 && !w.continued {
		w.continued = true
		io.WriteString(w.exchange.conn.out, "HTTP/1.1 100 Continue\r\n\r\n") // a read will fail if this has
	}
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch w.written += int64(len(p)); {
	case w.err != nil:
		return 0, w.err
	case len(p) == 0:
		return 0, nil
	case !bodyAllowed(w.status):
		return 0, http.ErrBodyNotAllowed
	case w.length != unknown && w.written > w.length:
		return 0, http.ErrContentLength
	case w.noBody && w.framed:
		return len(p), nil
	}
	if err := w.put(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// put keeps p as long as there is room for it.
func (w *response) put(p []byte) error {
	if !w.framed {
		if len(w.out)-w.bodyAt+len(p) <= held {
			w.out = append(w.out, p...)
			return nil
		}
		w.finishHead(p, false)
	}
	if len(w.out)+len(p) <= bufferSize {
		w.out = append(w.out, p...)
		return nil
	}
	return w.emit(p, false)
}

var (
	chunkEnd  = []byte("\r\n")
	lastChunk = []byte("0\r\n\r\n")
)

// emit sends what has been kept and then p; last says that nothing else follows. In the chunked coding that is one chunk.
func (w *response) emit(p []byte, last bool) error {
	if len(w.out)+len(p) == 0 && !last {
		return nil
	}
	head, kept := w.out[:w.bodyAt], w.out[w.bodyAt:]
	pieces := w.exchange.conn.pieces[:0]
	switch size := len(kept) + len(p); {
	case w.noBody:
		pieces = append(pieces, head)
	case !w.chunked && len(p) == 0:
		pieces = append(pieces, w.out)
	case !w.chunked:
		pieces = append(pieces, w.out, p)
	case size == 0:
		pieces = append(pieces, head)
	default:
		line := append(strconv.AppendInt(w.exchange.conn.line[:0], int64(size), 16), "\r\n"...)
		pieces = append(pieces, head, line, kept, p, chunkEnd)
	}
	if last && w.chunked {
		pieces = append(pieces, lastChunk)
	}
	w.out, w.bodyAt = w.out[:0], 0
	return w.send(pieces)
}

// Flush implements http.Flusher.
func (w *response) Flush() { w.FlushError() }

// FlushError is Flush with its error, for http.ResponseController.
func (w *response) FlushError() error {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.framed {
		w.finishHead(nil, false)
	}
	if w.err != nil {
		return w.err
	}
	return w.emit(nil, false)
}

// finish sends what has been kept, once the handler has returned. It is true if the connection is good for another
// answer.
func (w *response) finish() bool {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.framed {
		w.finishHead(nil, true)
	}
	if w.err == nil && (w.chunked || len(w.out) > 0) {
		w.emit(nil, true)
	}
	whole := w.noBody || w.length == unknown || w.written == w.length
	return w.err == nil && whole && !w.closes
}

var errOver = errors.New("the handler has returned")

// release is called when nothing more is sent.
func (w *response) release() {
	putBuffer(w.out)
	clear(w.header)
	w.out, w.header, w.err = nil, nil, errOver
}

func (w *response) send(pieces [][]byte) error {
	if w.err != nil {
		return w.err
	}
	if _, err := w.exchange.conn.out.send(pieces); err != nil {
		w.failed(err)
	}
	clear(pieces)
	return w.err
}

// failed is called when something could not be sent: the client has left.
func (w *response) failed(err error) {
	w.err = err
	w.exchange.ctx.end()
}

// SetReadDeadline is for http.ResponseController.
func (w *response) SetReadDeadline(t time.Time) error {
	w.exchange.conn.until.setByHandler(t)
	return nil
}

// SetWriteDeadline is for http.ResponseController. With a SendTimeout it has no effect.
func (w *response) SetWriteDeadline(t time.Time) error {
	return w.exchange.conn.net.SetWriteDeadline(t)
}

// EnableFullDuplex is for http.ResponseController: there is no other way here.
func (w *response) EnableFullDuplex() error { return nil }

// ReadFrom implements io.ReaderFrom, so that the kernel sends a part of a file, if nothing but the part's bytes has to be
// sent.
func (w *response) ReadFrom(src io.Reader) (int64, error) {
	part, ok := src.(*io.LimitedReader)
	if !ok || regularFile(src) == nil {
		return w.copyFrom(src) // which may be the body that waits for 100 Continue: nothing is written before it is read
	}
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.noBody || w.written+part.N > w.length || !w.framed && !w.typed {
		return w.copyFrom(src)
	}
	if err := w.FlushError(); err != nil {
		return 0, err
	}
	n, err := w.exchange.conn.out.ReadFrom(src)
	w.written += n
	if err != nil {
		w.failed(err)
	}
	return n, err
}

var copyBuffers = sync.Pool{New: func() any { return new([32 << 10]byte) }}

func (w *response) copyFrom(src io.Reader) (int64, error) {
	buf := copyBuffers.Get().(*[32 << 10]byte)
	defer copyBuffers.Put(buf)
	return io.CopyBuffer(struct{ io.Writer }{w}, src, buf[:])
}
