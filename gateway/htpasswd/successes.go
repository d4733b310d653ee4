package htpasswd

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// maxSuccesses is how many pairs of name and password are remembered.
const maxSuccesses = 1024

// successes remembers who has been let in, so that a client pays for its password once and not with each request. It
// holds keyed digests, never a password; failures are not remembered.
type successes struct {
	secret [sha256.Size]byte // of this File alone, gone with it
	mu     sync.RWMutex
	seen   map[digest]struct{}
}

type digest [sha256.Size]byte

func newSuccesses() *successes {
	s := &successes{seen: map[digest]struct{}{}}
	rand.Read(s.secret[:]) // never fails
	return s
}

func (s *successes) key(name, password string) (d digest) {
	mac := hmac.New(sha256.New, s.secret[:])
	// The length in front: "a" and "b:c" are not "a:b" and "c".
	mac.Write(binary.BigEndian.AppendUint64(nil, uint64(len(name))))
	mac.Write([]byte(name))
	mac.Write([]byte(password))
	mac.Sum(d[:0])
	return d
}

func (s *successes) has(d digest) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.seen[d]
	return ok
}

// add makes room by forgetting any other.
func (s *successes) add(d digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) >= maxSuccesses {
		for other := range s.seen {
			delete(s.seen, other)
			break
		}
	}
	s.seen[d] = struct{}{}
}
