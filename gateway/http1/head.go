package http1

import (
	"bytes"
	"net/http"
)

// Limits bound a head. None may be 0.
type Limits struct {
	Head   int // bytes of the whole head
	Target int // bytes of the request target
	Fields int // header fields; trailer fields as well
}

// Head reads one request head. Make it with NewHead; Reset makes it ready for the next one.
type Head struct {
	limits Limits

	start int // where the request line starts: 2 after an empty line
	line  int // where the line that is being read starts
	end   int // where it ends, without CRLF
	next  int // where the one after it starts
	seen  int // bytes that need not be looked at again

	inFields bool // the request line is behind us
	minor    byte // of HTTP/1.x
	method   span
	target   span
	fields   []field
	host     span
	hasHost  bool
	framing  framing
	awaits   bool // 100-continue
	expects  bool // something else
}

// span is a part of the head's bytes.
type span struct{ from, to int32 }

type field struct{ name, value span }

// NewHead returns a Head for a request that has not begun.
func NewHead(limits Limits) Head {
	h := Head{limits: limits}
	h.Reset()
	return h
}

// SetLimits replaces the limits, for a head of which nothing has been parsed.
func (h *Head) SetLimits(limits Limits) { h.limits = limits }

// Reset forgets the head that was read.
func (h *Head) Reset() {
	*h = Head{limits: h.limits, framing: framing{length: noLength}, fields: h.fields[:0]}
}

// Parse takes all that has come of the head so far, which must begin with what it was given before. It returns the size
// of the head once that is whole; what follows is content or the next request. The size is 0 while more must come. After
// a refusal only Reset and Known may be called; once the size is known everything but Parse.
func (h *Head) Parse(b []byte) (size int, err *Refusal) {
	for {
		whole, err := h.nextLine(b)
		if err != nil || !whole {
			return 0, err
		}
		last, err := h.takeLine(b)
		if err != nil {
			return 0, err
		}
		if last {
			return h.next, nil
		}
	}
}

// Start is where the request line starts in what Parse was given.
func (h *Head) Start() int { return h.start }

// Begun says whether anything has come but an empty line.
func (h *Head) Begun() bool {
	return h.inFields || h.seen > h.start
}

// Body is the framing of the content that follows the head.
func (h *Head) Body() Body { return newBody(&h.framing, h.limits.Fields) }

// nextLine finds the end of the line that begins at h.next; false if it has not come yet. It goes through the bytes in
// order and looks at each once, so it comes to the same end whatever the pieces, and dripping costs nothing.
func (h *Head) nextLine(b []byte) (whole bool, err *Refusal) {
	h.line = h.next
	most := h.start + h.limits.Head
	n := min(len(b), most)
	h.seen += textBytes.prefix(b[h.seen:n])
	i := h.seen
	switch {
	case i == n, b[i] == '\r' && i+1 == n:
		if n == most {
			return false, h.tooLong(b[:n])
		}
		return false, nil
	case b[i] != '\r' || b[i+1] != '\n':
		return false, badByte(b[i])
	}
	h.end, h.next, h.seen = i, i+2, i+2
	return true, nil
}

func badByte(c byte) *Refusal {
	switch c {
	case '\n':
		return bad("a line of the header ends in LF without CR")
	case '\r':
		return bad("the header has a CR that does not end a line")
	}
	return bad("the header has a control character")
}

// tooLong says which limit the bytes that have come are over. The target alone may be.
func (h *Head) tooLong(b []byte) *Refusal {
	if !h.inFields {
		if _, target, ok := bytes.Cut(b[h.line:], []byte(" ")); ok && len(target) > h.limits.Target {
			return h.longTarget()
		}
	}
	return tooMany(http.StatusRequestHeaderFieldsTooLarge, "max_header", "the request head is too long", h.limits.Head)
}

func (h *Head) longTarget() *Refusal {
	return tooMany(http.StatusRequestURITooLong, "max_uri", "the request target is too long", h.limits.Target)
}

// takeLine reads the line that nextLine has found; true if it was the empty one that ends the head.
func (h *Head) takeLine(b []byte) (last bool, err *Refusal) {
	line := b[h.line:h.end]
	switch {
	case h.inFields && len(line) > 0:
		return false, h.field(line)
	case h.inFields:
		return true, h.finish()
	case len(line) > 0:
		h.inFields = true
		return false, h.requestLine(line)
	case h.start > 0:
		return false, bad("more than one empty line comes before the request")
	}
	h.start = h.next
	return false, nil
}

// field reads one header field. Those that decide where the request ends, or whose it is, are kept for finish.
func (h *Head) field(line []byte) *Refusal {
	if len(h.fields) == h.limits.Fields {
		return tooManyFields(h.limits.Fields)
	}
	name, value, err := splitField(line)
	if err != nil {
		return err
	}
	from := h.line + len(line) - len(skipBlanks(line[len(name)+1:]))
	h.fields = append(h.fields, field{h.span(h.line, len(name)), h.span(from, len(value))})
	switch {
	case is(name, "host"):
		return h.hostField(value)
	case is(name, "content-length"):
		return h.framing.contentLength(value)
	case is(name, "transfer-encoding"):
		return h.framing.transferEncoding(value)
	case is(name, "trailer"):
		return checkTrailerNames(value)
	case is(name, "expect"):
		awaits := is(value, "100-continue")
		h.awaits, h.expects = h.awaits || awaits, h.expects || !awaits
	}
	return nil
}

func (h *Head) span(from, length int) span { return span{int32(from), int32(from + length)} }

func (h *Head) hostField(value []byte) *Refusal {
	if h.hasHost {
		return bad("the Host field is there twice")
	}
	h.host = h.fields[len(h.fields)-1].value
	h.hasHost = true
	if len(value) > 0 && !isAuthority(value, false) {
		return bad("the Host field does not name a host")
	}
	return nil
}

// finish judges the head as a whole.
func (h *Head) finish() *Refusal {
	if h.minor > 0 && !h.hasHost {
		return bad("the Host field is missing")
	}
	if err := h.framing.check(h.minor); err != nil {
		return err
	}
	if h.expects {
		return refuse(http.StatusExpectationFailed, "only 100-continue may be expected of this server")
	}
	return nil
}
