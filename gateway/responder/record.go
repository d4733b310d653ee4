package responder

import (
	"encoding/binary"
	"fmt"
	"io"
)

// The record types and other numbers of the FastCGI specification, version 1.0.
const (
	version1 = 1

	typeBeginRequest    = 1
	typeAbortRequest    = 2
	typeEndRequest      = 3
	typeParams          = 4
	typeStdin           = 5
	typeStdout          = 6
	typeStderr          = 7
	typeGetValues       = 9
	typeGetValuesResult = 10
	typeUnknownType     = 11

	roleResponder = 1
	flagKeepConn  = 1

	statusComplete    = 0
	statusCantMpxConn = 1
	statusUnknownRole = 3

	headerSize = 8
	maxContent = 1<<16 - 1
)

// record is one record; its content is valid until the next is read.
type record struct {
	kind    byte
	id      uint16
	content []byte
}

func (r record) String() string {
	return fmt.Sprintf("record of type %d, request %d, %d bytes", r.kind, r.id, len(r.content))
}

// recordReader reads records.
type recordReader struct {
	r   io.Reader
	buf [maxContent + 255]byte
}

// next returns io.EOF only at the end of a record.
func (r *recordReader) next() (record, error) {
	var head [headerSize]byte
	if _, err := io.ReadFull(r.r, head[:]); err != nil {
		return record{}, err
	}
	if head[0] != version1 {
		return record{}, fmt.Errorf("responder: record of version %d: % x", head[0], head)
	}
	size, padding := int(binary.BigEndian.Uint16(head[4:])), int(head[6])
	if _, err := io.ReadFull(r.r, r.buf[:size+padding]); err != nil {
		return record{}, fmt.Errorf("responder: record cut short: %w", noEOF(err))
	}
	return record{head[1], binary.BigEndian.Uint16(head[2:]), r.buf[:size]}, nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendRecord appends one record, padded to a multiple of 8 bytes.
func appendRecord(dst []byte, kind byte, id uint16, content []byte) []byte {
	if len(content) > maxContent {
		panic("responder: record too large")
	}
	padding := -len(content) & 7
	dst = append(dst, version1, kind)
	dst = binary.BigEndian.AppendUint16(dst, id)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(content)))
	dst = append(dst, byte(padding), 0)
	dst = append(dst, content...)
	return append(dst, make([]byte, padding)...)
}

// appendStream appends data as records of a stream; nothing for no data, because that would end the stream.
func appendStream(dst []byte, kind byte, id uint16, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), maxContent)
		dst = appendRecord(dst, kind, id, data[:n])
		data = data[n:]
	}
	return dst
}

func appendEnd(dst []byte, id uint16, exit uint32, status byte) []byte {
	body := binary.BigEndian.AppendUint32(nil, exit)
	return appendRecord(dst, typeEndRequest, id, append(body, status, 0, 0, 0))
}
