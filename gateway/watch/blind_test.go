package watch

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fsnotify/fsnotify"
)

// Why nothing is notified is told, once.
func TestBlind(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "one")
	f := deaf()
	f.failed = errors.New("too many")
	_, changes := watchingWith(t, f, path)
	expect(t, changes, "too many")
	write(t, path, "two")
	expect(t, changes, "two")
	quiet(t, changes)
}

// So is which directory cannot be watched.
func TestDirectoryThatCannotBeWatched(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "file"), "one")
	f := New()
	f.events.Close()
	f.Add(filepath.Join(dir, "file"))
	f.look(false, f.files[filepath.Join(dir, "file")].begun)
	if !errors.Is(f.failed, fsnotify.ErrClosed) || !strings.Contains(f.failed.Error(), dir) {
		t.Errorf("%v", f.failed)
	}
}
