package http1

// The parts of a head that is whole are read out of text: the bytes that Parse was given, as a string, so that one
// string is all that is kept of them.

// Size is how many bytes of what Parse was given are the head, with an empty line before it.
func (h *Head) Size() int { return h.next }

// Method is the request's method.
func (h *Head) Method(text string) string { return text[h.method.from:h.method.to] }

// Target is the request target as it was sent.
func (h *Head) Target(text string) string { return text[h.target.from:h.target.to] }

// Proto is the version, "HTTP/1.1".
func (h *Head) Proto(text string) string {
	from := int(h.target.to) + 1
	return text[from : from+len("HTTP/1.1")]
}

// Minor is the x of HTTP/1.x.
func (h *Head) Minor() int { return int(h.minor) }

// Len is how many header fields there are.
func (h *Head) Len() int { return len(h.fields) }

// Field is the name, in whatever case it was sent, and the value of the field i; Host and those of the framing are
// among them.
func (h *Head) Field(text string, i int) (name, value string) {
	f := &h.fields[i]
	return text[f.name.from:f.name.to], text[f.value.from:f.value.to]
}

// Host is the value of the Host field, "" without one.
func (h *Head) Host(text string) string { return text[h.host.from:h.host.to] }

// Length is how many bytes of content follow, 0 if there are none and -1 if their number is not known: they come in
// chunks.
func (h *Head) Length() int64 {
	if h.framing.coding == chunked {
		return -1
	}
	return max(0, h.framing.length)
}

// AwaitsContinue says whether the client waits for 100 Continue before it sends the content (RFC 9110 section 10.1.1).
func (h *Head) AwaitsContinue() bool { return h.awaits && h.minor > 0 }
