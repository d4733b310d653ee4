package config

import (
	"fmt"
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
	number, ok := wholeNumber(s)
	if !ok {
		l.error(p, "%s is not a whole number; %s", quote(s), f.numberHint())
		return
	}
	if why := f.outside(number); why != "" {
		l.error(p, "%s is not allowed here; %s", oneLine(s), why)
		return
	}
	v.v = int(number)
}

// wholeNumber reads digits, which a minus sign may precede. It takes no leading zeros: YAML 1.1 reads octal from them.
func wholeNumber(s string) (int64, bool) {
	digits, negative := strings.CutPrefix(s, "-")
	n, rest, ok := leadingNumber(digits)
	if negative {
		n = -n
	}
	return n, ok && rest == "" && (digits[0] != '0' || digits == "0")
}

// bounds are the two numbers of a rule "FIRST-LAST". The first may be negative.
func (f *field) bounds() (first, last int64, ok bool) {
	i := strings.LastIndexByte(f.rule, '-')
	if i <= 0 {
		return 0, 0, false
	}
	first, _ = wholeNumber(f.rule[:i])
	last, _ = wholeNumber(f.rule[i+1:])
	return first, last, true
}

// outside says what numbers the rule allows, if it does not allow n.
func (f *field) outside(n int64) string {
	if first, last, ok := f.bounds(); ok {
		if n < first || n > last {
			return fmt.Sprintf("write a number from %d to %d", first, last)
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
	_, last, _ := f.bounds()
	hint := f.outside(last + 1)
	if f.rule == "200-599" {
		hint += ", or for a text respond: { body: ... }"
	}
	return hint
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
	if s, ok := l.text(n, p); ok {
		v.read(l, s, f, p)
	}
}

func (v *sizeValue) read(l *loader, s string, f *field, p place) {
	if l.isUnlimited(s, f, p) {
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
