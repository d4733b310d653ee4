package fastcgi

import (
	"encoding/binary"
	"errors"

	"gatewayd/gateway/cgispec"
)

// Names and values have lengths of one byte, or of four whose first bit is set (specification, section 3.4).
const (
	shortLength = 0x80
	longLength  = 1 << 31
)

func lengthSize(n int) int {
	if n < shortLength {
		return 1
	}
	return 4
}

func appendLength(dst []byte, n int) []byte {
	if n < shortLength {
		return append(dst, byte(n))
	}
	if uint64(n) >= longLength {
		panic("fastcgi: a name or value of 2 GiB")
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)|longLength)
}

func pairSize(name, value string) int {
	return lengthSize(len(name)) + lengthSize(len(value)) + len(name) + len(value)
}

func appendPair(dst []byte, name, value string) []byte {
	dst = appendLength(appendLength(dst, len(name)), len(value))
	return append(append(dst, name...), value...)
}

// appendParams appends the PARAMS stream of a request, with its end. No pair that fits into a record is split between
// two: PHP reads each record by itself.
func appendParams(dst []byte, vars []cgispec.Var) []byte {
	for i := 0; i < len(vars); {
		fit, size := 0, 0
		for _, v := range vars[i:] {
			next := pairSize(v.Name, v.Value)
			if size+next > maxContent {
				break
			}
			fit, size = fit+1, size+next
		}
		if fit == 0 {
			dst = appendStream(dst, typeParams, appendPair(nil, vars[i].Name, vars[i].Value))
			i++
			continue
		}
		dst = appendPairs(dst, typeParams, requestID, vars[i:i+fit])
		i += fit
	}
	return appendEnd(dst, typeParams)
}

// appendPairs appends one record of pairs, which must fit.
func appendPairs(dst []byte, kind recordType, id uint16, vars []cgispec.Var) []byte {
	start := len(dst)
	dst = append(dst, make([]byte, headerSize)...)
	for _, v := range vars {
		dst = appendPair(dst, v.Name, v.Value)
	}
	putHeader(dst[start:], kind, id, len(dst)-start-headerSize)
	return dst
}

var errPairs = errors.New("name-value pairs whose lengths do not fit into the record")

// parsePairs reads the pairs of a whole stream or record.
func parsePairs(b []byte) (vars []cgispec.Var, err error) {
	for len(b) > 0 {
		var name, value uint32
		var ok bool
		if name, b, ok = takeLength(b); !ok {
			return nil, errPairs
		}
		if value, b, ok = takeLength(b); !ok || uint64(name)+uint64(value) > uint64(len(b)) {
			return nil, errPairs
		}
		vars = append(vars, cgispec.Var{Name: string(b[:name]), Value: string(b[name : name+value])})
		b = b[name+value:]
	}
	return vars, nil
}

func takeLength(b []byte) (n uint32, rest []byte, ok bool) {
	switch {
	case len(b) >= 1 && b[0] < shortLength:
		return uint32(b[0]), b[1:], true
	case len(b) >= 4:
		return binary.BigEndian.Uint32(b) &^ longLength, b[4:], true
	}
	return 0, nil, false
}
