package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// The options that bound programs: how much each may use, and how many run at once.

// maxCount is the most of what countValue counts; more is none.
const maxCount = 1_000_000

// minMemory is about what a small program and its C library map before it begins.
const minMemory = 1 << 20

// countValue is a number of things that there may be; 0 is none. Its rule is "none".
type countValue struct{ value[int] }

func (v *countValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	if !ok || l.isUnlimited(s, f, p) {
		return
	}
	number, ok := wholeNumber(s)
	switch {
	case !ok:
		l.error(p, `%s is not a whole number; write one from 1 to %d, or "none" for no limit`, quote(s), maxCount)
	case number == 0:
		l.error(p, `%s is not a limit; write "none" for no limit`, quote(s))
	case number < 0 || number > maxCount:
		l.error(p, `%s is not allowed here; write a number from 1 to %d, or "none" for no limit`, oneLine(s), maxCount)
	default:
		v.v = int(number)
	}
}

// rlimitsValue is what setrlimit(2) bounds.
type rlimitsValue struct{ section[rawRlimits] }

func (*rlimitsValue) emptyAllowed() {}
func (*rlimitsValue) words() []any  { return []any{nil} }

// check wants what the kernel counts in.
func (r *rawRlimits) check(l *loader, _ place) {
	if rest := r.CPU.v % time.Second; rest != 0 {
		l.error(r.CPU.place, "processor time is counted in whole seconds; did you mean %s?", quote(formatDuration(r.CPU.v-rest+time.Second)))
	}
	if 0 < r.Memory.v && r.Memory.v < minMemory {
		l.error(r.Memory.place, "no program starts with so little; the least is %s", formatSize(minMemory))
	}
}

func (r *rawRlimits) plain() Rlimits {
	out := Rlimits{
		CPU: limit(&r.CPU.value, time.Second), Memory: limit(&r.Memory.value, 1), Files: limit(&r.Files.value, 1),
		Processes: limit(&r.Processes.value, 1), Core: limit(&r.Core.value, 1),
	}
	if r.Core.off {
		out.Core = new(uint64)
	}
	return out
}

// limit is v in units: nil if the file does not have it, Unlimited for none.
func limit[T int | int64 | time.Duration](v *value[T], unit T) *uint64 {
	switch {
	case !v.given:
		return nil
	case v.v == 0:
		return new(Unlimited)
	}
	return new(uint64(v.v / unit))
}

// coreValue is sizeValue with a word for 0, which is a limit that makes sense here.
type coreValue struct {
	sizeValue
	off bool
}

func (v *coreValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	s, ok := l.text(n, p)
	size, err := parseSize(s)
	switch {
	case !ok:
	case isOff(s):
		v.off = true
	case s == "0", err == nil && size == 0:
		l.error(p, `%s is written "off" here: no core file`, quote(s))
	default:
		v.read(l, s, f, p)
	}
}

// umaskValue is permissions in octal, as umask(1) takes them.
type umaskValue struct{ value[int] }

func (v *umaskValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	digits := strings.TrimPrefix(s, "0o")
	mask, err := strconv.ParseUint(digits, 8, 32)
	switch {
	case err != nil:
		l.error(p, "%s is not a umask; write it in octal, for example 022 or 0077", quote(s))
	case mask > 0o777:
		l.error(p, "%s is too much for a umask; the most is 0777", quote(s))
	case digits != s || len(digits) > 4:
		l.error(p, "%s is not how a umask is written; did you mean %s?", quote(s), quote(fmt.Sprintf("%03o", mask)))
	default:
		v.v = int(mask)
		v.warnIfMode(l, s, p)
	}
}

// warnIfMode is for who writes the mode that files are to have.
func (v *umaskValue) warnIfMode(l *loader, s string, p place) {
	if v.v&0o400 != 0 {
		l.warn(p, "with %s programs cannot read the files that they make: a umask names what is taken away; did you mean %03o?", quote(s), 0o777&^v.v)
	}
}

// queueValue is who may wait, or off.
type queueValue struct {
	section[rawQueue]
	off bool
}

func (*queueValue) emptyAllowed() {}
func (*queueValue) words() []any  { return append(offValues(), nil) }

func (v *queueValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	target, ok := l.target(n, p)
	switch {
	case !ok:
	case target.Kind == yaml.ScalarNode:
		v.word(l, n, p)
	default:
		v.section.decode(l, n, f, p)
	}
}

func (v *queueValue) word(l *loader, n *yaml.Node, p place) {
	s, ok := l.text(n, p)
	if v.off = isOff(s); !ok || v.off {
		return
	}
	number, isNumber := wholeNumber(s)
	switch {
	case isNumber && number > 0:
		l.error(p, "a queue is a mapping; write { max: %s }", s)
	case isNumber:
		l.error(p, `%s is written "off" here: nobody waits`, quote(s))
	default:
		l.error(p, `%s is not known here; write { max: 100, wait: 30s }, or "off" if nobody is to wait`, quote(s))
	}
}

func (v *queueValue) plain() Queue {
	if v.off {
		return Queue{}
	}
	return Queue{Max: v.v.Max.v, Wait: v.v.Wait.v}
}
