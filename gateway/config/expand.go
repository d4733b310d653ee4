package config

import (
	"errors"
	"fmt"
	"strings"
)

var errOpenVariable = errors.New(`"${" has no "}"; write "$${" for the two characters themselves`)

// expand replaces ${VAR} and ${VAR:-default}; "$${" is a literal "${", any other "$" is itself. As in a shell the
// default serves a variable that is empty, too.
func expand(s string, getenv func(string) (string, bool)) (string, error) {
	if !strings.Contains(s, "${") {
		return s, nil
	}
	var b strings.Builder
	for {
		i := strings.Index(s, "${")
		if i < 0 {
			b.WriteString(s)
			return b.String(), nil
		}
		if i > 0 && s[i-1] == '$' {
			b.WriteString(s[:i-1] + "${")
			s = s[i+2:]
			continue
		}
		b.WriteString(s[:i])
		inner, rest, ok := strings.Cut(s[i+2:], "}")
		if !ok {
			return "", errOpenVariable
		}
		v, err := variable(inner, getenv)
		if err != nil {
			return "", err
		}
		b.WriteString(v)
		s = rest
	}
}

func variable(inner string, getenv func(string) (string, bool)) (string, error) {
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !isVariableName(name) {
		return "", fmt.Errorf(`%s is not a variable; write "${NAME}" or "${NAME:-default}", or "$${" for the two characters themselves`, quote("${"+inner+"}"))
	}
	v, set := getenv(name)
	switch {
	case hasFallback && v == "":
		return fallback, nil
	case !set:
		return "", fmt.Errorf(`the environment variable %s is not set; set it, or write a default: "${%s:-default}"`, name, name)
	}
	return v, nil
}

func isVariableName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}
