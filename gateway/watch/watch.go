// Package watch notices that files have changed. It watches directories, since editors and deployments put a new file in
// the old one's place; it waits until writing has stopped; and it compares contents, so that touching a file is no
// change. Where the system does not notify, on network and overlay file systems for example, it looks now and then.
package watch

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
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
	failed error             // why it does not, or not of all
	poll   time.Duration

	mu    sync.Mutex
	files map[string]*file
	ways  map[string][]string // for each path, what it leads through
	names map[string]bool     // in the ways
}

// New watches nothing yet. The caller calls Run, which closes the Files.
func New() *Files {
	f := &Files{poll: poll, files: map[string]*file{}, ways: map[string][]string{}, names: map[string]bool{}}
	if f.events, f.failed = fsnotify.NewWatcher(); f.failed != nil {
		f.events, f.failed = nil, fmt.Errorf("watch files: %w", f.failed)
	}
	return f
}

// Add watches the file at path too, which may be missing for the moment. It is called each time before the file is read
// for use, whatever becomes of that: then no change goes unnoticed, between two looks or two uses.
func (f *Files) Add(path string) {
	f.mu.Lock()
	one := f.files[path]
	f.mu.Unlock()
	if one == nil {
		one = &file{path: path}
		one.known = f.read(path, version{}).version
	} else if found := f.read(path, f.known(one)); found.content != f.known(one).content {
		f.forget(one)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files[path] = one
}

func (f *Files) known(one *file) version {
	f.mu.Lock()
	defer f.mu.Unlock()
	return one.known
}

// forget makes the next look at the file find a change, even if it is as it was by then: what was used of it in between,
// or missed, was something else.
func (f *Files) forget(one *file) {
	f.mu.Lock()
	defer f.mu.Unlock()
	one.known = version{}
}

// Keep watches only those of paths any more.
func (f *Files) Keep(paths map[string]bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.files, func(path string, _ *file) bool { return !paths[path] })
	maps.DeleteFunc(f.ways, func(path string, _ []string) bool { return !paths[path] })
	f.leave()
}

// Run calls changed each time the content of files is another than before and has settled; a file that is missing for the
// moment is no change. It calls blind, once, with the reason why changes of some are noticed by looking now and then only,
// if they are. Both are called from this goroutine. It returns once ctx has ended.
func (f *Files) Run(ctx context.Context, changed func(), blind func(error)) {
	var notified <-chan fsnotify.Event
	var lost <-chan error
	if f.events != nil {
		defer f.events.Close()
		notified, lost = f.events.Events, f.events.Errors
	}
	told := false
	w := waiting{timer: time.NewTimer(f.poll), poll: f.poll}
	defer w.timer.Stop()
	for {
		if f.failed != nil && !told {
			told = true
			blind(f.failed)
		}
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
			settled, changing := f.look(w.quiet(), w.last)
			if settled {
				changed()
			}
			w.again(changing)
		}
	}
}

// concerns says whether what has happened to path may concern a file. Only what has a name on the way counts, wherever
// that name stands: another one, a log that is written line by line for example, is not worth a look.
func (f *Files) concerns(path string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.names[filepath.Base(path)]
}
