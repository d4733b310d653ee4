package config

import (
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A table says which keys a mapping of the file may have. It is read off the tags of a raw struct, once, and serves
// the decoder, the suggestions, the JSON Schema and the reference:
//
//	key:"timeout"     the key in the file; a field without one is no key
//	doc:"..."         one sentence
//	default:"60s"     what holds when the key is absent, in the file's own notation
//	shown:"..."       how the default is described where it is no value
//	rule:"none"       what the type of the field makes of it, see there
//	for:"cgi"         the handlers for which the option means something; empty: all. With "connect" also for
//	                  applications that gatewayd does not start
//	scalar:"true"     a key whose value a handler takes as its scalar; of several the handler chooses (see chooser)
//	handler:"true"    the key names a handler
//	notyet:"..."      known, refused, with this advice; it is in no schema
//	foreign:"..."     an option of another handler, which is only worth a warning
type table struct {
	typ     reflect.Type
	fields  []*field
	byKey   map[string]*field
	scalars []*field
}

type field struct {
	key, doc, def, shown, rule string
	handlers                   []string
	handler                    bool
	inherited                  bool // one of the options that a nearer level overrides: no default before that
	notYet, foreign            string
	index                      []int
	typ                        reflect.Type
}

func newTable(t reflect.Type) *table {
	tab := &table{typ: t, byKey: map[string]*field{}}
	tab.add(t, nil, false)
	return tab
}

func (tab *table) add(t reflect.Type, index []int, inherited bool) {
	for i := range t.NumField() {
		sf := t.Field(i)
		at := append(slices.Clone(index), i)
		if sf.Anonymous {
			tab.add(sf.Type, at, sf.Type == reflect.TypeFor[rawOptions]())
			continue
		}
		f := &field{
			key: sf.Tag.Get("key"), doc: sf.Tag.Get("doc"), def: sf.Tag.Get("default"), shown: sf.Tag.Get("shown"), rule: sf.Tag.Get("rule"),
			handlers: strings.Fields(sf.Tag.Get("for")), handler: sf.Tag.Get("handler") != "",
			notYet: sf.Tag.Get("notyet"), foreign: sf.Tag.Get("foreign"), index: at, typ: sf.Type, inherited: inherited,
		}
		if f.key == "" {
			continue
		}
		tab.fields = append(tab.fields, f)
		tab.byKey[f.key] = f
		if sf.Tag.Get("scalar") != "" {
			tab.scalars = append(tab.scalars, f)
		}
	}
}

// usable says whether the key does something: it loads.
func (f *field) usable() bool { return f.notYet == "" && f.foreign == "" }

// keys are the keys that do something.
func (tab *table) keys() []string {
	var keys []string
	for _, f := range tab.fields {
		if f.usable() {
			keys = append(keys, f.key)
		}
	}
	return keys
}

// has says whether key does something here.
func (tab *table) has(key string) bool {
	f := tab.byKey[key]
	return f != nil && f.usable()
}

// known are all keys that mean something, be it only a message.
func (tab *table) known() []string {
	var keys []string
	for _, f := range tab.fields {
		keys = append(keys, f.key)
	}
	return keys
}

func (l *loader) table(t reflect.Type) *table {
	if l.tables[t] == nil {
		l.tables[t] = newTable(t)
	}
	return l.tables[t]
}

// A leaf is a value that knows how to read itself from a node. What is wrong it reports.
type leaf interface {
	decode(l *loader, n *yaml.Node, f *field, p place)
	mark(p place)
	isGiven() bool
	where() place
}

// defaulter is a leaf that can read its default.
type defaulter interface{ setDefault(text string) }

// value is what a leaf holds.
type value[T any] struct {
	v     T
	given bool // the key is there; v is only sure to be right when nothing has been reported
	place place
}

func (v *value[T]) mark(p place)  { v.given, v.place = true, p }
func (v *value[T]) isGiven() bool { return v.given }
func (v *value[T]) where() place  { return v.place }

// section is a leaf that is a mapping with a table of its own: of two levels the nearer one's holds whole.
type section[T any] struct{ value[T] }

func (v *section[T]) decode(l *loader, n *yaml.Node, _ *field, p place) { l.mapping(n, &v.v, p) }
func (*section[T]) raw() reflect.Type                                   { return reflect.TypeFor[T]() }
func (*section[T]) words() []any                                        { return nil }

// sectioner is a section, or a leaf with one in it.
type sectioner interface {
	raw() reflect.Type // the struct with the table
	words() []any      // values that may stand in the mapping's place
}

// checker is a raw struct with rules that concern several of its keys.
type checker interface{ check(l *loader, p place) }

// chooser is a handler whose scalar may be for one key or another.
type chooser interface{ scalarKey(text string) string }

// collection is a leaf or struct that an empty value leaves empty: a key whose lines are all commented out.
type collection interface{ emptyAllowed() }

// mapping decodes a mapping into the raw struct that into points to.
func (l *loader) mapping(n *yaml.Node, into any, p place) bool {
	n, done, ok := l.open(n, p, yaml.MappingNode)
	if !ok {
		return false
	}
	defer done()
	v := reflect.ValueOf(into).Elem()
	tab := l.table(v.Type())
	for _, e := range l.pairs(n, p) {
		at := place{at: posOf(e.val), key: posOf(e.key), path: p.path.child(e.key.Value)}
		if f := tab.byKey[e.key.Value]; f != nil {
			l.field(e.val, v.FieldByIndex(f.index), f, at)
		} else if !l.ignored(tab, e.key.Value) {
			l.unknownKey(tab, v, e.key.Value, at)
		}
	}
	l.complete(into, p)
	return true
}

// complete fills in defaults and asks the struct for what concerns several of its keys.
func (l *loader) complete(into any, p place) {
	l.defaults(into)
	if c, ok := into.(checker); ok {
		c.check(l, p)
	}
}

// defaults gives every key that is absent its default.
func (l *loader) defaults(into any) {
	v := reflect.ValueOf(into).Elem()
	for _, f := range l.table(v.Type()).fields {
		if f.def == "" || f.inherited {
			continue
		}
		at := v.FieldByIndex(f.index).Addr().Interface()
		if d, ok := at.(defaulter); ok && !at.(leaf).isGiven() {
			d.setDefault(f.def)
		}
	}
}

func (l *loader) field(n *yaml.Node, v reflect.Value, f *field, p place) {
	if f.notYet != "" {
		l.notYet(v, f, p)
		return
	}
	if isNull(n) {
		_, ok := v.Addr().Interface().(collection)
		switch {
		case ok:
			if v.Kind() == reflect.Struct && !isLeaf(v) {
				l.complete(v.Addr().Interface(), p)
			}
		case f.handler:
			l.handlerWithoutValue(v, f, p)
		default:
			l.error(p, "this key has no value; write one, or take the key out")
		}
		if lf, ok := v.Addr().Interface().(leaf); ok {
			lf.mark(p)
		}
		return
	}
	switch x := v.Addr().Interface().(type) {
	case leaf:
		x.mark(p)
		x.decode(l, n, f, p)
	default:
		if v.Kind() == reflect.Pointer {
			l.handler(n, v, f, p)
			return
		}
		l.mapping(n, x, p)
	}
}

// handler decodes the value of a handler's key: a mapping, or the scalar that its main key takes.
func (l *loader) handler(n *yaml.Node, v reflect.Value, f *field, p place) {
	v.Set(reflect.New(v.Type().Elem()))
	into := v.Interface()
	tab := l.table(v.Type().Elem())
	target, ok := l.target(n, p)
	if !ok {
		return
	}
	switch target.Kind {
	case yaml.ScalarNode:
		main := l.scalarOf(into, tab, target)
		x := leafOf(into, main)
		x.mark(p)
		x.decode(l, n, main, p)
		l.complete(into, p)
	case yaml.SequenceNode:
		l.error(p, "%s takes no list; write %s: { %s: ... }", f.key, f.key, tab.scalars[0].key)
	default:
		l.mapping(n, into, p)
	}
}

// scalarOf is the key of the handler into that the scalar n is for.
func (l *loader) scalarOf(into any, tab *table, n *yaml.Node) *field {
	c, ok := into.(chooser)
	if !ok {
		return tab.scalars[0]
	}
	text, err := expand(n.Value, l.getenv)
	if err != nil {
		text = n.Value // the key that takes it says what is wrong
	}
	return tab.byKey[c.scalarKey(text)]
}

func isLeaf(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(leaf)
	return ok
}

func (l *loader) handlerWithoutValue(v reflect.Value, f *field, p place) {
	v.Set(reflect.New(v.Type().Elem()))
	l.error(p, "%s has no value; write %s: %s", f.key, f.key, handlerExample(f.key))
}

func isNull(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	return n.Kind == yaml.ScalarNode && n.Tag == "!!null" && (n.Style&^yaml.TaggedStyle) == 0
}

// target follows an alias and refuses tags, which have no meaning here.
func (l *loader) target(n *yaml.Node, p place) (*yaml.Node, bool) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Style&yaml.TaggedStyle == 0 {
		return n, true
	}
	switch n.Tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq":
		return n, true
	}
	l.error(p, "the tag %s means nothing here; take it out", quote(n.Tag))
	return n, false
}

// open is the mapping or list that n is or is an alias of. done must be called when it has been decoded.
func (l *loader) open(n *yaml.Node, p place, kind yaml.Kind) (target *yaml.Node, done func(), ok bool) {
	target, ok = l.target(n, p)
	switch {
	case !ok:
		return nil, nil, false
	case target.Kind != kind:
		l.error(p, "%s is needed here, not %s", kindName(kind), describe(target))
		return nil, nil, false
	case l.active[target]:
		l.errorAt(posOf(n), p.path, "the alias *%s leads back to what it stands in", oneLine(n.Value))
		return nil, nil, false
	}
	l.active[target] = true
	return target, func() { delete(l.active, target) }, true
}

func kindName(k yaml.Kind) string {
	switch k {
	case yaml.MappingNode:
		return "a mapping (key: value)"
	case yaml.SequenceNode:
		return "a list"
	}
	return "a single value"
}

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.ScalarNode && isNull(n):
		return "nothing"
	case n.Kind == yaml.ScalarNode:
		return quote(n.Value)
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	}
	return "a list"
}

// pair is a key with its value.
type pair struct{ key, val *yaml.Node }

// pairs are the keys of a mapping in the order of the file, then those that "<<" brings and no key of its own hides.
func (l *loader) pairs(n *yaml.Node, p place) []pair {
	seen := make(map[string]Pos, len(n.Content)/2)
	out := make([]pair, 0, len(n.Content)/2)
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		val, at := n.Content[i+1], place{at: posOf(n.Content[i]), key: posOf(n.Content[i]), path: p.path}
		key, ok := l.target(n.Content[i], at)
		switch {
		case !l.spend():
			return nil
		case !ok:
			continue
		case key.Kind != yaml.ScalarNode:
			l.error(at, "a key is one word here, not %s; if it begins with [ or {, put it in quotes", describe(key))
			continue
		}
		at.path = p.path.child(key.Value)
		if first, twice := seen[key.Value]; twice {
			l.error(at, "this key stands twice; the first is in line %d", first.Line)
			continue
		}
		seen[key.Value] = at.at
		if key.Tag == "!!merge" {
			merges = append(merges, val)
			continue
		}
		out = append(out, pair{key, val})
	}
	for _, m := range merges {
		out = l.merge(m, seen, out, place{at: posOf(m), key: posOf(m), path: p.path.child("<<")}, true)
	}
	return out
}

// merge adds the keys of the mapping, or list of mappings, that a "<<" names.
func (l *loader) merge(n *yaml.Node, seen map[string]Pos, out []pair, p place, list bool) []pair {
	target, ok := l.target(n, p)
	if !ok {
		return out
	}
	if list && target.Kind == yaml.SequenceNode {
		for i, item := range target.Content {
			out = l.merge(item, seen, out, p.item(i, item), false)
		}
		return out
	}
	if target.Kind != yaml.MappingNode {
		l.error(p, "<< takes a mapping or a list of mappings, not %s", describe(target))
		return out
	}
	if l.merges == maxMerges {
		l.error(p, "<< is nested more than %d deep; use fewer of them", maxMerges)
		return out
	}
	target, done, ok := l.open(n, p, yaml.MappingNode)
	if !ok {
		return out
	}
	defer done()
	l.merges++
	defer func() { l.merges-- }()
	for _, e := range l.pairs(target, p) {
		if !l.spend() {
			return out
		}
		if _, hidden := seen[e.key.Value]; !hidden {
			seen[e.key.Value] = posOf(e.key)
			out = append(out, e)
		}
	}
	return out
}

// spend counts one key or list entry. It is false, and says so once, when aliases have made too many of them.
func (l *loader) spend() bool {
	l.entries++
	if l.entries == maxEntries+1 {
		l.whole("aliases make more than %d entries of this file; use fewer of them", maxEntries)
	}
	return l.entries <= maxEntries
}

// list are the entries of a list, or the one scalar that stands for a list of one.
// It is false if there is neither.
func (l *loader) list(n *yaml.Node, p place, each func(n *yaml.Node, p place)) bool {
	target, ok := l.target(n, p)
	if !ok {
		return false
	}
	if target.Kind == yaml.ScalarNode {
		each(n, p)
		return true
	}
	target, done, ok := l.open(n, p, yaml.SequenceNode)
	if !ok {
		return false
	}
	defer done()
	for i, item := range target.Content {
		at := p.item(i, item)
		if !l.spend() {
			return false
		}
		each(item, at)
	}
	return true
}

// raw is a scalar's text as it is written; that of null is "".
func (l *loader) raw(n *yaml.Node, p place) (string, bool) {
	s, ok := l.asWritten(n, p)
	if !ok {
		return "", false
	}
	if target, ok := l.target(n, p); ok && isNull(target) {
		return "", true
	}
	return s, true
}

// asWritten is a scalar's text, whatever YAML takes it for: ~ is a tilde.
func (l *loader) asWritten(n *yaml.Node, p place) (string, bool) {
	target, ok := l.target(n, p)
	switch {
	case !ok:
		return "", false
	case target.Kind != yaml.ScalarNode:
		l.error(p, "%s", wantsScalar(target))
		return "", false
	case strings.Contains(target.Value, "\x00"):
		l.error(p, "a NUL byte cannot be part of this value")
		return "", false
	}
	return target.Value, true
}

// wantsScalar says what is wrong with a mapping or list; often it is a text that YAML took for one.
func wantsScalar(n *yaml.Node) string {
	if n.Style&yaml.FlowStyle != 0 {
		return "a single value is needed here, not " + describe(n) + "; a text that begins with [ or { must be in quotes"
	}
	return "a single value is needed here, not " + describe(n)
}

// text is a scalar with its variables replaced.
func (l *loader) text(n *yaml.Node, p place) (string, bool) {
	s, ok := l.raw(n, p)
	if !ok {
		return "", false
	}
	s, err := expand(s, l.getenv)
	switch {
	case err != nil:
		l.error(p, "%v", err)
		return "", false
	case isNull(n):
		l.error(p, "a value is missing here")
		return "", false
	case strings.Contains(s, "\x00"):
		l.error(p, "a NUL byte cannot be part of this value")
		return "", false
	}
	return s, true
}
