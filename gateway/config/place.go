package config

import (
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// keyPath is where in the file's structure something stands. It is a chain, so that only a problem pays for the text.
type keyPath struct {
	parent *keyPath
	name   string
}

func (k *keyPath) child(name string) *keyPath { return &keyPath{parent: k, name: name} }

func (k *keyPath) item(i int) *keyPath { return k.child("[" + strconv.Itoa(i) + "]") }

// String is the path as problems show it: routes./app/*.cgi.run[0]. A key with control bytes is quoted, so that one
// problem stays one line.
func (k *keyPath) String() string {
	var names []string
	for ; k != nil; k = k.parent {
		names = append(names, k.name)
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		if b.Len() > 0 && !strings.HasPrefix(names[i], "[") {
			b.WriteByte('.')
		}
		b.WriteString(oneLine(names[i]))
	}
	return b.String()
}

func oneLine(s string) string {
	const limit = 200
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return strconv.Quote(s)
	}
	return s
}

// quote shows a value of the file in a sentence.
func quote(s string) string {
	const limit = 100
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "..."
	}
	return strconv.Quote(s)
}

// place is where a value stands.
type place struct {
	at   Pos // the value
	key  Pos // its key word; the value where it has none
	path *keyPath
}

func posOf(n *yaml.Node) Pos { return Pos{Line: n.Line, Column: n.Column} }

// item is the place of the i-th entry of the list at p.
func (p place) item(i int, n *yaml.Node) place {
	return place{at: posOf(n), key: posOf(n), path: p.path.item(i)}
}
