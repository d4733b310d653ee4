package static

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io/fs"
	"syscall"
	"time"
)

// validators tell one state of an answer from another (RFC 9110 section 8.8).
type validators struct {
	etag     string    // strong
	modified time.Time // whole seconds; zero if nothing is known
}

func validatorsOf(info fs.FileInfo, encoding string, now time.Time) validators {
	return validators{etag: etagOf(info, encoding), modified: lastModified(info.ModTime(), now)}
}

// lastModified is the date to give for a file. One in the future becomes now (RFC 9110 section 8.8.2.1). The first
// seconds of 1970 are what tools set that want archives to be reproducible: every version has them, so as a validator
// they would be wrong.
func lastModified(modified, now time.Time) time.Time {
	switch {
	case modified.Unix() <= 1:
		return time.Time{}
	case modified.After(now):
		modified = now
	}
	return modified.UTC().Truncate(time.Second)
}

// etagOf is the strong entity tag of a file.
func etagOf(info fs.FileInfo, encoding string) string {
	var facts [4 * 8]byte
	binary.LittleEndian.PutUint64(facts[0:], uint64(info.Size()))
	binary.LittleEndian.PutUint64(facts[8:], uint64(info.ModTime().UnixNano()))
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		binary.LittleEndian.PutUint64(facts[16:], uint64(stat.Ctim.Nano()))
		binary.LittleEndian.PutUint64(facts[24:], stat.Ino)
	}
	return hashTag(facts[:], encoding)
}

// hashTag quotes 96 bits of the hash of what identifies an answer.
func hashTag(identity []byte, encoding string) string {
	sum := sha256.Sum256(identity)
	b := make([]byte, 0, 32)
	b = append(b, '"')
	b = base64.RawURLEncoding.AppendEncode(b, sum[:12])
	if encoding != "" {
		b = append(b, '-')
		b = append(b, encoding...)
	}
	return string(append(b, '"'))
}
