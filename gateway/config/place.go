package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// keyPath is where in the file's structure something stands. It is a chain, so that only a problem pays for the text.
type keyPath struct {
	parent *keyPath
	name   string
	index  int // in a list; noIndex for a key
}

const noIndex = -1

func (k *keyPath) child(name string) *keyPath {
	return &keyPath{parent: k, name: name, index: noIndex}
}

func (k *keyPath) item(i int) *keyPath { return &keyPath{parent: k, index: i} }

// String is the path as problems show it: routes./app/*.cgi.run[0]. A key with control bytes is quoted, so that one
// problem stays one line.
func (k *keyPath) String() string {
	var chain []*keyPath
	for ; k != nil; k = k.parent {
		chain = append(chain, k)
	}
	var b strings.Builder
	for i, k := range slices.Backward(chain) {
		switch {
		case k.index != noIndex:
			fmt.Fprintf(&b, "[%d]", k.index)
			continue
		case i < len(chain)-1:
			b.WriteByte('.')
		}
		if strings.TrimSpace(k.name) == "" {
			b.WriteString(strconv.Quote(k.name))
		} else {
			b.WriteString(oneLine(k.name))
		}
	}
	return b.String()
}

// oneLine is s, quoted if it would not stay on its line, and cut if it is long.
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
	const limit = 200
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
