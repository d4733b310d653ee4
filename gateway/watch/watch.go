// Package watch notices that a file's content has changed. It watches directories, since editors and deployments put a
// new file in the old one's place; it waits until writing has stopped; and it compares contents, so that touching a
// file is no change.
package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a directory must be quiet before the file in it is read.
const settle = 100 * time.Millisecond

// File is a file that is watched, from the moment Open returns.
type File struct {
	path   string
	events *fsnotify.Watcher
	names  map[string]bool   // of all that the way to the file leads through
	seen   [sha256.Size]byte // what changed was last called for

	changing bool              // the last look found another content, which may still change
	looked   [sha256.Size]byte // what it found
}

// Open begins to watch the file at path, which may be missing for the moment; its directory must be there. The caller
// calls Run, which closes it.
func Open(path string) (*File, error) {
	events, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	f := &File{path: path, events: events}
	if err := f.watchHops(); err != nil {
		events.Close()
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	f.seen, _ = digest(path)
	return f, nil
}

// Run calls changed, from this goroutine, each time the content of the file is another than before and has settled; a
// file that is missing for the moment is no change. It returns once ctx has ended.
func (f *File) Run(ctx context.Context, changed func()) {
	defer f.events.Close()
	look := time.NewTimer(settle)
	look.Stop()
	waiting := false // look runs
	last := time.Time{}
	touched := func() {
		last = time.Now()
		if !waiting {
			waiting = true
			look.Reset(settle)
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-f.events.Events:
			if f.names[filepath.Base(e.Name)] {
				touched()
			}
		case <-f.events.Errors: // events were lost: look
			touched()
		case <-look.C:
			waiting = false
			if f.settled(time.Since(last) >= settle) {
				changed()
			} else if f.changing {
				waiting = true
				look.Reset(settle)
			}
		}
	}
}

// settled looks at the file and says whether its content has become another for good: if the directory was quiet, or if
// the content is the same as at the look before. Something else in the directory may never be quiet, a log for one.
func (f *File) settled(quiet bool) bool {
	f.watchHops() // a link may lead elsewhere now
	now, err := digest(f.path)
	if err != nil || now == f.seen {
		f.changing = false
		return false
	}
	again := f.changing && now == f.looked
	f.looked, f.changing = now, !quiet && !again
	if f.changing {
		return false
	}
	f.seen = now
	return true
}

// watchHops watches the directory of the file and of each one that its symbolic links lead through. Watching a
// directory again is no harm. Of what happens there only what has a name on the way counts, wherever that name stands:
// another one, a log that is written line by line for example, is not worth a look.
func (f *File) watchHops() error {
	const maxHops = 40 // as the kernel's own bound
	f.names = map[string]bool{}
	path := f.path
	for range maxHops {
		for name := range strings.SplitSeq(path, "/") {
			f.names[name] = true
		}
		if err := f.events.Add(filepath.Dir(path)); err != nil {
			return err
		}
		target, err := os.Readlink(path)
		if err != nil {
			return nil // no link: the last hop
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
	return nil
}

var errNotRegular = errors.New("not a regular file")

// digest reads regular files alone: what is read from a pipe is gone for whoever it was meant for.
func digest(path string) (sum [sha256.Size]byte, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return sum, err
	}
	if !info.Mode().IsRegular() {
		return sum, errNotRegular
	}
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}
