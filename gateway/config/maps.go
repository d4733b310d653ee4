package config

import (
	"net/textproto"
	"strings"

	"go.yaml.in/yaml/v4"
)

// envValue is variables for programs. Its values are the scalars' text as written: no variables are replaced, no and ~ and
// 0755 stay.
type envValue struct {
	value[map[string]string]
	places map[string]place
}

func (v *envValue) emptyAllowed() {}

func (v *envValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	v.v, v.places = map[string]string{}, map[string]place{}
	l.eachPair(n, p, func(name string, n *yaml.Node, p place) {
		s, ok := l.asWritten(n, p)
		if why := checkVariable(name); why != "" {
			l.errorAtKey(p, "%s", why)
			return
		}
		if l.computed[name] {
			l.warn(p, "%s is always computed from the request, so this value is never seen; take it out", name)
		}
		if ok {
			v.v[name], v.places[name] = s, p
		}
	})
}

// eachPair calls each with the keys of a mapping that has names of the user's own.
func (l *loader) eachPair(n *yaml.Node, p place, each func(name string, n *yaml.Node, p place)) {
	target, done, ok := l.open(n, p, yaml.MappingNode)
	if !ok {
		return
	}
	defer done()
	for _, e := range l.pairs(target, p) {
		at := place{at: posOf(e.val), key: posOf(e.key), path: p.path.child(e.key.Value)}
		each(e.key.Value, e.val, at)
	}
}

// ComputedVars are the variables that are made from the request whatever env says. The caller may keep the slice.
func ComputedVars() []string {
	return []string{
		"CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_ROOT", "DOCUMENT_URI", "GATEWAY_INTERFACE", "PATH_INFO",
		"PATH_TRANSLATED", "QUERY_STRING", "REDIRECT_STATUS", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT", "REQUEST_METHOD", "REQUEST_SCHEME",
		"REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
		"SERVER_SOFTWARE",
	}
}

// headerSetValue is fields with their values, by canonical name.
type headerSetValue struct{ value[map[string]string] }

func (v *headerSetValue) emptyAllowed() {}

func (v *headerSetValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	v.v = map[string]string{}
	l.eachPair(n, p, func(name string, n *yaml.Node, p place) {
		if why := checkHeaderName(name); why != "" {
			l.errorAtKey(p, "%s", why)
			return
		}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if _, twice := v.v[canonical]; twice {
			l.errorAtKey(p, "the field %s is set twice; case makes no difference in field names", canonical)
			return
		}
		v.v[canonical] = l.headerValue(n, p)
	})
}

func (l *loader) headerValue(n *yaml.Node, p place) string {
	if isNull(n) {
		return ""
	}
	s, ok := l.text(n, p)
	if why := checkHeaderValue(s); ok && why != "" {
		l.error(p, "%s", why)
	}
	return s
}

// check refuses a field that is set and removed in one place: nobody could tell which is meant.
func (h *rawHeaders) check(l *loader, p place) {
	for i, name := range h.Remove.v {
		h.Remove.v[i] = textproto.CanonicalMIMEHeaderKey(name)
		if _, both := h.Set.v[h.Remove.v[i]]; both {
			l.errorAtKey(h.Remove.place, "the field %s is both set and removed; keep one of the two", h.Remove.v[i])
		}
	}
}

// interpretersValue is commands by the extension of the files that they run.
type interpretersValue struct {
	value[map[string][]string]
}

func (v *interpretersValue) emptyAllowed() {}

func (v *interpretersValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	v.v = map[string][]string{}
	l.eachPair(n, p, func(ext string, n *yaml.Node, p place) {
		if why := checkExtension(ext); why != "" {
			l.errorAtKey(p, "%s", why)
		}
		v.v[ext] = nil // also when the command is wrong: that is one problem, not another for each file
		words, at := l.words(n, p)
		if len(words) == 0 {
			return
		}
		if at == nil && strings.ContainsAny(words[0], " \t") && !exists(l.abs(words[0])) {
			l.error(p, "arguments go in a list: [%s]", strings.Join(strings.Fields(words[0]), ", "))
			return
		}
		if at == nil {
			at = []place{p}
		}
		if program, ok := l.program(words[0], at[0]); ok {
			v.v[ext] = append([]string{program}, words[1:]...)
		}
	})
}
