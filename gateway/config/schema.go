package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// object is a JSON Schema, or a part of one.
type object = map[string]any

// schemer is a leaf that knows what a schema says of its values.
type schemer interface{ schema(f *field) object }

// Schema is the JSON Schema (draft 2020-12) of the config file, indented, ending in a newline. It is made from the
// tables that Load decodes by and holds what loads today. What depends on the machine (is the file there?) or on
// several values at once is for Load alone.
func Schema() []byte {
	s := schemaMaker{l: newLoader(Source{}), defs: object{}}
	root := s.mapping(reflect.TypeFor[rawConfig]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "gatewayd configuration"
	root["patternProperties"] = object{"^x-": object{"description": "Ignored: a place for anchors."}}
	root["anyOf"] = []any{object{"required": []string{"routes"}}, object{"required": []string{"sites"}}}
	root["$defs"] = s.defs
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(root); err != nil {
		panic(err) // it is made of strings, numbers, maps and slices
	}
	return b.Bytes()
}

type schemaMaker struct {
	l    *loader
	defs object
}

// mapping is the schema of a raw struct.
func (s *schemaMaker) mapping(t reflect.Type) object {
	properties := object{}
	for _, f := range s.l.table(t).fields {
		if f.notYet == "" {
			properties[f.key] = s.property(f)
		}
	}
	return object{"type": "object", "properties": properties, "additionalProperties": false}
}

// property is the schema of a key. The options that may stand at three levels are written once.
func (s *schemaMaker) property(f *field) object {
	if !f.inherited {
		return s.described(f)
	}
	name := "option_" + f.key
	if s.defs[name] == nil {
		s.defs[name] = s.described(f)
	}
	return ref(name)
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

func (s *schemaMaker) described(f *field) object {
	out := s.value(f)
	out["description"] = f.doc
	if f.foreign != "" {
		out["description"] = "Has no effect here: it is for " + f.foreign + "."
	}
	if f.shown != "" {
		out["description"] = f.doc + " Default: " + f.shown + "."
	}
	if f.def != "" {
		out["default"] = f.jsonDefault()
	}
	return out
}

func (f *field) jsonDefault() any {
	switch f.typ {
	case reflect.TypeFor[boolValue]():
		return f.def == "true"
	case reflect.TypeFor[intValue]():
		n, _ := strconv.Atoi(f.def)
		return n
	case reflect.TypeFor[listValue]():
		return strings.Fields(f.def)
	}
	return f.def
}

func (s *schemaMaker) value(f *field) object {
	switch f.typ {
	case reflect.TypeFor[routesValue]():
		s.define("route", s.route)
		return object{"type": []string{"object", "null"}, "propertyNames": patternSchema(), "additionalProperties": ref("route")}
	case reflect.TypeFor[sitesValue]():
		s.define("site", s.site)
		return object{"type": []string{"object", "null"}, "propertyNames": object{"pattern": `^[^/,]*[^/, ][^/,]*$`}, "additionalProperties": ref("site")}
	}
	if f.typ.Kind() == reflect.Pointer {
		return s.handler(f)
	}
	switch leaf := reflect.New(f.typ).Interface().(type) {
	case schemer:
		return leaf.schema(f)
	case sectioner:
		return s.section(f, leaf)
	}
	out := s.mapping(f.typ)
	out["type"] = []string{"object", "null"}
	return out
}

// section is a mapping, or one of the values in its place.
func (s *schemaMaker) section(f *field, leaf sectioner) object {
	long := s.mapping(leaf.raw())
	if f.key == "auth" {
		long["required"] = []string{"basic"}
	}
	return orVariable(object{"anyOf": []any{object{"enum": leaf.words()}, long}})
}

func (s *schemaMaker) define(name string, body func() object) {
	if s.defs[name] == nil {
		s.defs[name] = object{}
		s.defs[name] = body()
	}
}

// route has exactly one handler.
func (s *schemaMaker) route() object {
	out := s.mapping(reflect.TypeFor[rawRoute]())
	var one []any
	for _, f := range s.l.table(reflect.TypeFor[rawRoute]()).fields {
		if f.handler && f.usable() {
			one = append(one, object{"required": []string{f.key}})
		}
	}
	out["oneOf"] = one
	return out
}

func (s *schemaMaker) site() object {
	out := s.mapping(reflect.TypeFor[rawSite]())
	out["required"] = []string{"routes"}
	return out
}

// handler is a mapping, or what its main keys take.
func (s *schemaMaker) handler(f *field) object {
	t := f.typ.Elem()
	long := s.mapping(t)
	needs := func(keys ...string) object { return object{"required": keys} }
	short := textSchema()
	switch f.key {
	case "cgi":
		long["anyOf"] = []any{needs("run"), needs("root", "ext")}
		long["dependentRequired"] = object{"root": []string{"ext"}}
	case "fastcgi":
		long["oneOf"] = []any{needs("run"), needs("connect")}
		long["dependentRequired"] = object{"root": []string{"ext"}}
	case "php":
		long["required"] = []string{"root"}
		long["not"] = needs("run", "connect")
	case "respond":
		short = s.value(s.l.table(t).scalars[0])
	default:
		main := s.l.table(t).scalars[0]
		long["required"], short = []string{main.key}, s.value(main)
	}
	return object{"anyOf": []any{short, long}}
}

// patternSchema is what patternProblem refuses, as far as a regular expression tells.
func patternSchema() object {
	return object{"pattern": `^/([^*{}?#%]*/)?\*$|^/[^*{}?#%]*$`, "not": object{"pattern": `//|/\.\.?(/|$)`}}
}

const hasVariable = `\$\{`

// scalarTypes are what YAML makes of texts that are not quoted.
func scalarTypes() []string { return []string{"string", "number", "boolean"} }

func textSchema() object { return object{"type": scalarTypes()} }

// written is a text of one form, or one with a variable in it.
func written(pattern string) object {
	return object{"type": "string", "pattern": pattern + "|" + hasVariable}
}

// name is a text of one form that may look like a number or a word of YAML's: 404 is the name of a file, .5 an extension.
func name(pattern string) object {
	return object{"type": scalarTypes(), "pattern": pattern + "|" + hasVariable}
}

// orVariable is anything that s allows, and a text with a variable in it.
func orVariable(s object) object {
	return object{"anyOf": []any{s, object{"type": "string", "pattern": hasVariable}}}
}

// oneOrMore is a list of what s allows, or one of it.
func oneOrMore(s object) object {
	return object{"anyOf": []any{s, object{"type": "array", "items": s}, object{"type": "null"}}}
}

// perKey is a mapping with keys of the user's own.
func perKey(names string, s object) object {
	return object{"type": []string{"object", "null"}, "propertyNames": object{"pattern": names}, "additionalProperties": s}
}

func (*boolValue) schema(*field) object {
	return orVariable(object{"enum": []any{true, false, "true", "True", "TRUE", "false", "False", "FALSE"}})
}

func (*intValue) schema(f *field) object {
	number := object{"type": "integer"}
	if first, last, ok := f.bounds(); ok {
		number["minimum"], number["maximum"] = first, last
	} else {
		var allowed []any
		for word := range strings.FieldsSeq(f.rule) {
			n, _ := strconv.Atoi(word)
			allowed = append(allowed, n)
		}
		number = object{"enum": allowed}
	}
	return object{"anyOf": []any{number, written("^-?[0-9]+$")}}
}

func (*countValue) schema(*field) object {
	return object{"anyOf": []any{object{"type": "integer", "minimum": 1, "maximum": maxCount}, written("^none$|^[0-9]+$")}}
}

func (*umaskValue) schema(*field) object {
	return object{"anyOf": []any{object{"type": "integer", "minimum": 0, "maximum": 777}, written("^[0-7]{1,4}$")}}
}

func (*durationValue) schema(f *field) object {
	const form = `^([0-9]+(h|m|s|ms))+$`
	if f.rule == unlimited {
		return written("^none$|" + form)
	}
	return written(form)
}

const sizeForm = `^[0-9]+(B|KiB|MiB|GiB|TiB)$`

func (*sizeValue) schema(f *field) object {
	if f.rule == unlimited {
		return written("^none$|" + sizeForm)
	}
	return written(sizeForm)
}

func (*coreValue) schema(*field) object {
	return object{"anyOf": []any{object{"enum": offValues()}, written("^none$|" + sizeForm)}}
}

// offValues are offWords, and what a reader of YAML 1.1 makes of them.
func offValues() []any {
	values := []any{false}
	for _, word := range offWords() {
		values = append(values, word)
	}
	return values
}

func (*wordValue) schema(f *field) object {
	var allowed []any
	for word := range strings.FieldsSeq(f.rule) {
		if word == "off" {
			allowed = append(allowed, offValues()...)
			continue
		}
		allowed = append(allowed, word)
	}
	return orVariable(object{"enum": allowed})
}

func (*textValue) schema(f *field) object {
	switch f.rule {
	case "realm":
		return name(`^[^"\\]+$`)
	case "target":
		return written(`^[Hh][Tt][Tt][Pp][Ss]?://[^ ]+$|^/([^/\\ ][^ ]*)?$`)
	}
	return textSchema()
}

func (*listValue) schema(f *field) object {
	item := textSchema()
	switch f.rule {
	case "ext":
		item = name(`^\.[^/]+$`)
	case "file":
		item = name(`^[^/]+$`)
	case "variable":
		item = name(`^[^=]+$`)
	}
	return oneOrMore(item)
}

func (*dirValue) schema(*field) object      { return textSchema() }
func (*stateDirValue) schema(*field) object { return textSchema() }
func (*outputValue) schema(*field) object   { return textSchema() }

func (*commandValue) schema(*field) object {
	return object{"anyOf": []any{textSchema(), object{"type": "array", "minItems": 1, "items": object{"type": append(scalarTypes(), "null")}}}}
}

func (*connectValue) schema(*field) object {
	item := written(`^unix:.+$|^tcp:.+:[0-9]+$`)
	return object{"anyOf": []any{item, object{"type": "array", "minItems": 1, "items": item}}}
}

func (*workerRootValue) schema(*field) object { return written("^/") }

func (*fallbackValue) schema(*field) object {
	return object{"anyOf": []any{object{"enum": offValues()}, written(`^/.*[^/]$`)}}
}

func (*envValue) schema(*field) object {
	return perKey(`^[^=]+$`, object{"type": append(scalarTypes(), "null")})
}

func (*headerSetValue) schema(*field) object {
	return perKey("^[-!#$%&'*+.^_`|~0-9A-Za-z]+$", object{"type": append(scalarTypes(), "null")})
}

func (*interpretersValue) schema(*field) object {
	return perKey(`^\.[^/]+$`, (&commandValue{}).schema(nil))
}

func (*listenValue) schema(*field) object {
	item := written(`^unix:.+$|^.*:[0-9]+$`)
	return object{"anyOf": []any{item, object{"type": "array", "minItems": 1, "items": item}}}
}

func (*adminValue) schema(*field) object {
	return object{"anyOf": []any{object{"enum": offValues()}, written(`^unix:.+$`)}}
}

const prefixForm = `^[0-9a-fA-F:.]+(/[0-9]+)?$`

func (*proxiesValue) schema(*field) object { return oneOrMore(written("^unix$|" + prefixForm)) }

func (*prefixesValue) schema(*field) object {
	item := written("^all$|" + prefixForm)
	return object{"anyOf": []any{item, object{"type": "array", "items": item}}}
}

func (*userValue) schema(*field) object     { return name(`^[^:]+(:[^:]+)?$`) }
func (*htpasswdValue) schema(*field) object { return textSchema() }

func (*errorPagesValue) schema(*field) object {
	return perKey(`^[45]([0-9][0-9]|xx)$`, textSchema())
}

func (*unusable) schema(*field) object { return object{} }
