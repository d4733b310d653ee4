package config

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// String is f as one line of the file, without what is a default everywhere: what a preset stands for. Loaded beside a
// file of the same folder, it is f again.
func (f *FastCGI) String() string {
	var line flowMapping
	if len(f.Run) > 0 {
		line.add("run", flowCommand(f.Run))
	}
	if len(f.Connect) > 0 {
		line.add("connect", flowList(f.Connect, func(a Address) string { return flowText(a.String()) }))
	}
	line.texts("root", f.Root)
	line.lists("ext", f.Ext)
	line.lists("index", f.Index)
	line.texts("fallback", f.Fallback)
	f.addNumbers(&line)
	line.texts("worker_root", f.WorkerRoot)
	if f.Hidden {
		line.add("hidden", "true")
	}
	if f.Symlinks != defaultOf("symlinks") {
		line.texts("symlinks", f.Symlinks)
	}
	line.lists("sendfile", f.Sendfile)
	return "fastcgi: { " + strings.Join(line, ", ") + " }"
}

func (f *FastCGI) addNumbers(line *flowMapping) {
	usual := 0
	if len(f.Run) > 0 {
		usual = keptPerWorker
		line.add("workers", fmt.Sprint(f.Workers)) // the default is the machine's
		if f.Concurrency > 1 {
			line.add("concurrency", fmt.Sprint(f.Concurrency))
		}
	}
	if f.Keepalive != usual {
		line.add("keepalive", fmt.Sprint(f.Keepalive))
	}
	for _, d := range []struct {
		key string
		v   time.Duration
	}{{"connect_timeout", f.ConnectTimeout}, {"stop_timeout", f.StopTimeout}} {
		if text := formatDuration(d.v); text != defaultOf(d.key) {
			line.add(d.key, text)
		}
	}
	if text := formatSize(f.MaxHeader); text != defaultOf("max_header") {
		line.add("max_header", text)
	}
}

// defaultOf is the default of a key of fastcgi, as the file has it.
func defaultOf(key string) string { return newTable(reflect.TypeFor[rawFastCGI]()).byKey[key].def }

// flowMapping is the entries of a mapping in braces.
type flowMapping []string

func (m *flowMapping) add(key, value string) { *m = append(*m, key+": "+value) }

func (m *flowMapping) texts(key, value string) {
	if value != "" {
		m.add(key, flowText(value))
	}
}

func (m *flowMapping) lists(key string, values []string) {
	if len(values) > 0 {
		m.add(key, flowList(values, flowText))
	}
}

func flowList[T any](values []T, text func(T) string) string {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = text(v)
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// flowCommand is a command, of which variables are replaced in the first word alone.
func flowCommand(words []string) string {
	first := flowText(words[0])
	rest := flowList(words[1:], flowScalar)
	if len(words) == 1 {
		return "[" + first + "]"
	}
	return "[" + first + ", " + rest[1:]
}

// flowText is a text in which "${" stands for itself.
func flowText(s string) string { return flowScalar(strings.ReplaceAll(s, "${", "$${")) }

// flowScalar is a text as it may stand between braces: in double quotes unless it is surely plain.
func flowScalar(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029' || 0xfff0 <= r && r <= 0xffff || r == '\ufeff':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// isPlain goes by the beginning of paths, extensions and names.
func isPlain(s string) bool {
	if s == "" || strings.EqualFold(s, "null") {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '/' || c == '.'
		if !letter && (i == 0 || !('0' <= c && c <= '9' || c == '-' || c == '_')) {
			return false
		}
	}
	return true
}
