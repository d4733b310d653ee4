package config

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"
)

// maxHtpasswd bounds a htpasswd file: some 50,000 users.
const maxHtpasswd = 4 << 20

// The costs of bcrypt that are taken. Each step doubles the work: 16 is seconds for one password.
const minCost, maxCost = 4, 16

// htpasswdValue is a htpasswd file, read.
type htpasswdValue struct {
	value[string]
	users []Credential
}

func (v *htpasswdValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	path, text, ok := l.contents(s, "a htpasswd file", maxHtpasswd, p)
	if ok {
		v.v, v.users = path, l.credentials(path, text, p)
	}
}

// credentials parses each file once, however many routes name it, and reports what is wrong with it at the first.
func (l *loader) credentials(path, text string, p place) []Credential {
	users, known := l.htpasswd[path]
	if known {
		return users
	}
	users, wrong := parseHtpasswd(text)
	for _, w := range wrong {
		remedy := ""
		if w.user != "" {
			remedy = fmt.Sprintf("; make it anew with htpasswd -B %s %s", shellWord(path), shellWord(w.user))
		}
		l.error(p, "%s, line %d: %s%s", quote(path), w.line, w.what, remedy)
	}
	if len(users) == 0 && len(wrong) == 0 {
		l.warn(p, "%s has no users, so nobody is let in; add one with htpasswd -B %s NAME", quote(path), shellWord(path))
	}
	l.htpasswd[path] = users
	return users
}

// lineProblem is what is wrong with a line of a htpasswd file. It never shows what stands in the place of the hash: that
// may be a password.
type lineProblem struct {
	line int
	what string
	user string // whose hash should be made anew, if that helps
}

// parseHtpasswd reads lines NAME:HASH. Blank lines and those that begin with "#" mean nothing, nor does what follows a
// second colon.
func parseHtpasswd(text string) (users []Credential, wrong []lineProblem) {
	first := map[string]int{}
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, rest, colon := strings.Cut(line, ":")
		hash, _, _ := strings.Cut(rest, ":")
		bad := lineProblem{line: number}
		switch {
		case !colon:
			bad.what = "there is no colon; write NAME:HASH, as htpasswd -B does"
		case name == "":
			bad.what = "the name before the colon is missing"
		case strings.ContainsFunc(name, unicode.IsControl):
			bad.what = fmt.Sprintf("the name %s has a control character", quote(name))
		case first[name] > 0:
			bad.what = fmt.Sprintf("the user %s stands twice; the first is in line %d", quote(name), first[name])
		default:
			first[name] = number
			if bad.what = hashProblem(name, hash); bad.what != "" {
				bad.user = name
			}
		}
		if bad.what != "" {
			wrong = append(wrong, bad)
			continue
		}
		users = append(users, Credential{Name: name, Hash: hash})
	}
	return users, wrong
}

// hashProblem says why the hash of a user is not one that passwords are compared with.
func hashProblem(name, hash string) string {
	whole := false
	kind := hashKind(hash)
	switch kind {
	case "bcrypt":
		cost, ok := bcryptCost(hash)
		if ok && (cost < minCost || cost > maxCost) {
			return fmt.Sprintf("the bcrypt hash of %s has a cost of %d; it may be %d to %d", quote(name), cost, minCost, maxCost)
		}
		whole = ok
	case "apr1":
		whole = isApr1(hash)
	case "SHA-1":
		digest, err := base64.StdEncoding.Strict().DecodeString(strings.TrimPrefix(hash, "{SHA}"))
		whole = err == nil && len(digest) == 20
	case "":
		return fmt.Sprintf("the hash of %s is missing", quote(name))
	default:
		return fmt.Sprintf("the password of %s is %s, which is not taken", quote(name), kind)
	}
	if !whole {
		return fmt.Sprintf("the %s hash of %s is not whole", kind, quote(name))
	}
	return ""
}

// hashKind names what made a hash, by the mark at its start.
func hashKind(hash string) string {
	for _, k := range [][2]string{
		{"$2a$", "bcrypt"}, {"$2b$", "bcrypt"}, {"$2y$", "bcrypt"}, {"$apr1$", "apr1"}, {"{SHA}", "SHA-1"},
		{"$1$", "md5crypt"}, {"$5$", "sha256crypt"}, {"$6$", "sha512crypt"}, {"$y$", "yescrypt"}, {"{SSHA}", "salted SHA-1"},
	} {
		if strings.HasPrefix(hash, k[0]) {
			return k[1]
		}
	}
	switch {
	case hash == "":
		return ""
	case hash[0] == '$' || hash[0] == '{':
		return "of an unknown kind"
	}
	return "plain text or crypt"
}

const cryptDigits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func isCrypt(s string) bool { return strings.Trim(s, cryptDigits) == "" }

// bcryptCost takes $2y$NN$ and 53 digits of salt and digest apart.
func bcryptCost(hash string) (cost int, ok bool) {
	n, rest, _ := leadingNumber(hash[4:])
	return int(n), len(hash) == 60 && len(rest) == 54 && rest[0] == '$' && isCrypt(rest[1:])
}

// isApr1 wants $apr1$, a salt of 1 to 8, $ and 22 digits.
func isApr1(hash string) bool {
	salt, digest, _ := strings.Cut(strings.TrimPrefix(hash, "$apr1$"), "$")
	return 1 <= len(salt) && len(salt) <= 8 && isCrypt(salt) && len(digest) == 22 && isCrypt(digest)
}
