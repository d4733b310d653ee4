package middleware

import (
	"encoding/base64"
	"strings"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

// base64Suffix is that of the field beside a string that is not UTF-8, in every JSON log: there the string has U+FFFD
// for each wrong byte, and the field beside it has the exact bytes. Types stay what they are and nothing is lost.
const base64Suffix = "_base64"

// Exact adds a string that a client, a program or the file system chose.
func Exact(e *zerolog.Event, key, value string) *zerolog.Event {
	e.Str(key, value)
	if !utf8.ValidString(value) {
		e.Str(key+base64Suffix, base64.StdEncoding.EncodeToString([]byte(value)))
	}
	return e
}

// MergeExact undoes what Exact did, for a form that can write any byte: it puts the exact bytes where U+FFFD stands.
func MergeExact(fields map[string]any) error {
	for key, value := range fields {
		name, ok := strings.CutSuffix(key, base64Suffix)
		text, isText := value.(string)
		if !ok || !isText {
			continue
		}
		if exact, err := base64.StdEncoding.DecodeString(text); err == nil {
			fields[name] = string(exact)
			delete(fields, key)
		}
	}
	return nil
}
