package http1

import (
	"bytes"
	"net/http"
)

// splitField cuts a field line, of which the bytes have been checked, into its name and its value.
func splitField(line []byte) (name, value []byte, err *Refusal) {
	name, value, ok := bytes.Cut(line, []byte(":"))
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return nil, nil, bad("a header field goes on in a second line")
	case !ok:
		return nil, nil, bad("a line of the header has no colon")
	case !isToken(name):
		return nil, nil, bad("the name of a header field is not a token")
	}
	return name, trimBlanks(value), nil
}

func tooManyFields(most int) *Refusal {
	return tooMany(http.StatusRequestHeaderFieldsTooLarge, "max_headers", "there are too many header fields", most)
}

// checkTrailerNames refuses the announcement of trailer fields that would change where the request ends (RFC 9110
// section 6.5.1).
func checkTrailerNames(value []byte) *Refusal {
	for name := range bytes.SplitSeq(value, []byte(",")) {
		name = trimBlanks(name)
		if is(name, "content-length") || is(name, "transfer-encoding") || is(name, "trailer") {
			return bad("the Trailer field announces what may not stand in a trailer")
		}
	}
	return nil
}
