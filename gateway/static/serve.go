package static

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"

	"gatewayd/gateway"
)

var errOutOfRange = errors.New("it has none of the bytes that the request asks for")

// variant is one file that can answer for a name: the file itself or a compressed sibling.
type variant struct {
	file     *os.File
	info     fs.FileInfo
	encoding string // "" is the file itself
	validators
}

// serve answers with the file f, which it closes, or with a compressed sibling.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request, f found) {
	v := h.choose(r, f)
	defer v.file.Close()
	now := time.Now()
	v.validators = validatorsOf(v.info, v.encoding, now)
	header := w.Header()
	h.describe(header, &v, f.name)
	switch check(r, v.validators, now) {
	case preconditionFailed:
		gateway.Fail(w, r, &gateway.Error{Status: http.StatusPreconditionFailed, Op: "static: a precondition of the request does not hold for " + h.Path(f.name)})
	case notModified:
		delete(header, "Content-Type")
		w.WriteHeader(http.StatusNotModified)
	default:
		h.represent(header, &v, f.name)
		h.send(w, r, &v, now)
	}
}

// describe sets the fields that a 304 has too (RFC 9110 section 15.4.5).
func (h *Handler) describe(header http.Header, v *variant, name string) {
	header["Etag"] = []string{v.etag}
	if h.opt.CacheControl != "" {
		header["Cache-Control"] = []string{h.opt.CacheControl}
	}
	if h.opt.Precompressed && compressible(typeByName(name)) {
		header["Vary"] = append(header["Vary"], "Accept-Encoding")
	}
}

// represent sets the fields that go with the bytes.
func (h *Handler) represent(header http.Header, v *variant, name string) {
	fields := make([]string, 4) // one allocation; each field has a capacity of one
	fields[0], fields[1], fields[2] = typeByName(name), "bytes", "nosniff"
	if header["Content-Type"] == nil { // a program that has the file sent may have said what it is
		header["Content-Type"] = fields[0:1:1]
	}
	header["Accept-Ranges"] = fields[1:2:2]
	header["X-Content-Type-Options"] = fields[2:3:3]
	if !v.modified.IsZero() {
		fields[3] = v.modified.Format(http.TimeFormat)
		header["Last-Modified"] = fields[3:4:4]
	}
	if v.encoding != "" {
		header["Content-Encoding"] = []string{v.encoding}
	}
}

// send answers with the whole file or with the ranges that the request asks for. GET alone has ranges (RFC 9110 section
// 14.2).
func (h *Handler) send(w http.ResponseWriter, r *http.Request, v *variant, now time.Time) {
	size := v.info.Size()
	var spans []span
	result := whole
	if fields := r.Header["Range"]; len(fields) == 1 && r.Method == http.MethodGet && rangeHolds(r, v.validators, now) {
		spans, result = parseRange(fields[0], size)
	}
	switch {
	case result == unsatisfiable:
		w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		gateway.Fail(w, r, &gateway.Error{
			Status: http.StatusRequestedRangeNotSatisfiable, Op: "static: send " + v.file.Name(), Err: errOutOfRange,
			Public: fmt.Sprintf("The file has %d bytes, and none of those that were asked for.", size),
		})
	case result == whole:
		head(w, http.StatusOK, size)
		sendSpan(w, r, v.file, span{0, size})
	case len(spans) == 1:
		w.Header().Set("Content-Range", spans[0].contentRange(size))
		head(w, http.StatusPartialContent, spans[0].length)
		sendSpan(w, r, v.file, spans[0])
	default:
		sendSpans(w, r, v.file, spans, size)
	}
}

func head(w http.ResponseWriter, status int, length int64) {
	w.Header()["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	w.WriteHeader(status)
}

// sendSpan copies one part of the file, or breaks the answer off.
func sendSpan(w http.ResponseWriter, r *http.Request, file *os.File, part span) {
	if r.Method == http.MethodHead || part.length == 0 {
		return
	}
	n, err := copySpan(w, file, part)
	if err == nil && n < part.length {
		err = &gateway.Error{
			Status: http.StatusInternalServerError, Op: "static: send " + file.Name(),
			Err:  fmt.Errorf("the file became shorter while it was sent: %d bytes of %d", n, part.length),
			Hint: "put a new file in the place of the old one by renaming it, instead of writing into the old one",
		}
	}
	if err != nil {
		gateway.Abort(r, broken(file, err))
	}
}

// smallSpan is up to where bytes go out with the head, in one system call and one packet or two. Above it sendfile is
// cheaper, which always is a call of its own.
const smallSpan = 16 << 10

var smallBuffers = sync.Pool{New: func() any { b := make([]byte, smallSpan); return &b }}

// copySpan gives the connection an *io.LimitedReader over an *os.File, which is what sendfile takes; the limit keeps a
// file that grows from sending more than has been announced.
func copySpan(w http.ResponseWriter, file *os.File, part span) (int64, error) {
	if part.length <= smallSpan {
		buf := smallBuffers.Get().(*[]byte)
		defer smallBuffers.Put(buf)
		n, err := file.ReadAt((*buf)[:part.length], part.start)
		if err == nil {
			n, err = w.Write((*buf)[:n])
		} else if err == io.EOF {
			err = nil // the file has become shorter, which the caller sees by n
		}
		return int64(n), err
	}
	if _, err := file.Seek(part.start, io.SeekStart); err != nil {
		return 0, err
	}
	return io.Copy(w, &io.LimitedReader{R: file, N: part.length})
}

// broken is the error for an answer that ended too early. It is the client that left, unless the file could not be read.
func broken(file *os.File, err error) error {
	if e := (*gateway.Error)(nil); errors.As(err, &e) {
		return e
	}
	status := gateway.StatusClientClosed
	if withPath := (*fs.PathError)(nil); errors.As(err, &withPath) || errors.Is(err, syscall.EIO) {
		status = http.StatusInternalServerError
	}
	return &gateway.Error{Status: status, Op: "static: send " + file.Name(), Err: err}
}
