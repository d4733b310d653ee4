package middleware

import (
	"math/rand/v2"
	"net/http"
)

const requestIDField = "X-Request-Id"

// requestID is the name that a trusted peer has given the request, if it is one, else a new one.
func requestID(h http.Header, trusted bool) string {
	if given := h[requestIDField]; trusted && len(given) == 1 && isRequestID(given[0]) {
		return given[0]
	}
	return NewRequestID()
}

// isRequestID says whether s can stand in every log line and header as it is.
func isRequestID(s string) bool {
	const maxLength = 128
	for _, c := range []byte(s) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxLength
}

// NewRequestID makes the name of one request: 16 hexadecimal digits from the runtime's generator, which is seeded by
// the system. It tells requests apart; it is no secret.
func NewRequestID() string {
	const digits = "0123456789abcdef"
	var id [16]byte
	for i, n := 0, rand.Uint64(); i < len(id); i, n = i+1, n>>4 {
		id[i] = digits[n&0xf]
	}
	return string(id[:])
}
