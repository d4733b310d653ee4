package config

import "go.yaml.in/yaml/v4"

// stateDirValue is a directory that need not be there yet.
type stateDirValue struct{ value[string] }

func (v *stateDirValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	switch {
	case !ok:
	case s == "":
		l.error(p, "the path of a directory is missing here")
	default:
		v.v = l.abs(s)
	}
}

// StateDirOf is the state_dir of a config, as far as it can be told: of one that does not load too, since that is when
// the last good one is looked for. It is "" if there is none.
func StateDirOf(src Source) string {
	l := newLoader(src)
	if raw := l.read(src.Text); raw != nil {
		return raw.StateDir.v
	}
	return ""
}
