package watch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"maps"
	"slices"
	"time"
)

// slow is how long a look waits for a file. One that takes longer counts with the look after it has been read.
const slow = settle

// file is one that is watched.
type file struct {
	path  string
	known version // what changed was last called for; Files.mu guards it

	// What follows belongs to Run.
	reading  chan reading // nil unless one is under way; has room for what it finds
	begun    time.Time    // when it was
	quiet    bool         // the directory was, then
	changing bool         // the last look found another content, which may still change
	looked   sum          // what it found
}

type sum [sha256.Size]byte

// version is what a file has; the zero value is like no other.
type version struct {
	mark    mark
	content sum
}

// reading is what became of reading a file.
type reading struct {
	version
	err   error
	blind error // why its changes are not notified
}

// look says whether the content of any file has become another for good, and whether one may still change; touched is when
// something was touched last. Each file is read by itself, so that one on storage that hangs holds up nothing but itself: a
// goroutine and a thread until it answers.
func (f *Files) look(quiet bool, touched time.Time) (settled, changing bool) {
	late, cancel := context.WithTimeout(context.Background(), slow)
	defer cancel()
	f.mu.Lock()
	files := slices.Collect(maps.Values(f.files))
	f.mu.Unlock()
	waited := map[*file]bool{}
	for _, one := range files {
		waited[one] = f.begin(one, quiet)
	}
	for _, one := range files {
		found, ok := one.end(waited[one], late.Done())
		if !ok {
			changing = changing || waited[one] // it may take but a moment more
			continue
		}
		f.failed = cmp.Or(f.failed, found.blind)
		outdated := one.begun.Before(touched)
		settled = f.settled(one, found, one.quiet && !outdated) || settled
		changing = changing || outdated || one.changing
	}
	return settled, changing
}

// begin has a file read, unless it is being read since an earlier look.
func (f *Files) begin(one *file, quiet bool) bool {
	if one.reading != nil {
		return false
	}
	done, known := make(chan reading, 1), f.known(one)
	one.reading, one.begun, one.quiet = done, time.Now(), quiet
	go func() { done <- f.read(one.path, known) }()
	return true
}

// end is what has been read, unless it takes longer. What has begun with this look is waited for, until late.
func (f *file) end(wait bool, late <-chan struct{}) (found reading, ok bool) {
	if wait {
		select {
		case found = <-f.reading:
			f.reading = nil
			return found, true
		case <-late:
		}
	}
	select {
	case found = <-f.reading:
		f.reading = nil
		return found, true
	default:
		return found, false
	}
}

// settled says whether the content of a file has become another for good: if the directory was quiet, or if the content
// is the same as at the look before. Something else in the directory may never be quiet.
func (f *Files) settled(one *file, found reading, quiet bool) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if found.err != nil || found.content == one.known.content {
		one.changing = false
		if found.err == nil {
			one.known.mark = found.mark
		}
		return false
	}
	again := one.changing && found.content == one.looked
	one.looked, one.changing = found.content, !quiet && !again
	if one.changing {
		return false
	}
	one.known = found.version
	return true
}
