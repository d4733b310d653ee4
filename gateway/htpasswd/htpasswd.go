// Package htpasswd checks names and passwords against the lines of a htpasswd file, at a cost that is bounded however
// many clients guess: so many verifications at once, so many waiting, and who has been let in is remembered.
package htpasswd

import (
	"context"
	"fmt"

	"gatewayd/gateway/config"
)

// File is the users of a htpasswd file. Safe for concurrent use.
type File struct {
	users     map[string]*hash
	costliest *hash // nil without users
	gate      *Gate
	known     *successes
}

// New makes a File of a file's lines; of a name that stands twice the first counts, as in Apache. A hash of another
// kind than bcrypt, apr1 and {SHA}, or one that is malformed, is an error. Files may share the gate.
func New(users []config.Credential, gate *Gate) (*File, error) {
	f := &File{users: make(map[string]*hash, len(users)), gate: gate, known: newSuccesses()}
	for _, u := range users {
		if f.users[u.Name] != nil {
			continue
		}
		h, err := parseHash(u.Hash)
		if err != nil {
			return nil, fmt.Errorf("user %q: %w", u.Name, err)
		}
		f.users[u.Name] = h
		if f.costliest == nil || h.cost > f.costliest.cost {
			f.costliest = h
		}
	}
	return f, nil
}

// Verify says whether this is the password of that user. It may wait for its turn; the error is ErrBusy when too many
// do or it takes too long, or the context's.
func (f *File) Verify(ctx context.Context, name, password string) (bool, error) {
	key := f.known.key(name, password)
	if f.known.has(key) {
		return true, nil
	}
	if err := f.gate.enter(ctx); err != nil {
		return false, err
	}
	defer f.gate.leave()
	if f.known.has(key) { // a browser comes with six connections at once: the first one did the work
		return true, nil
	}
	if !f.matches(name, password) {
		return false, nil
	}
	f.known.add(key)
	return true, nil
}

// matches takes as long for an unknown name, or one with a cheap hash, as for a wrong password of the costliest kind:
// the time tells nobody which names exist.
func (f *File) matches(name, password string) bool {
	user := f.users[name]
	if user != nil && user.matches(password) {
		return true
	}
	if f.costliest != nil && (user == nil || user.cost < f.costliest.cost) {
		f.costliest.matches(password) // for the work alone: what it says is about another user
	}
	return false
}
