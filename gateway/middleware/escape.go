package middleware

import (
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendEscaped appends s so that it can stand between quotes in a line of the text form. What a reader would see stays
// as it is; quote and backslash get a backslash, and \n, \t and \xNN stand for the rest: control characters, what has no
// shape of its own, bytes that are not UTF-8. A terminal or grep takes the log for the text that it is.
func appendEscaped(dst []byte, s string) []byte {
	plain := 0 // s[plain:i] needs nothing
	for i := 0; i < len(s); {
		size := 1
		if c := s[i]; c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if strconv.IsPrint(r) && size > 1 {
				i += size
				continue
			}
		} else if isPlain(c) {
			i++
			continue
		}
		dst = append(dst, s[plain:i]...)
		for _, c := range []byte(s[i : i+size]) {
			dst = appendEscape(dst, c)
		}
		i += size
		plain = i
	}
	return append(dst, s[plain:]...)
}

// isPlain is about ASCII: no control character, no quote, no backslash.
func isPlain(c byte) bool { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' }

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\t':
		return append(dst, '\\', 't')
	}
	return appendHex(dst, c)
}

func appendHex(dst []byte, c byte) []byte {
	return append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
}

// appendASCII appends s as Apache writes it: quote and backslash with a backslash, every other byte that is not
// printable ASCII as \xNN. Outside of quotes a space ends the field, so blank is escaped there too.
func appendASCII(dst []byte, s string, quoted bool) []byte {
	for _, c := range []byte(s) {
		switch {
		case isPlain(c) && (quoted || c != ' '):
			dst = append(dst, c)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		default:
			dst = appendHex(dst, c)
		}
	}
	return dst
}

// appendJSONString appends s as a JSON string. Bytes that are not UTF-8 become U+FFFD, and exact is false then.
func appendJSONString(dst []byte, s string) (_ []byte, exact bool) {
	exact = true
	dst = append(dst, '"')
	plain := 0
	for i := 0; i < len(s); {
		c := s[i]
		if isPlain(c) {
			i++
			continue
		}
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
			exact = false
			dst = append(append(dst, s[plain:i]...), "\uFFFD"...)
		} else {
			dst = appendJSONEscape(append(dst, s[plain:i]...), c)
		}
		i++
		plain = i
	}
	return append(append(dst, s[plain:]...), '"'), exact
}

func appendJSONEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
