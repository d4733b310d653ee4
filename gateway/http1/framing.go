package http1

import (
	"bytes"
	"math"
	"net/http"
)

const noLength = -1

// framing is what the header says about where the request ends (RFC 9112 section 6).
type framing struct {
	length int64 // of Content-Length; noLength without one
	coding coding
}

// coding is what Transfer-Encoding says.
type coding uint8

const (
	plain   coding = iota // there is none
	chunked               // nothing but chunked
	foreign               // something else, written as it should be
	endless               // chunked is not the last one, so that the end is unknown; or not readable at all
)

func (f *framing) contentLength(value []byte) *Refusal {
	if f.length != noLength {
		return bad("the Content-Length field is there twice")
	}
	n, ok := decimal(value, math.MaxInt64)
	if !ok {
		return bad("the Content-Length field is not a number that can be")
	}
	f.length = n
	return nil
}

func (f *framing) transferEncoding(value []byte) *Refusal {
	if f.coding != plain {
		return bad("the Transfer-Encoding field is there twice")
	}
	f.coding = codingOf(value)
	return nil
}

func codingOf(value []byte) coding {
	if is(value, "chunked") {
		return chunked
	}
	last := false
	for name := range bytes.SplitSeq(value, []byte(",")) {
		name = trimBlanks(name)
		if last || !isToken(name) {
			return endless
		}
		last = is(name, "chunked")
	}
	return foreign
}

// check judges the two fields together.
func (f *framing) check(minor byte) *Refusal {
	switch {
	case f.coding == plain:
		return nil
	case f.length != noLength:
		return bad("Transfer-Encoding and Content-Length are both there")
	case minor == 0:
		return bad("Transfer-Encoding is there, which HTTP/1.0 does not know")
	case f.coding == endless:
		return bad("Transfer-Encoding does not end in chunked")
	case f.coding == foreign:
		return refuse(http.StatusNotImplemented, "Transfer-Encoding names a coding that this server does not know")
	}
	return nil
}
