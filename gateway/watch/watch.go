// Package watch notices that a file's content has changed. It watches directories, since editors and deployments put a
// new file in the old one's place; it waits until writing has stopped; and it compares contents, so that touching a
// file is no change.
package watch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settle is how long a directory must be quiet before the file in it is read.
const settle = 100 * time.Millisecond

// File is a file that is watched, from the moment Open returns.
type File struct {
	path   string
	events *fsnotify.Watcher
	seen   [sha256.Size]byte
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
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.events.Events:
			quiet.Reset(settle)
		case <-f.events.Errors: // events were lost: look
			quiet.Reset(settle)
		case <-quiet.C:
			f.watchHops() // a link may lead elsewhere now
			if now, err := digest(f.path); err == nil && now != f.seen {
				f.seen = now
				changed()
			}
		}
	}
}

// watchHops watches the directory of the file and of each one that its symbolic links lead through. Watching a
// directory again is no harm.
func (f *File) watchHops() error {
	const maxHops = 40 // as the kernel's own bound
	path := f.path
	for range maxHops {
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

func digest(path string) (sum [sha256.Size]byte, err error) {
	file, err := os.Open(path)
	if err != nil {
		return sum, err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}
