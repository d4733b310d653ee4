package fastcgi

import (
	"fmt"
	"io"
	"strconv"
)

const (
	// readBuffer holds a record of the largest size.
	readBuffer = headerSize + maxContent + 1
	// maxManagement bounds what is taken of management records that nobody asked for: each, and all of a request's with
	// their heads.
	maxManagement    = 8 << 10
	maxManagementAll = 64 << 10
)

// reader reads records, and hands out their content where it lies in the buffer. The result is the same however the
// bytes arrive.
type reader struct {
	src  io.Reader
	head header // of the record at hand

	content, padding int  // what has not been taken of it
	start, end       int  // what has been read and not been taken: buf[start:end]
	came             bool // at least one byte has been read
	management       int  // bytes of management records

	buf [readBuffer]byte
}

func (r *reader) reset(src io.Reader) {
	r.src, r.head = src, header{}
	r.content, r.padding, r.start, r.end, r.came, r.management = 0, 0, 0, 0, false, 0
}

// next takes the head of the next record; the content of the one before must have been taken. io.EOF means that there is
// none, io.ErrUnexpectedEOF that there is a part of one.
func (r *reader) next() error {
	for ; r.padding > 0; r.padding -= r.drop(r.padding) {
		if err := r.fill(1); err != nil {
			return inside(err)
		}
	}
	if err := r.fill(headerSize); err != nil {
		if r.start < r.end {
			return inside(err)
		}
		return err
	}
	h := parseHeader(r.buf[r.start:])
	r.drop(headerSize)
	if why := h.fault(); why != "" {
		return r.fault(why)
	}
	r.head, r.content, r.padding = h, h.content, h.padding
	return nil
}

// fault says why no such record can come from an application; "" if it can.
func (h header) fault() string {
	switch {
	case h.version != version:
		return "version " + strconv.Itoa(int(h.version)) + ", not 1"
	case h.kind.management():
		if h.id != managementID {
			return "a management record, " + h.kind.String() + ", with request id " + strconv.Itoa(int(h.id))
		}
		if h.content > maxManagement {
			return fmt.Sprintf("a management record, %v, of %d bytes", h.kind, h.content)
		}
	case h.kind != typeStdout && h.kind != typeStderr && h.kind != typeEndRequest:
		return h.kind.String() + " is nothing that an application sends"
	case h.id != requestID:
		return h.kind.String() + " for request id " + strconv.Itoa(int(h.id)) + ", which is not under way here"
	case h.kind == typeEndRequest && h.content != endSize:
		return "END_REQUEST of " + strconv.Itoa(h.content) + " bytes"
	}
	return ""
}

// skip drops the content of a management record.
func (r *reader) skip() error {
	if r.management += headerSize + r.head.content + r.head.padding; r.management > maxManagementAll {
		return r.fault("management records without end")
	}
	for r.content > 0 {
		if _, err := r.piece(r.content); err != nil {
			return err
		}
	}
	return nil
}

// piece takes at most limit bytes of the content at hand, and one at least: it waits only if there is none. They are valid
// until the next call.
func (r *reader) piece(limit int) ([]byte, error) {
	if err := r.fill(1); err != nil {
		return nil, inside(err)
	}
	at := r.start
	n := r.drop(min(limit, r.content))
	r.content -= n
	return r.buf[at : at+n], nil
}

// whole takes n bytes of the content at hand, which fit into the buffer.
func (r *reader) whole(n int) ([]byte, error) {
	if n == 0 {
		return nil, nil
	}
	if err := r.fill(n); err != nil {
		return nil, inside(err)
	}
	return r.piece(n)
}

// has says whether n bytes can be taken without waiting.
func (r *reader) has(n int) bool { return r.end-r.start >= n }

// atStdout says whether the next thing to be taken is content of STDOUT that is in the buffer already, or the head of
// such a record.
func (r *reader) atStdout() bool {
	if r.content > 0 {
		return r.has(1)
	}
	if !r.has(r.padding + headerSize) {
		return false
	}
	return parseHeader(r.buf[r.start+r.padding:]).kind == typeStdout
}

// untilEnd says whether everything up to END_REQUEST is in the buffer, with at most so many bytes of STDOUT, and how many
// those are.
func (r *reader) untilEnd(most int) (stdout int, ok bool) {
	at, h := r.start+r.content+r.padding, r.head
	if h.kind == typeStdout {
		stdout = r.content
	}
	for stdout <= most && r.end-at >= headerSize {
		h = parseHeader(r.buf[at:])
		at += headerSize + h.content
		switch h.kind {
		case typeEndRequest:
			return stdout, r.end >= at
		case typeStdout:
			stdout += h.content
		}
		at += h.padding
	}
	return 0, false
}

// clean says whether everything that was read has been taken, padding included.
func (r *reader) clean() bool { return r.content == 0 && r.padding == 0 && !r.has(1) }

// drop takes at most n bytes from the buffer.
func (r *reader) drop(n int) int {
	n = min(n, r.end-r.start)
	r.start += n
	return n
}

// fill reads until n bytes can be taken.
func (r *reader) fill(n int) error {
	for !r.has(n) {
		if r.start == r.end {
			r.start, r.end = 0, 0
		} else if len(r.buf)-r.start < n {
			r.start, r.end = 0, copy(r.buf[:], r.buf[r.start:r.end])
		}
		got, err := r.src.Read(r.buf[r.end:])
		r.end += got
		r.came = r.came || got > 0
		if got == 0 && err == nil {
			err = io.ErrNoProgress
		}
		if got == 0 {
			return err
		}
	}
	return nil
}

// inside turns the end of the connection into the end inside of a record.
func inside(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// maxSample is how many bytes of a bad record are shown.
const maxSample = 32

// protocolError is something that no application may send. Its text shows the bytes, escaped and bounded.
type protocolError struct {
	reason string
	sample []byte
}

// fault makes a protocolError of the record whose head has just been taken.
func (r *reader) fault(reason string) error {
	at := r.start - headerSize
	return &protocolError{reason, append([]byte(nil), r.buf[at:min(r.end, at+maxSample)]...)}
}

func (e *protocolError) Error() string {
	return fmt.Sprintf("%s: % x (%s)", e.reason, e.sample, strconv.QuoteToASCII(string(e.sample)))
}
