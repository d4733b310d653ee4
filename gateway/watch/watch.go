// Package watch notices that files have changed. It watches directories, since editors and deployments put a new file in
// the old one's place; it waits until writing has stopped; and it compares contents, so that touching a file is no
// change. Where the system does not notify, on network and overlay file systems for example, it looks now and then.
package watch

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	settle = 100 * time.Millisecond // how long a directory must be quiet before the files in it are read
	poll   = 2 * time.Second        // between two looks for which there was no notification
)

// Files are files that are watched. Safe for concurrent use.
type Files struct {
	events *fsnotify.Watcher // nil if the system notifies nobody
	poll   time.Duration

	mu    sync.Mutex
	files map[string]*file
	names map[string]bool // of all that the ways to the files lead through
}

// file is one of them. All but path belongs to whoever looks at it: Run, once it is known.
type file struct {
	path string
	mark mark // when it was read last
	seen sum  // what changed was last called for

	changing bool // the last look found another content, which may still change
	looked   sum  // what it found
}

type sum [sha256.Size]byte

// New watches nothing yet. err says why changes will be noticed by looking now and then only; it is no reason to do
// without. The caller calls Run, which closes the Files.
func New() (f *Files, err error) {
	f = &Files{poll: poll, files: map[string]*file{}, names: map[string]bool{}}
	if f.events, err = fsnotify.NewWatcher(); err != nil {
		return f, fmt.Errorf("be notified of changed files: %w", err)
	}
	return f, nil
}

// Add watches the file at path too, which may be missing for the moment. It is called before the file is read for use:
// then no change in between goes unnoticed.
func (f *Files) Add(path string) {
	f.mu.Lock()
	known := f.files[path] != nil
	f.mu.Unlock()
	if known {
		return
	}
	f.watchHops(path)
	made := &file{path: path}
	made.mark, made.seen, _ = made.read()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files[path] == nil {
		f.files[path] = made
	}
}

// Keep watches only those of paths any more. Directories stay watched, which costs next to nothing.
func (f *Files) Keep(paths map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.files, func(path string, _ *file) bool { return !paths[path] })
}

// Run calls changed, from this goroutine, each time the content of files is another than before and has settled; a file
// that is missing for the moment is no change. It returns once ctx has ended.
func (f *Files) Run(ctx context.Context, changed func()) {
	var notified <-chan fsnotify.Event
	var lost <-chan error
	if f.events != nil {
		defer f.events.Close()
		notified, lost = f.events.Events, f.events.Errors
	}
	w := waiting{timer: time.NewTimer(f.poll), poll: f.poll}
	defer w.timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-notified:
			if f.concerns(e.Name) {
				w.touched()
			}
		case <-lost: // events, too: look
			w.touched()
		case <-w.timer.C:
			settled, changing := f.look(w.quiet())
			if settled {
				changed()
			}
			w.again(changing)
		}
	}
}

// waiting is for the next look.
type waiting struct {
	timer *time.Timer
	poll  time.Duration
	soon  bool      // it comes after settle, not after poll
	last  time.Time // when something was touched
}

func (w *waiting) touched() {
	w.last = time.Now()
	if !w.soon {
		w.soon = true
		w.timer.Reset(settle)
	}
}

// quiet says whether nothing has been touched for a while. Where nobody notifies nobody knows.
func (w *waiting) quiet() bool { return !w.last.IsZero() && time.Since(w.last) >= settle }

func (w *waiting) again(soon bool) {
	w.soon = soon
	if soon {
		w.timer.Reset(settle)
		return
	}
	w.last = time.Time{}
	w.timer.Reset(w.poll)
}

// concerns says whether what has happened to path may concern a file. Only what has a name on the way counts, wherever
// that name stands: another one, a log that is written line by line for example, is not worth a look.
func (f *Files) concerns(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[filepath.Base(path)]
}

// look says whether the content of any file has become another for good, and whether one may still change.
func (f *Files) look(quiet bool) (settled, changing bool) {
	f.mu.Lock()
	files := make([]*file, 0, len(f.files))
	for _, file := range f.files {
		files = append(files, file)
	}
	f.mu.Unlock()
	for _, file := range files {
		f.watchHops(file.path) // a link may lead elsewhere now
		if file.settled(quiet) {
			settled = true
		}
		changing = changing || file.changing
	}
	return settled, changing
}

// settled looks at the file and says whether its content has become another for good: if the directory was quiet, or if
// the content is the same as at the look before. Something else in the directory may never be quiet, a log for one.
func (f *file) settled(quiet bool) bool {
	mark, now, err := f.read()
	if err != nil || now == f.seen {
		f.changing = false
		if err == nil {
			f.mark = mark
		}
		return false
	}
	again := f.changing && now == f.looked
	f.looked, f.changing = now, !quiet && !again
	if f.changing {
		return false
	}
	f.mark, f.seen = mark, now
	return true
}

// watchHops watches the directory of the file and of each one that its symbolic links lead through. Watching a directory
// again is no harm; one that is missing is watched when it is there.
func (f *Files) watchHops(path string) {
	const maxHops = 40 // as the kernel's own bound
	for range maxHops {
		f.mu.Lock()
		for name := range strings.SplitSeq(path, "/") {
			f.names[name] = true
		}
		f.mu.Unlock()
		if f.events != nil {
			f.events.Add(filepath.Dir(path))
		}
		target, err := os.Readlink(path)
		if err != nil {
			return // no link: the last hop
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		path = target
	}
}
