package loadclient

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
)

// maxTrailer bounds a line of a chunk's head and all of the trailer.
const maxTrailer = 4 << 10

// body reads the body of an answer; io.EOF is its proper end, anything else is a failure.
func (a *answer) body(r *bufio.Reader) io.Reader {
	switch {
	case a.chunked:
		return &chunks{src: r}
	case a.length >= 0:
		return &exact{src: r, left: a.length}
	}
	return r
}

// exact is a body with a length.
type exact struct {
	src  *bufio.Reader
	left int64
}

func (b *exact) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.src.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == io.EOF {
		err = short("%d bytes before the end", b.left)
	}
	return n, err
}

// chunks is a body in chunks (RFC 9112 section 7.1).
type chunks struct {
	src   *bufio.Reader
	chunk exact
	begun bool
	err   error
}

func (b *chunks) Read(p []byte) (n int, err error) {
	if b.err == nil && b.chunk.left == 0 {
		b.err = b.next()
	}
	if b.err != nil {
		return 0, b.err
	}
	b.chunk.src = b.src
	n, b.err = b.chunk.Read(p)
	return n, b.err
}

// next reads up to the data of the next chunk; io.EOF when the last one has come, with what follows it.
func (b *chunks) next() error {
	left := maxTrailer
	if b.begun {
		if line, err := readLine(b.src, &left); err != nil || line != "" {
			return noChunk(err, line)
		}
	}
	b.begun = true
	line, err := readLine(b.src, &left)
	if err != nil {
		return noChunk(err, line)
	}
	size, err := strconv.ParseUint(line, 16, 32)
	if err != nil {
		return malformed("chunk size %.60q", line)
	}
	if b.chunk.left = int64(size); size > 0 {
		return nil
	}
	for line = "-"; line != ""; {
		if line, err = readLine(b.src, &left); err != nil {
			return noChunk(err, line)
		}
	}
	return io.EOF
}

func noChunk(err error, line string) error {
	if err == nil {
		return malformed("%.60q after a chunk", line)
	}
	if err == io.ErrUnexpectedEOF {
		return short("no last chunk")
	}
	return err
}

func short(format string, args ...any) error {
	return &failed{Length, fmt.Errorf("the connection was closed: "+format, args...)}
}
