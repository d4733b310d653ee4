package static

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"syscall"
	"time"

	"gatewayd/gateway"
)

var errOutOfRange = errors.New("no byte of it is in the ranges that were asked for")

// variant is one file that can answer for a name: the file itself or a compressed sibling.
type variant struct {
	file     *os.File
	info     fs.FileInfo
	encoding string // "" is the file itself
	etag     string
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, name string) {
	v, err := h.choose(r, name)
	if err != nil {
		gateway.Fail(w, r, err)
		return
	}
	defer v.file.Close()
	header := w.Header()
	header["Etag"] = []string{v.etag}
	header.Set("Last-Modified", v.info.ModTime().UTC().Format(http.TimeFormat))
	if h.opt.CacheControl != "" {
		header.Set("Cache-Control", h.opt.CacheControl)
	}
	if h.opt.Precompressed {
		header.Set("Vary", "Accept-Encoding")
	}
	switch check(r, v.etag, v.info.ModTime()) {
	case preconditionFailed:
		gateway.Fail(w, r, gateway.Errorf(http.StatusPreconditionFailed, "static: a precondition of the request does not hold for %s", name))
		return
	case notModified:
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if header["Content-Type"] == nil { // a program that has the file sent may have said what it is
		header.Set("Content-Type", typeByName(name))
	}
	header.Set("Accept-Ranges", "bytes")
	// What the name says the file is, it is: a browser that guesses otherwise turns uploads into scripts.
	header.Set("X-Content-Type-Options", "nosniff")
	if v.encoding != "" {
		header.Set("Content-Encoding", v.encoding)
	}
	h.send(w, r, v)
}

func (h *Handler) send(w http.ResponseWriter, r *http.Request, v variant) {
	size := v.info.Size()
	ranges, outcome := wanted(r, size, v.etag, v.info.ModTime())
	switch {
	case outcome == unsatisfiable:
		w.Header().Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
		gateway.Fail(w, r, &gateway.Error{
			Status: http.StatusRequestedRangeNotSatisfiable, Op: "static: send " + v.file.Name(), Err: errOutOfRange,
			Public: fmt.Sprintf("The file has %d bytes, and the range that was asked for lies behind them.", size),
		})
	case outcome == whole:
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		w.WriteHeader(http.StatusOK)
		sendPart(w, r, v.file, span{0, size})
	case len(ranges) == 1:
		w.Header().Set("Content-Range", ranges[0].contentRange(size))
		w.Header().Set("Content-Length", strconv.FormatInt(ranges[0].length, 10))
		w.WriteHeader(http.StatusPartialContent)
		sendPart(w, r, v.file, ranges[0])
	default:
		sendParts(w, r, v.file, ranges, size)
	}
}

// sendPart copies one part of the file. What goes to the ResponseWriter is an *os.File or an *io.LimitedReader over
// one: the two that sendfile takes.
func sendPart(w http.ResponseWriter, r *http.Request, file *os.File, part span) {
	if r.Method == http.MethodHead || part.length == 0 {
		return
	}
	if part.start > 0 {
		if _, err := file.Seek(part.start, io.SeekStart); err != nil {
			gateway.Abort(r, err)
		}
	}
	var n int64
	var err error
	src := &io.LimitedReader{R: file, N: part.length}
	if to, ok := w.(io.ReaderFrom); ok {
		n, err = to.ReadFrom(src)
	} else {
		n, err = io.Copy(w, src)
	}
	switch {
	case err != nil:
		gateway.Abort(r, &gateway.Error{Status: gateway.StatusClientClosed, Op: "static: send " + file.Name(), Err: err})
	case n < part.length:
		gateway.Abort(r, &gateway.Error{
			Status: http.StatusInternalServerError, Op: "static: send " + file.Name(),
			Err:  fmt.Errorf("it became shorter while it was sent: %d bytes of %d", n, part.length),
			Hint: "put a new file in place of the old one by renaming it, instead of writing into it",
		})
	}
}

// makeETag is a strong validator. Size and modification time alone miss a file whose time was set back by the tool that
// copied it; the change time, which nobody can set, does not.
func makeETag(info fs.FileInfo, encoding string) string {
	b := make([]byte, 0, 64)
	b = append(b, '"')
	b = strconv.AppendInt(b, info.Size(), 36)
	b = append(b, '-')
	b = strconv.AppendInt(b, info.ModTime().UnixNano(), 36)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		b = append(b, '-')
		b = strconv.AppendInt(b, time.Unix(stat.Ctim.Unix()).UnixNano(), 36)
	}
	if encoding != "" {
		b = append(b, '-')
		b = append(b, encoding...)
	}
	return string(append(b, '"'))
}
