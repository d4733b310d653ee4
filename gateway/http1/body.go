package http1

import "bytes"

const (
	maxChunkLine = 256     // bytes of the line with a chunk's size, its extensions included
	maxTrailer   = 2 << 10 // bytes of the trailer section; net/http gives up after 4 KiB, and must not be the first
	maxExcess    = 8 << 10 // see readSize
	maxChunk     = 1 << 60 // bytes of one chunk
)

// Body follows the framing of a request's content. It decodes nothing: it says which bytes belong to it. The zero Body
// is one that is over. Head.Body makes one.
type Body struct {
	stage  stage
	left   int64  // bytes of the content, or of this chunk, that have not come yet
	line   []byte // the beginning of a line that came in pieces
	excess int64  // bytes of framing that the content does not justify

	trailer   int // bytes of the trailer section
	fields    int // fields in it
	maxFields int
}

// stage is what comes next.
type stage uint8

const (
	over stage = iota
	chunkSize
	chunkData
	chunkCR // after the data
	chunkLF
	trailer
	content
)

func newBody(f *framing, maxFields int) Body {
	switch {
	case f.coding == chunked:
		return Body{stage: chunkSize, maxFields: maxFields}
	case f.length > 0:
		return Body{stage: content, left: f.length}
	}
	return Body{}
}

// Done says whether the whole content has come.
func (b *Body) Done() bool { return b.stage == over }

// Content is how many bytes of content come next, before any framing; 0 if framing comes next, or nothing.
func (b *Body) Content() int64 { return b.left }

// Take is told that n bytes of the content, no more than Content says, have been taken.
func (b *Body) Take(n int) {
	b.left -= int64(n)
	switch {
	case b.left > 0 || n == 0:
	case b.stage == chunkData:
		b.stage = chunkCR
	default:
		b.stage = over
	}
}

// Framing says how many bytes at the start of p are framing: what is between pieces of content, and what comes after the
// last one. It stops where content begins and where the body is over. With a refusal n is where the wrong line begins,
// and Framing must not be called again.
func (b *Body) Framing(p []byte) (n int, err *Refusal) {
	for n < len(p) && b.left == 0 && b.stage != over && err == nil {
		used := 0
		switch b.stage {
		case chunkCR:
			used, err = b.takeByte(p[n], '\r', chunkLF)
		case chunkLF:
			used, err = b.takeByte(p[n], '\n', chunkSize)
		default:
			used, err = b.takeLine(p[n:])
		}
		n += used
	}
	return n, err
}

func (b *Body) takeByte(got, want byte, next stage) (used int, err *Refusal) {
	if got != want {
		return 0, bad("a chunk does not end where its size says")
	}
	b.stage = next
	return 1, nil
}

// takeLine takes as much of a line of the framing as has come. What has been taken of a line cannot harm whoever it is
// passed on to: its end is only taken when all of it is right.
func (b *Body) takeLine(p []byte) (used int, err *Refusal) {
	used = bytes.IndexByte(p, '\n') + 1
	whole := used > 0
	if !whole {
		used = len(p)
	}
	line := p[:used]
	if len(b.line)+used > b.maxLine() {
		return 0, b.longLine()
	}
	if !whole {
		b.line = append(b.line, line...)
		return used, nil
	}
	if len(b.line) > 0 {
		line = append(b.line, line...)
		b.line = line[:0]
	}
	if err := b.readLine(line); err != nil {
		return 0, err
	}
	return used, nil
}

// maxLine is how long a line may be here, with its end.
func (b *Body) maxLine() int {
	if b.stage == chunkSize {
		return maxChunkLine
	}
	return maxTrailer - b.trailer
}

func (b *Body) longLine() *Refusal {
	if b.stage == chunkSize {
		return bad("the line with the size of a chunk is too long")
	}
	return bad("the trailer section is too long")
}

// readLine reads one whole line and goes on to the stage that it leads to.
func (b *Body) readLine(line []byte) *Refusal {
	text, ok := bytes.CutSuffix(line, []byte("\r\n"))
	if !ok || !textBytes.all(text) {
		return bad("a line of the chunked coding has a control character, or ends in LF without CR")
	}
	if b.stage == chunkSize {
		return b.readSize(text)
	}
	b.trailer += len(line)
	return b.readTrailer(text)
}

// readSize reads the line before a chunk. A chunk of one byte has six bytes of framing, and that must be possible, but
// whoever sends nothing but framing does so to keep us busy: each chunk pays for 16 bytes and for twice its size.
func (b *Body) readSize(text []byte) *Refusal {
	size, ok := parseChunkSize(text)
	if !ok {
		return bad("the size of a chunk is not one")
	}
	b.excess = max(0, b.excess+int64(len(text)+len("\r\n\r\n"))-16-2*size)
	switch {
	case b.excess > maxExcess:
		return bad("the chunked coding has too much framing for too little content")
	case size == 0:
		b.stage = trailer
	default:
		b.stage, b.left = chunkData, size
	}
	return nil
}

func (b *Body) readTrailer(text []byte) *Refusal {
	if len(text) == 0 {
		b.stage = over
		return nil
	}
	if b.fields++; b.fields > b.maxFields {
		return tooManyFields(b.maxFields)
	}
	_, _, err := splitField(text)
	return err
}
