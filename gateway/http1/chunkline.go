package http1

// parseChunkSize reads the line before a chunk: 1*HEXDIG and any number of extensions (RFC 9112 section 7.1).
func parseChunkSize(line []byte) (size int64, ok bool) {
	n := hexDigits.prefix(line)
	if n == 0 || n > 16 {
		return 0, false
	}
	for _, x := range line[:n] {
		if size >= maxChunk>>4 {
			return 0, false
		}
		size = size<<4 | hexValue(x)
	}
	return size, isExtensions(line[n:])
}

func hexValue(x byte) int64 {
	switch {
	case x <= '9':
		return int64(x - '0')
	case x <= 'F':
		return int64(x-'A') + 10
	}
	return int64(x-'a') + 10
}

// isExtensions checks *( ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] ), blanks allowed between the parts.
func isExtensions(b []byte) bool {
	for len(b) > 0 {
		if b[0] != ';' {
			return false
		}
		b = skipBlanks(b[1:])
		n := tokenBytes.prefix(b)
		if n == 0 {
			return false
		}
		b = skipBlanks(b[n:])
		if len(b) > 0 && b[0] == '=' {
			b = skipBlanks(b[1:])
			if n = valueLength(b); n == 0 {
				return false
			}
			b = skipBlanks(b[n:])
		}
	}
	return true
}

// valueLength is how many bytes at the start of b are a token or a quoted string; 0 if it starts with neither.
func valueLength(b []byte) int {
	if len(b) == 0 || b[0] != '"' {
		return tokenBytes.prefix(b)
	}
	for i := 1; i < len(b); i++ {
		i += quotable.prefix(b[i:])
		switch {
		case i == len(b):
			return 0
		case b[i] == '"':
			return i + 1
		case b[i] == '\\' && i+1 < len(b):
			i++ // whatever is quoted has been checked with the line
		}
	}
	return 0
}
