package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// way is each place that decides where path leads: those of its symbolic links, wherever in it, then that of the file or
// of the first directory that is missing. No directory in it leads through a link.
func way(path string) (places []string) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	const maxHops = 40 // as the kernel's own bound
	done, rest, hops := "/", path, 0
	for rest != "" && hops < maxHops {
		var name string
		if name, rest, _ = strings.Cut(rest, "/"); name == "" {
			continue
		}
		next := filepath.Join(done, name) // of "..", too: no link is left in done
		target, err := os.Readlink(next)
		switch {
		case err == nil:
			places, hops = append(places, next), hops+1
			rest = target + "/" + rest
			if filepath.IsAbs(target) {
				done = "/"
			}
		case rest == "", !errors.Is(err, syscall.EINVAL): // EINVAL: there, but no link
			return append(places, next)
		default:
			done = next
		}
	}
	return places
}

// follow watches the directories on the way to a file. Watching a directory again is no harm: its path may lead to
// another one now. It says why one cannot be watched.
func (f *Files) follow(path string) error {
	// The links are read first: storage that hangs does so here, not while fsnotify holds its lock.
	places := way(path)
	f.mu.Lock()
	f.ways[path] = places
	f.learn(places)
	f.mu.Unlock()
	if f.events == nil {
		return nil
	}
	for _, place := range places {
		dir := filepath.Dir(place)
		if err := f.events.Add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
	return nil
}

// learn has concerns know the names of places, and of their directories: what becomes of these is told by their own name.
func (f *Files) learn(places []string) {
	for _, place := range places {
		f.names[filepath.Base(place)] = true
		f.names[filepath.Base(filepath.Dir(place))] = true
	}
}

// leave stops watching what is on no way any more.
func (f *Files) leave() {
	clear(f.names)
	dirs := map[string]bool{}
	for _, places := range f.ways {
		f.learn(places)
		for _, place := range places {
			dirs[filepath.Dir(place)] = true
		}
	}
	if f.events == nil {
		return
	}
	for _, dir := range f.events.WatchList() {
		if !dirs[dir] {
			f.events.Remove(dir)
		}
	}
}
