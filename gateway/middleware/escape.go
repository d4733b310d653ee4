package middleware

const hexDigits = "0123456789abcdef"

// appendEscaped appends s so that it can stand in a line of a log, inside or outside of quotes: bytes below 0x20, 0x7f,
// the quote and the backslash as \n, \t, \" or \xNN; everything else as it is.
func appendEscaped[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c < 0x20 || c == 0x7f:
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}
