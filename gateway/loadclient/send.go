package loadclient

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"time"
)

const (
	pieceSize   = 32 << 10 // bytes of a body sent at once
	trickleSize = 1 << 10  // the same for one that trickles
)

// appendHead appends the head of r.
func (r *Request) appendHead(b []byte, host string, fresh bool) []byte {
	b = fmt.Appendf(b, "%s %s HTTP/1.1\r\nHost: %s\r\n", r.method(), r.target(), host)
	switch {
	case r.Body == nil:
	case r.Length < 0:
		b = append(b, "Transfer-Encoding: chunked\r\n"...)
	default:
		b = fmt.Appendf(b, "Content-Length: %d\r\n", r.Length)
	}
	if r.expects() {
		b = append(b, "Expect: 100-continue\r\n"...)
	}
	if fresh {
		b = append(b, "Connection: close\r\n"...)
	}
	for _, field := range r.Header {
		b = append(append(b, field...), "\r\n"...)
	}
	return append(b, "\r\n"...)
}

// expects is false for an empty body: nothing could follow the 100 Continue (RFC 9110 section 10.1.1).
func (r *Request) expects() bool { return r.Expect && r.Length != 0 }

func (r *Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

func (r *Request) target() string {
	if r.Target == "" {
		return "/"
	}
	return r.Target
}

var errAnswered = errors.New("the answer came before the body was sent whole")

// endTime is how long the last piece of a body may take once the answer is there. The server may have it, and have
// answered, before the write has returned.
const endTime = time.Second

// upload is a body on its way.
type upload struct {
	last  atomic.Bool   // the last piece is on its way
	go100 chan struct{} // closed by 100 Continue
	quit  chan struct{} // closed when the answer is there
	ended chan struct{}
	err   error // why the body is not sent whole; valid once ended
}

// startUpload sends the body of r, if it has one.
func startUpload(conn net.Conn, r *Request) *upload {
	u := &upload{go100: make(chan struct{}), quit: make(chan struct{}), ended: make(chan struct{})}
	if r.Body == nil {
		close(u.ended)
		return u
	}
	go func() {
		defer close(u.ended)
		u.err = u.send(conn, r)
	}()
	return u
}

// interim is told of a 1xx.
func (u *upload) interim(status int) {
	select {
	case <-u.go100:
	default:
		if status == 100 {
			close(u.go100)
		}
	}
}

// finish ends the upload; whole says whether all of the body was sent.
func (u *upload) finish(conn net.Conn) (whole bool) {
	close(u.quit)
	select {
	case <-u.ended:
		return u.err == nil
	default:
	}
	until := time.Now()
	if u.last.Load() {
		until = until.Add(endTime)
	}
	conn.SetWriteDeadline(until) // it may be in a write that nobody takes
	<-u.ended
	return u.err == nil
}

func (u *upload) send(conn net.Conn, r *Request) error {
	if r.expects() {
		select {
		case <-u.go100:
		case <-u.quit:
			return errAnswered
		}
	}
	out := bufio.NewWriterSize(conn, pieceSize+64)
	src, size := r.Body(), pieceSize
	if r.Length >= 0 {
		src = io.LimitReader(src, r.Length)
	}
	if r.Trickle > 0 {
		size = trickleSize
	}
	piece, sent := make([]byte, size), int64(0)
	for {
		n, err := io.ReadFull(src, piece)
		sent += int64(n)
		last := err != nil || sent == r.Length
		u.last.Store(last)
		if werr := writePiece(out, piece[:n], r.Length < 0); werr != nil {
			return werr
		}
		if last {
			return u.end(out, r, sent)
		}
		if !u.pause(r.Trickle) {
			return errAnswered
		}
	}
}

// end closes the body.
func (u *upload) end(out *bufio.Writer, r *Request, sent int64) error {
	if r.Length >= 0 && sent != r.Length {
		return fmt.Errorf("the body to send has %d bytes, not %d", sent, r.Length)
	}
	if r.Length < 0 {
		out.WriteString("0\r\n\r\n")
	}
	return out.Flush()
}

// pause waits between two pieces; false when the answer has come.
func (u *upload) pause(d time.Duration) bool {
	select {
	case <-u.quit:
		return false
	default:
	}
	if d <= 0 {
		return true
	}
	select {
	case <-u.quit:
		return false
	case <-time.After(d):
		return true
	}
}

// writePiece sends a piece of the body, as a chunk or bare; of nothing it makes nothing.
func writePiece(out *bufio.Writer, piece []byte, chunked bool) error {
	switch {
	case len(piece) == 0:
		return nil
	case chunked:
		fmt.Fprintf(out, "%x\r\n%s\r\n", len(piece), piece)
	default:
		out.Write(piece)
	}
	return out.Flush()
}

// repeated is n bytes of text over and over.
type repeated struct {
	text []byte
	left int64
	at   int
}

// Repeat returns a Body of n bytes: text over and over.
func Repeat(text string, n int64) func() io.Reader {
	return func() io.Reader { return &repeated{text: []byte(text), left: n} }
}

// Bytes returns a Body of these bytes.
func Bytes(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }

// Read implements io.Reader.
func (r *repeated) Read(p []byte) (n int, err error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.left)]
	for n < len(p) {
		k := copy(p[n:], r.text[r.at:])
		n, r.at = n+k, (r.at+k)%len(r.text)
	}
	r.left -= int64(n)
	return n, nil
}
