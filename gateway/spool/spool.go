// Package spool holds bodies for whoever would otherwise wait for a client: in memory while they are small, then in an
// unnamed temporary file, which is gone with Close. A Body is a request's, kept until it is whole: it can be read from
// the start, and given to a child process as its standard input. A Queue is what of an answer the client has yet to take.
package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/descriptors"
)

// Memory is how many bytes a body may have before it goes to a file: what a pipe holds by default on Linux, so that a
// body in memory reaches a program in one write.
const Memory = 64 << 10

// ErrTooLarge says that the body is longer than Options.Max.
var ErrTooLarge = errors.New("spool: body too large")

// Options says where and how much. The zero value spools without a limit to the system's temporary directory.
type Options struct {
	Dir string // for the temporary file; "" is os.TempDir()
	Max int64  // bytes; 0 is no limit
}

// A StoreError is a failure of the place where bodies are kept, as opposed to a failure of the body's sender.
type StoreError struct {
	Dir string
	Err error
}

func (e *StoreError) Error() string {
	return fmt.Sprintf("keep a body in %s: %v", e.Dir, e.Err)
}

// Unwrap gives the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// Body is a body that has arrived whole. It is read from the start, by one goroutine at a time, and again after Rewind;
// Close lets go of it.
type Body struct {
	size int64
	mem  []byte   // the whole body, if file is nil
	file *os.File // the whole body otherwise, at offset 0
	rest bytes.Reader
}

// Read reads body to its end. size is its announced length, -1 if it has none. The errors are ErrTooLarge (as soon as
// size or the bytes tell), a *StoreError, or body's own; on error nothing is kept.
func Read(body io.Reader, size int64, opt Options) (*Body, error) {
	if opt.Max > 0 && size > opt.Max {
		return nil, ErrTooLarge
	}
	if opt.Dir == "" {
		opt.Dir = os.TempDir()
	}
	head, err := readHead(body, size)
	if err != nil {
		return nil, err
	}
	if opt.Max > 0 && int64(len(head)) > opt.Max {
		return nil, ErrTooLarge
	}
	if len(head) <= Memory {
		body := &Body{size: int64(len(head)), mem: head}
		return body, body.Rewind()
	}
	whole, err := readFile(head, body, opt)
	if err == nil && size >= 0 && whole.size != size {
		whole.Close()
		return nil, io.ErrUnexpectedEOF
	}
	return whole, err
}

// firstRead is how much memory a body is given before anything of it has come: most are smaller, and those that come
// slowly may be many.
const firstRead = 2 << 10

// readHead reads as much as memory may hold and one byte more, which tells whether that was all.
func readHead(body io.Reader, size int64) ([]byte, error) {
	limit := Memory + 1
	if size >= 0 && size <= Memory {
		limit = int(size)
	}
	buf := make([]byte, 0, min(limit, firstRead))
	for len(buf) < limit {
		if len(buf) == cap(buf) {
			buf = append(make([]byte, 0, min(limit, 4*cap(buf))), buf...)
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case err == nil || len(buf) == limit:
		case err == io.EOF && size < 0:
			return buf, nil
		case err == io.EOF:
			return nil, io.ErrUnexpectedEOF
		default:
			return nil, err
		}
	}
	return buf, nil
}

func readFile(head []byte, body io.Reader, opt Options) (_ *Body, err error) {
	file, err := tempFile(opt.Dir)
	if err != nil {
		return nil, &StoreError{Dir: opt.Dir, Err: err}
	}
	defer func() {
		if err != nil {
			file.Close()
		}
	}()
	if _, err := file.Write(head); err != nil {
		return nil, &StoreError{Dir: opt.Dir, Err: err}
	}
	src := body
	if opt.Max > 0 {
		src = io.LimitReader(body, opt.Max-int64(len(head))+1)
	}
	n, err := copyToFile(file, src, opt.Dir)
	size := int64(len(head)) + n
	switch {
	case err != nil:
		return nil, err
	case opt.Max > 0 && size > opt.Max:
		return nil, ErrTooLarge
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, &StoreError{Dir: opt.Dir, Err: err}
	}
	return &Body{size: size, file: file}, nil
}

var copyBuffers = sync.Pool{New: func() any { b := make([]byte, 128<<10); return &b }}

// copyToFile copies and tells a failure of the file from one of src.
func copyToFile(file *os.File, src io.Reader, dir string) (n int64, err error) {
	buf := copyBuffers.Get().(*[]byte)
	defer copyBuffers.Put(buf)
	for {
		nr, rerr := src.Read(*buf)
		if nr > 0 {
			nw, werr := file.Write((*buf)[:nr])
			n += int64(nw)
			if werr != nil {
				return n, &StoreError{Dir: dir, Err: werr}
			}
		}
		if rerr == io.EOF {
			return n, nil
		}
		if rerr != nil {
			return n, rerr
		}
	}
}

// readable is the mode of a file that nobody can reach by a name: a program that runs as another user may open its
// standard input again (/dev/stdin), and not write to it.
const readable = 0o444

// tempFile makes a file without a name, so that nothing stays behind however the process ends.
func tempFile(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, readable)
	switch {
	case err == nil:
		file := os.NewFile(uintptr(fd), dir+"/(spooled body)")
		if err := descriptors.Check(fd); err != nil {
			file.Close()
			return nil, err
		}
		return file, nil
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.EISDIR), errors.Is(err, unix.EINVAL):
		return namedFile(dir)
	}
	return nil, err
}

// namedFile is for a file system without O_TMPFILE.
func namedFile(dir string) (*os.File, error) {
	file, err := os.CreateTemp(dir, "gatewayd-body-")
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Remove(file.Name()), file.Chmod(readable)); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// Len is the body's length in bytes.
func (b *Body) Len() int64 { return b.size }

// Bytes is the whole body if it is in memory, else nil. The caller must not change it.
func (b *Body) Bytes() []byte { return b.mem }

// StdinFile returns the body as a file of its own: read-only, at offset 0, independent of Read. It is nil without an
// error if the body is in memory. The caller closes it.
func (b *Body) StdinFile() (*os.File, error) {
	if b.file == nil {
		return nil, nil
	}
	// Opening the descriptor's /proc link, unlike dup, gives an offset of its own and takes away the right to write.
	path := "/proc/self/fd/" + strconv.Itoa(int(b.file.Fd()))
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open the spooled body: %w", err)
	}
	return os.NewFile(uintptr(fd), "(spooled body)"), nil
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.file != nil {
		return b.file.Read(p)
	}
	return b.rest.Read(p)
}

// Rewind makes Read start again from the beginning. Nobody may be reading meanwhile.
func (b *Body) Rewind() error {
	if b.file == nil {
		b.rest.Reset(b.mem)
		return nil
	}
	if _, err := b.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind the spooled body: %w", err)
	}
	return nil
}

// Close lets go of the body.
func (b *Body) Close() error {
	if b.file != nil {
		return b.file.Close()
	}
	return nil
}
