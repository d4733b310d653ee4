package config

import (
	"cmp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// authValue is who is let in, or none.
type authValue struct {
	section[rawAuth]
	off bool
}

func (*authValue) words() []any { return append(offValues(), unlimited) }

func (v *authValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	target, ok := l.target(n, p)
	switch {
	case !ok:
	case target.Kind == yaml.ScalarNode:
		v.word(l, n, p)
	default:
		v.section.decode(l, n, f, p)
	}
}

func (v *authValue) word(l *loader, n *yaml.Node, p place) {
	s, ok := l.text(n, p)
	v.off = isOff(s) || s == unlimited
	switch {
	case !ok || v.off:
	case strings.ContainsAny(s, "./"):
		l.error(p, "auth is a mapping; write { basic: %s }", oneLine(s))
	default:
		l.error(p, `%s is not known here; write { basic: ./users.htpasswd }, or "none" to let everybody in`, quote(s))
	}
}

func (a *rawAuth) check(l *loader, p place) {
	if !a.Basic.given && !a.excused {
		l.errorAtKey(p, "auth needs basic: the htpasswd file of those who are let in")
	}
}

// plain is the Auth of a route in the site with this key. The users are shared by all that name the file.
func (v *authValue) plain(site string) *Auth {
	if !v.given || v.off {
		return nil
	}
	hosts := strings.Join(strings.Fields(site), " ")
	return &Auth{Basic: v.v.Basic.v, Realm: cmp.Or(v.v.Realm.v, hosts, "restricted"), Users: v.v.Basic.users}
}
