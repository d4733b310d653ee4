package http1

import "bytes"

// class says where a byte may stand.
type class [256]bool

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// classOf has the bytes of text, and from 0x80 up all or none.
func classOf(text string, high bool) (c class) {
	for i := range len(text) {
		c[text[i]] = true
	}
	for b := 0x80; b < 0x100; b++ {
		c[b] = high
	}
	return c
}

var (
	tokenBytes = classOf(alphanumeric+"!#$%&'*+-.^_`|~", false) // RFC 9110 section 5.6.2
	hostBytes  = classOf(alphanumeric+"-._~!$&'()*+,;=", false) // RFC 3986 reg-name without its escapes
	pathBytes  = classOf(graphic("#%"), true)                   // what need not be escaped to be taken
	queryBytes = classOf(graphic("#"), true)                    // the same, and "%" as it comes
	textBytes  = classOf(graphic("")+" \t", true)               // what a line is made of
	quotable   = classOf(graphic(`"\`)+" \t", true)             // qdtext of RFC 9110 section 5.6.4
	hexDigits  = classOf("0123456789abcdefABCDEF", false)
	digits     = classOf("0123456789", false)
)

// graphic is the visible ASCII characters without those of except.
func graphic(except string) string {
	var b []byte
	for c := byte('!'); c <= '~'; c++ {
		if bytes.IndexByte([]byte(except), c) < 0 {
			b = append(b, c)
		}
	}
	return string(b)
}

// all says whether every byte of b is in c.
func (c *class) all(b []byte) bool { return c.prefix(b) == len(b) }

// prefix is how many bytes at the start of b are in c.
func (c *class) prefix(b []byte) int {
	for i, x := range b {
		if !c[x] {
			return i
		}
	}
	return len(b)
}

// isToken says whether b is one token.
func isToken(b []byte) bool { return len(b) > 0 && tokenBytes.all(b) }

// IsName says whether s may be the name of a header field.
func IsName(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return s != ""
}

// is compares b with a word in lower case, ignoring the case of ASCII letters and of nothing else.
func is(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, x := range b {
		if 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if x != lower[i] {
			return false
		}
	}
	return true
}

// trimBlanks takes away the optional whitespace around a field value: SP and HTAB, nothing else.
func trimBlanks(b []byte) []byte {
	b = skipBlanks(b)
	for len(b) > 0 && isBlank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func skipBlanks(b []byte) []byte {
	for len(b) > 0 && isBlank(b[0]) {
		b = b[1:]
	}
	return b
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// decimal is the number that b writes: digits only, at least one; false too if it is more than most.
func decimal(b []byte, most int64) (n int64, ok bool) {
	for _, x := range b {
		if !digits[x] {
			return 0, false
		}
		d := int64(x - '0')
		if n > (most-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, len(b) > 0
}
