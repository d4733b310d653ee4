package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// The leaves: what one key of the file can hold.

type boolValue struct{ value[bool] }

func (v *boolValue) setDefault(s string) { v.v = s == "true" }

func (v *boolValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	switch s {
	case "true", "True", "TRUE":
		v.v = true
	case "false", "False", "FALSE":
	default:
		meant := ""
		switch strings.ToLower(s) {
		case "yes", "on", "y", "1":
			meant = "; write true"
		case "no", "off", "n", "0", "none":
			meant = "; write false"
		}
		l.error(p, "%s is neither true nor false%s", quote(s), meant)
	}
}

// intValue is a whole number. Its rule is "FIRST-LAST" or the numbers that are allowed.
type intValue struct{ value[int] }

func (v *intValue) setDefault(s string) { v.v, _ = strconv.Atoi(s) }

func (v *intValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	number, rest, ok := leadingNumber(strings.TrimPrefix(s, "-"))
	if !ok || rest != "" || strings.HasPrefix(s, "0") && s != "0" {
		l.error(p, "%s is not a whole number; %s", quote(s), f.numberHint())
		return
	}
	if s[0] == '-' {
		number = -1
	}
	if why := f.outside(number); why != "" {
		l.error(p, "%s is not allowed here; %s", oneLine(s), why)
		return
	}
	v.v = int(number)
}

// outside says what numbers the rule allows, if it does not allow n.
func (f *field) outside(n int64) string {
	if first, last, ok := strings.Cut(f.rule, "-"); ok {
		low, _, _ := leadingNumber(first)
		high, _, _ := leadingNumber(last)
		if n < low || n > high {
			return "write a number from " + first + " to " + last
		}
		return ""
	}
	allowed := strings.Fields(f.rule)
	if slices.Contains(allowed, strconv.FormatInt(n, 10)) {
		return ""
	}
	return "write " + oneOf(allowed)
}

func (f *field) numberHint() string {
	if f.rule == "200-599" {
		return f.outside(-1) + ", or for a text respond: { body: ... }"
	}
	return f.outside(-1)
}

// durationValue is a span of time; 0 is none, which the rule "none" allows.
type durationValue struct{ value[time.Duration] }

func (v *durationValue) setDefault(s string) { v.v, _ = parseDuration(s) }

func (v *durationValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	if !ok || l.isUnlimited(s, f, p) {
		return
	}
	d, err := parseDuration(s)
	if err == nil && d > 0 {
		v.v = d
		return
	}
	l.notThat(s, f, p, err)
}

// isUnlimited says whether s is the word for no limit, which not every option takes.
func (l *loader) isUnlimited(s string, f *field, p place) bool {
	switch strings.ToLower(s) {
	case unlimited:
	case "off", "no", "false", "never", "unlimited", "infinite", "infinity", "inf", "-1":
		if f.rule == unlimited {
			l.error(p, `%s is not known here; write "none" for no limit`, quote(s))
			return true
		}
		return false
	default:
		return false
	}
	switch {
	case f.rule != unlimited:
		l.error(p, "there must be a limit here; write one, for example %s", quote(f.def))
	case s != unlimited:
		l.error(p, `%s is not known here; write "none" for no limit`, quote(s))
	}
	return true
}

// notThat reports why s is no duration or size; err is nil when it is one, but 0.
func (l *loader) notThat(s string, f *field, p place, err error) {
	isZero := err == nil || s != "" && strings.Trim(s, "0.") == ""
	switch {
	case isZero && f.rule == unlimited:
		l.error(p, `%s is not a limit; write "none" for no limit`, quote(s))
	case isZero:
		l.error(p, "%s is too little; write for example %s", quote(s), quote(f.def))
	default:
		l.error(p, "%v", err)
	}
}

// sizeValue is a number of bytes; 0 is none, which the rule "none" allows. Other rules are "min=SIZE max=SIZE".
type sizeValue struct{ value[int64] }

func (v *sizeValue) setDefault(s string) { v.v, _ = parseSize(s) }

func (v *sizeValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	if !ok || l.isUnlimited(s, f, p) {
		return
	}
	size, err := parseSize(s)
	if err != nil || size == 0 {
		l.notThat(s, f, p, err)
		return
	}
	for word := range strings.FieldsSeq(f.rule) {
		bound, limit, _ := strings.Cut(word, "=")
		n, _ := parseSize(limit)
		switch {
		case bound == "min" && size < n:
			l.error(p, "%s is too little; the least is %s", quote(s), limit)
			return
		case bound == "max" && size > n:
			l.error(p, "%s is too much; the most is %s", quote(s), limit)
			return
		}
	}
	v.v = size
}

// wordValue is one of the words in its rule.
type wordValue struct{ value[string] }

func (v *wordValue) setDefault(s string) { v.v = s }

func (v *wordValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	words := strings.Fields(f.rule)
	if isOff(s) && slices.Contains(words, "off") {
		s = "off"
	}
	if !slices.Contains(words, s) {
		l.error(p, "%s is not known here; write %s%s", quote(s), oneOf(words), didYouMean(s, words))
		return
	}
	v.v = s
}

// isOff takes what YAML 1.1 made of the bare words off and no as these words.
func isOff(s string) bool { return slices.Contains(offWords(), s) }

func offWords() []string {
	return []string{"off", "Off", "OFF", "no", "No", "NO", "false", "False", "FALSE"}
}

// bufferValue is wordValue with a word that does not work yet.
type bufferValue struct{ wordValue }

func (v *bufferValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	if target, ok := l.target(n, p); ok && target.Value == unlimited {
		l.error(p, `"none" is not in this version yet; write "request"`)
		return
	}
	v.wordValue.decode(l, n, f, p)
}

// accessValue is wordValue with words that do not work yet.
type accessValue struct{ wordValue }

func (v *accessValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	if target, ok := l.target(n, p); ok && (target.Value == "json" || target.Value == "combined") {
		l.error(p, "%s is not in this version yet; write %s", quote(target.Value), oneOf(strings.Fields(f.rule)))
		return
	}
	v.wordValue.decode(l, n, f, p)
}

// textValue is a text that its rule, if it has one, allows (see checkText).
type textValue struct{ value[string] }

func (v *textValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	if why := checkText(f.rule, s); why != "" {
		l.error(p, "%s", why)
		return
	}
	v.v = s
}

// listValue is a list of texts, or one text for a list of one. Its rule is for each (see checkText); "dir" makes them
// existing directories.
type listValue struct {
	value[[]string]
	bad bool // something in it has been reported
}

func (v *listValue) setDefault(s string) { v.v = strings.Fields(s) }

func (v *listValue) emptyAllowed() {}

func (v *listValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	v.v = []string{}
	read := l.list(n, p, func(n *yaml.Node, p place) {
		s, ok := l.entry(n, f.rule, p)
		v.bad = v.bad || !ok
		if ok {
			v.v = append(v.v, s)
		}
	})
	v.bad = v.bad || !read
}

// entry is one text of a list.
func (l *loader) entry(n *yaml.Node, rule string, p place) (string, bool) {
	s, ok := l.text(n, p)
	switch {
	case !ok:
		return "", false
	case rule == "dir":
		return l.directory(s, p)
	}
	if why := checkText(rule, s); why != "" {
		l.error(p, "%s", why)
		return "", false
	}
	return s, true
}

// dirValue is a directory that exists.
type dirValue struct{ value[string] }

func (v *dirValue) setDefault(s string) { v.v = s }

func (v *dirValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	if s, ok := l.text(n, p); ok {
		v.v, _ = l.directory(s, p)
	}
}

// unusable is a key that is known, but does nothing here. It is never decoded.
type unusable struct{ value[struct{}] }

func (v *unusable) decode(*loader, *yaml.Node, *field, place) {}
