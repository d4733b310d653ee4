package config

import (
	"fmt"
	"reflect"
	"strings"
)

// Reference is every key of the config file as Markdown tables, made from the tables that Load decodes by.
func Reference() string {
	l := newLoader(Source{})
	var b strings.Builder
	section := func(title string, t reflect.Type, want func(*field) bool) {
		fmt.Fprintf(&b, "\n### %s\n\n| key | value | default | |\n|---|---|---|---|\n", title)
		for _, f := range l.table(t).fields {
			if f.usable() && want(f) {
				fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.key, escapeCell(f.notation()), f.defaultCell(), escapeCell(f.doc))
			}
		}
	}
	all := func(*field) bool { return true }
	section("Top level", reflect.TypeFor[rawConfig](), func(f *field) bool { return !f.inherited })
	section("Options: at the top level, in a site or beside the handler", reflect.TypeFor[rawOptions](), all)
	section("rlimits", reflect.TypeFor[rawRlimits](), all)
	section("queue", reflect.TypeFor[rawQueue](), all)
	section("auth", reflect.TypeFor[rawAuth](), all)
	section("headers", reflect.TypeFor[rawHeaders](), all)
	section("A route: exactly one of", reflect.TypeFor[rawRoute](), func(f *field) bool { return f.handler })
	section("static", reflect.TypeFor[rawStatic](), all)
	section("cgi", reflect.TypeFor[rawCGI](), all)
	section("fastcgi", reflect.TypeFor[rawFastCGI](), all)
	section("php", reflect.TypeFor[rawPHP](), all)
	section("wsgi", reflect.TypeFor[rawWSGI](), all)
	section("redirect", reflect.TypeFor[rawRedirect](), all)
	section("respond", reflect.TypeFor[rawRespond](), all)
	section("log", reflect.TypeFor[rawLog](), all)
	section("http", reflect.TypeFor[rawHTTP](), all)
	return strings.TrimPrefix(b.String(), "\n")
}

// noter is a leaf that can say in a few words what it takes: "duration or none".
type noter interface{ notation(f *field) string }

// notation says in a few words what a key takes.
func (f *field) notation() string {
	if f.typ.Kind() == reflect.Pointer {
		var keys []string
		for _, main := range newTable(f.typ.Elem()).scalars {
			keys = append(keys, "`"+main.key+"`")
		}
		return strings.Join(keys, " or ") + ", or a mapping"
	}
	if leaf, ok := reflect.New(f.typ).Interface().(noter); ok {
		return leaf.notation(f)
	}
	return "a mapping"
}

func (f *field) defaultCell() string {
	switch {
	case f.shown != "":
		return escapeCell(f.shown)
	case f.def == "":
		return ""
	case f.typ == reflect.TypeFor[listValue]():
		return "`[" + strings.Join(strings.Fields(f.def), ", ") + "]`"
	}
	return "`" + f.def + "`"
}

func escapeCell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

func orNone(what string, f *field) string {
	if f.rule == unlimited {
		return what + " or `none`"
	}
	return what
}

func (*boolValue) notation(*field) string       { return "`true` or `false`" }
func (*durationValue) notation(f *field) string { return orNone("duration", f) }
func (*sizeValue) notation(f *field) string     { return orNone("size", f) }
func (*wordValue) notation(f *field) string {
	return "`" + strings.Join(strings.Fields(f.rule), "` or `") + "`"
}
func (*dirValue) notation(*field) string          { return "directory" }
func (*stateDirValue) notation(*field) string     { return "directory" }
func (*outputValue) notation(*field) string       { return "`stderr`, `stdout` or file" }
func (*envValue) notation(*field) string          { return "`NAME: value`" }
func (*headerSetValue) notation(*field) string    { return "`Name: value`" }
func (*interpretersValue) notation(*field) string { return "`.ext: command`" }
func (*listenValue) notation(*field) string       { return "address, or a list" }
func (*adminValue) notation(*field) string        { return "`unix:PATH` or `off`" }
func (*proxiesValue) notation(*field) string      { return "list" }
func (*routesValue) notation(*field) string       { return "`/exact` or `/prefix/*`: route" }
func (*sitesValue) notation(*field) string        { return "hosts: site" }

func (*countValue) notation(f *field) string    { return orNone("number", f) }
func (*rlimitsValue) notation(*field) string    { return "a mapping" }
func (*coreValue) notation(*field) string       { return "size, `off` or `none`" }
func (*umaskValue) notation(*field) string      { return "octal number" }
func (*queueValue) notation(*field) string      { return "a mapping, or `off`" }
func (*userValue) notation(*field) string       { return "user" }
func (*authValue) notation(*field) string       { return "a mapping, or `none`" }
func (*htpasswdValue) notation(*field) string   { return "file" }
func (*prefixesValue) notation(*field) string   { return "list" }
func (*errorPagesValue) notation(*field) string { return "`status: file`" }

func (*commandValue) notation(f *field) string {
	if f.rule == "cgi" {
		return "program, list or directory"
	}
	return "program, or a list"
}

func (*connectValue) notation(*field) string    { return "address, or a list" }
func (*workerRootValue) notation(*field) string { return "absolute path" }
func (*fallbackValue) notation(*field) string   { return "path below `root`, or `off`" }

func (*intValue) notation(f *field) string {
	if first, last, ok := f.bounds(); ok {
		return fmt.Sprintf("number (%d to %d)", first, last)
	}
	return "number (" + strings.ReplaceAll(f.rule, " ", ", ") + ")"
}

func (*textValue) notation(f *field) string {
	switch f.rule {
	case "target":
		return "URL or path"
	}
	return "text"
}

func (*listValue) notation(f *field) string {
	switch f.rule {
	case "ext":
		return "extensions"
	case "file":
		return "file names"
	case "dir":
		return "directories"
	case "header":
		return "field names"
	}
	return "list"
}
