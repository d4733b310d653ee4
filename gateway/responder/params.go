package responder

import (
	"encoding/binary"
	"errors"
)

// Param is one parameter of a request.
type Param struct{ Name, Value string }

var errParams = errors.New("responder: a name or value is longer than what was sent")

// decodeParams decodes name-value pairs. Their order is kept, and what comes twice is there twice.
func decodeParams(data []byte) (params []Param, err error) {
	for len(data) > 0 {
		var name, value uint32
		if name, data, err = decodeLength(data); err != nil {
			return nil, err
		}
		if value, data, err = decodeLength(data); err != nil {
			return nil, err
		}
		if uint64(name)+uint64(value) > uint64(len(data)) { // both are 31 bits: their sum may not be
			return nil, errParams
		}
		params = append(params, Param{string(data[:name]), string(data[name : name+value])})
		data = data[name+value:]
	}
	return params, nil
}

// decodeLength takes a length of one byte, or of four with the highest bit set.
func decodeLength(data []byte) (n uint32, rest []byte, err error) {
	switch {
	case len(data) >= 1 && data[0] < 0x80:
		return uint32(data[0]), data[1:], nil
	case len(data) >= 4:
		return binary.BigEndian.Uint32(data) &^ (1 << 31), data[4:], nil
	}
	return 0, nil, errParams
}

func appendParam(dst []byte, p Param) []byte {
	dst = appendLength(dst, len(p.Name))
	dst = appendLength(dst, len(p.Value))
	return append(append(dst, p.Name...), p.Value...)
}

func appendLength(dst []byte, n int) []byte {
	if n < 0x80 {
		return append(dst, byte(n))
	}
	return binary.BigEndian.AppendUint32(dst, uint32(n)|1<<31)
}
