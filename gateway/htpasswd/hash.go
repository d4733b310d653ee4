package htpasswd

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tg123/go-htpasswd"
	"golang.org/x/crypto/bcrypt"
)

// hash is one user's.
type hash struct {
	verifier htpasswd.EncodedPasswd
	cost     int // orders kinds by work: {SHA}, apr1, bcrypt by its own figure
	longest  int // password bytes that count; 0: all
}

const (
	shaCost  = 0
	apr1Cost = 1 // bcrypt begins with 4
	// maxBcryptCost takes seconds for each login; each step doubles that.
	maxBcryptCost = 16
	// bcryptBytes is what bcrypt looks at of a password.
	bcryptBytes = 72
)

var errKind = errors.New("this kind of hash is not taken; make it with htpasswd -B, which is bcrypt (apr1 and {SHA} are taken too)")

func parseHash(s string) (*hash, error) {
	switch {
	case strings.HasPrefix(s, "$2y$"), strings.HasPrefix(s, "$2b$"), strings.HasPrefix(s, "$2a$"):
		return parseBcrypt(s)
	case strings.HasPrefix(s, htpasswd.PrefixCryptApr1):
		return parseApr1(s)
	case strings.HasPrefix(s, "{SHA}"):
		verifier, err := htpasswd.AcceptSha(s)
		if err != nil {
			return nil, errors.New("malformed {SHA} hash") // the library's error quotes it
		}
		return &hash{verifier: verifier, cost: shaCost}, nil
	}
	return nil, errKind
}

func parseBcrypt(s string) (*hash, error) {
	const length = 60
	cost, err := bcrypt.Cost([]byte(s))
	switch {
	case err != nil || len(s) != length:
		return nil, errors.New("malformed bcrypt hash")
	case cost > maxBcryptCost:
		return nil, fmt.Errorf("a bcrypt cost of %d makes each login take minutes; up to %d is taken, 10 to 12 is usual", cost, maxBcryptCost)
	}
	verifier, err := htpasswd.AcceptBcrypt(s)
	return &hash{verifier: verifier, cost: cost, longest: bcryptBytes}, err
}

func parseApr1(s string) (*hash, error) {
	const maxSalt, digits = 8, 22
	salt, sum, ok := strings.Cut(strings.TrimPrefix(s, htpasswd.PrefixCryptApr1), "$")
	if !ok || salt == "" || len(salt) > maxSalt || len(sum) != digits {
		return nil, errors.New("malformed apr1 hash")
	}
	verifier, err := htpasswd.AcceptMd5(s)
	return &hash{verifier: verifier, cost: apr1Cost}, err
}

// matches refuses a password of which the hash knows only the beginning: what else would let in whoever knows that much.
func (h *hash) matches(password string) bool {
	if h.longest > 0 && len(password) > h.longest {
		return false
	}
	return h.verifier.MatchesPassword(password)
}
