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

// File calls changed, from one goroutine, each time the content of the file at path is another than before and has
// settled; a file that is missing for the moment is no change. It returns an error if the directory cannot be watched,
// else nil once ctx ends.
func File(ctx context.Context, path string, changed func()) error {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	defer w.Close()
	if err := watchHops(w, path); err != nil {
		return fmt.Errorf("watch %s: %w", path, err)
	}
	seen, _ := digest(path)
	quiet := time.NewTimer(settle)
	quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.Events:
			quiet.Reset(settle)
		case <-w.Errors: // events were lost: look
			quiet.Reset(settle)
		case <-quiet.C:
			watchHops(w, path) // a link may lead elsewhere now
			if now, err := digest(path); err == nil && now != seen {
				seen = now
				changed()
			}
		}
	}
}

// watchHops watches the directory of path and of each file that its symbolic links lead through. Watching a directory
// again is no harm.
func watchHops(w *fsnotify.Watcher, path string) error {
	const maxHops = 40 // as the kernel's own bound
	for range maxHops {
		if err := w.Add(filepath.Dir(path)); err != nil {
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
