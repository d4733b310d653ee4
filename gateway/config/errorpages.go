package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// maxErrorPage bounds an error page, which is kept in memory and sent as a whole.
const maxErrorPage = 1 << 20

// errorPagesValue is files by the statuses that they are sent with.
type errorPagesValue struct{ value[map[string]ErrorPage] }

func (v *errorPagesValue) emptyAllowed() {}

func (v *errorPagesValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	l.eachPair(n, p, func(status string, n *yaml.Node, p place) {
		if why := statusProblem(status); why != "" {
			l.errorAtKey(p, "%s", why)
		}
		page, ok := l.errorPage(n, p)
		if !ok {
			return
		}
		if v.v == nil {
			v.v = map[string]ErrorPage{}
		}
		v.v[status] = page
	})
}

// statusProblem says why s is neither the status of an error nor a class of them.
func statusProblem(s string) string {
	number, isNumber := wholeNumber(s)
	class := strings.ToLower(s)
	switch {
	case s == "4xx" || s == "5xx" || isNumber && 400 <= number && number <= 599 && len(s) == 3:
		return ""
	case class == "4xx" || class == "5xx":
		return fmt.Sprintf("%s is not known here; did you mean %s?", quote(s), quote(class))
	case strings.ContainsAny(s, " ,"):
		return "each status has a key of its own; for all errors of a class write 4xx or 5xx"
	}
	return fmt.Sprintf("%s is not an error that has a page; write a status from 400 to 599, 4xx or 5xx", quote(s))
}

func (l *loader) errorPage(n *yaml.Node, p place) (ErrorPage, bool) {
	s, ok := l.text(n, p)
	if !ok {
		return ErrorPage{}, false
	}
	if strings.Contains(s, "://") {
		l.error(p, "%s is a URL; an error page is a file, which is sent with the error's own status", quote(s))
		return ErrorPage{}, false
	}
	path, text, ok := l.contents(s, "an error page", maxErrorPage, p)
	return ErrorPage{File: path, ContentType: contentType(path, text), Body: text}, ok
}

// contentType goes by the name. The machine's own table of types is not asked: a config means the same everywhere.
// A text that is not UTF-8 is left to say itself what it is.
func contentType(path, text string) string {
	charset := ""
	if utf8.ValidString(text) {
		charset = "; charset=utf-8"
	}
	switch strings.ToLower(filepath.Ext(path)) {
	case ".txt":
		return "text/plain" + charset
	case ".json":
		return "application/json"
	case ".svg":
		return "image/svg+xml"
	case ".xhtml":
		return "application/xhtml+xml"
	case ".xml":
		return "application/xml"
	}
	return "text/html" + charset
}
