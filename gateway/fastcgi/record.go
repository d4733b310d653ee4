package fastcgi

import (
	"encoding/binary"
	"fmt"
)

// recordType is the second byte of a record (FastCGI specification, section 8).
type recordType uint8

const (
	typeBeginRequest recordType = iota + 1
	typeAbortRequest
	typeEndRequest
	typeParams
	typeStdin
	typeStdout
	typeStderr
	typeData
	typeGetValues
	typeGetValuesResult
	typeUnknownType
)

const (
	version    = 1
	headerSize = 8
	maxContent = 65535 // the length of a record's content has 16 bits

	// requestID is that of every request: a connection carries one at a time. 0 is for management records.
	requestID    = 1
	managementID = 0

	roleResponder = 1
	flagKeepConn  = 1
)

func (t recordType) String() string {
	names := [...]string{
		typeBeginRequest: "BEGIN_REQUEST", typeAbortRequest: "ABORT_REQUEST", typeEndRequest: "END_REQUEST", typeParams: "PARAMS",
		typeStdin: "STDIN", typeStdout: "STDOUT", typeStderr: "STDERR", typeData: "DATA",
		typeGetValues: "GET_VALUES", typeGetValuesResult: "GET_VALUES_RESULT", typeUnknownType: "UNKNOWN_TYPE",
	}
	if int(t) < len(names) && names[t] != "" {
		return names[t]
	}
	return fmt.Sprintf("type %d", uint8(t))
}

// management says whether records of this type are about the connection rather than a request.
func (t recordType) management() bool { return t >= typeGetValues }

// header is the head of a record.
type header struct {
	version uint8
	kind    recordType
	id      uint16
	content int // bytes
	padding int
}

func parseHeader(b []byte) header {
	return header{
		version: b[0], kind: recordType(b[1]), id: binary.BigEndian.Uint16(b[2:]),
		content: int(binary.BigEndian.Uint16(b[4:])), padding: int(b[6]),
	}
}

// putHeader is the one place where the head of a record is made. A length that does not fit would let the rest of the
// content pass for records of its own, so that a client could write them: it must never be cut.
func putHeader(b []byte, kind recordType, id uint16, content int) {
	if content < 0 || content > maxContent {
		panic(fmt.Sprintf("fastcgi: a record of %d bytes", content))
	}
	b[0], b[1] = version, byte(kind)
	binary.BigEndian.PutUint16(b[2:], id)
	binary.BigEndian.PutUint16(b[4:], uint16(content))
	b[6], b[7] = 0, 0
}

// appendRecord appends a whole record to dst.
func appendRecord(dst []byte, kind recordType, id uint16, content []byte) []byte {
	var h [headerSize]byte
	putHeader(h[:], kind, id, len(content))
	return append(append(dst, h[:]...), content...)
}

// appendStream appends data as records of a stream, without the end of the stream.
func appendStream(dst []byte, kind recordType, data []byte) []byte {
	for len(data) > 0 {
		n := min(len(data), maxContent)
		dst = appendRecord(dst, kind, requestID, data[:n])
		data = data[n:]
	}
	return dst
}

// appendEnd appends the empty record that ends a stream.
func appendEnd(dst []byte, kind recordType) []byte { return appendRecord(dst, kind, requestID, nil) }

// appendBegin appends the record that begins a request.
func appendBegin(dst []byte, keep bool) []byte {
	body := [8]byte{1: roleResponder}
	if keep {
		body[2] = flagKeepConn
	}
	return appendRecord(dst, typeBeginRequest, requestID, body[:])
}

// protocolStatus is how an application says that it has ended a request.
type protocolStatus uint8

const (
	requestComplete protocolStatus = iota
	cannotMultiplex
	overloaded
	unknownRole
)

// endSize is the length of END_REQUEST's content.
const endSize = 8

// parseEnd reads END_REQUEST's content.
func parseEnd(b []byte) (appStatus uint32, status protocolStatus) {
	return binary.BigEndian.Uint32(b), protocolStatus(b[4])
}
