package middleware

import (
	"math/rand/v2"
	"strconv"
)

// NewRequestID makes the name of one request: 16 hexadecimal digits from the runtime's generator, which is seeded by
// the system. It tells requests apart; it is no secret.
func NewRequestID() string {
	const digits = 16
	s := strconv.FormatUint(rand.Uint64(), 16)
	for len(s) < digits {
		s = "0" + s
	}
	return s
}
