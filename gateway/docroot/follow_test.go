package docroot

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func fdPath(fd int) string {
	path, _ := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd))
	return path
}

// held is how many descriptors lead to path or below it.
func held(t testing.TB, path string) (n int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, e := range entries {
		if at, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && (at == path || strings.HasPrefix(at, path+"/") || at == path+" (deleted)") {
			n++
		}
	}
	return n
}

// point switches the link at path to target as a deployment does: in one step.
func point(t testing.TB, path, target string) {
	t.Helper()
	must(t, os.Symlink(target, path+".new"))
	must(t, os.Rename(path+".new", path))
}

func TestRootComesAndGoes(t *testing.T) {
	top, _ := plant(t, "")
	path := filepath.Join(top, "www")
	for _, opt := range []Options{{}, {Symlinks: true}} {
		eachWay(t, path, opt, func(t *testing.T, r *Root) {
			expect := func(want, when string) {
				t.Helper()
				if got := opens(t, r, "file"); got != want {
					t.Errorf("%+v, %s: got %q, want %q", opt, when, got, want)
				}
			}
			expect("!missing", "before it exists")
			write(t, filepath.Join(path, "file"), "first")
			expect("first", "made")
			must(t, os.RemoveAll(path))
			expect("!missing", "removed")
			write(t, filepath.Join(path, "file"), "second")
			expect("second", "made again")
			must(t, os.RemoveAll(path))
			write(t, path, "a file where the root should be")
			expect("!missing", "a file")
			must(t, os.Remove(path))
			must(t, os.Symlink("nowhere", path))
			expect("!missing", "a dangling link")
			must(t, os.Remove(path))
		})
	}
}

func TestRootFollowsItsLink(t *testing.T) {
	top, _ := plant(t, "releases/42/file\nreleases/43/file\ncurrent -> releases/42")
	current := filepath.Join(top, "current")
	for _, opt := range []Options{{}, {Symlinks: true}} {
		eachWay(t, current, opt, func(t *testing.T, r *Root) {
			for _, release := range []string{"42", "43", "42", "42", "43"} {
				point(t, current, "releases/"+release)
				if got := opens(t, r, "file"); got != "releases/"+release+"/file" {
					t.Errorf("%+v: release %s is current, got %q", opt, release, got)
				}
			}
			if n := held(t, filepath.Join(top, "releases")); n > 1 {
				t.Errorf("%d descriptors are held", n)
			}
			before := r.dir
			opens(t, r, "file")
			if r.dir != before {
				t.Errorf("%+v: the same directory was opened again", opt)
			}
		})
		if n := held(t, filepath.Join(top, "releases")); n != 0 {
			t.Errorf("%d descriptors are held after Close", n)
		}
	}
}

// A file that was opened from the old release is read to its end, whatever happens to the root.
func TestOpenFileOutlivesItsRoot(t *testing.T) {
	top, _ := plant(t, "releases/42/file\nreleases/43/file\ncurrent -> releases/42")
	current := filepath.Join(top, "current")
	eachWay(t, current, Options{}, func(t *testing.T, r *Root) {
		point(t, current, "releases/42")
		file, _, err := r.Open("file")
		must(t, err)
		defer file.Close()
		point(t, current, "releases/43")
		opens(t, r, "file")
		must(t, r.Close())
		text := make([]byte, 100)
		n, err := file.Read(text)
		if err != nil || string(text[:n]) != "releases/42/file" {
			t.Errorf("%q, %v", text[:n], err)
		}
	})
}

func TestRootSwitchedUnderLoad(t *testing.T) {
	top, _ := plant(t, "releases/42/sub/file\nreleases/43/sub/file\ncurrent -> releases/42")
	current := filepath.Join(top, "current")
	eachWay(t, current, Options{}, func(t *testing.T, r *Root) {
		var stop atomic.Bool
		var wg sync.WaitGroup
		seen := [4]map[string]int{}
		for i := range seen {
			seen[i] = map[string]int{}
			wg.Go(func() {
				for !stop.Load() {
					seen[i][openAndRead(t, r, "sub/file")]++
				}
			})
		}
		for i := range 300 {
			point(t, current, fmt.Sprintf("releases/%d", 42+i%2))
			openAndRead(t, r, "sub/file")
		}
		stop.Store(true)
		wg.Wait()
		total := map[string]int{}
		for _, s := range seen {
			for answer, n := range s {
				total[answer] += n
			}
		}
		if total["releases/42/sub/file"] == 0 || total["releases/43/sub/file"] == 0 || len(total) != 2 {
			t.Errorf("answers: %v", total)
		}
		if n := held(t, filepath.Join(top, "releases")); n > 1 {
			t.Errorf("%d descriptors are held", n)
		}
	})
}

func TestClosed(t *testing.T) {
	root, _ := plant(t, "file")
	for _, opt := range []Options{{}, {Symlinks: true}} {
		eachWay(t, root, opt, func(t *testing.T, r *Root) {
			opens(t, r, "file")
			must(t, r.Close())
			must(t, r.Close())
			if got := opens(t, r, "file"); got != "!closed" {
				t.Errorf("%+v: got %q", opt, got)
			}
			if _, _, err := r.ReadDir("", 1); kind(err) != "!closed" {
				t.Errorf("%+v: ReadDir: %v", opt, err)
			}
			if n := held(t, root); n != 0 {
				t.Errorf("%+v: %d descriptors are held", opt, n)
			}
		})
	}
}

// Close while others open: each of them gets the file or fs.ErrClosed, and nothing stays open.
func TestCloseUnderLoad(t *testing.T) {
	root, _ := plant(t, "sub/file")
	for _, way := range ways() {
		for range 20 {
			r := New(root, Options{})
			r.pin = way.pin
			var wg sync.WaitGroup
			begun := make(chan struct{}, 4)
			for range cap(begun) {
				wg.Go(func() {
					got := openAndRead(t, r, "sub/file")
					begun <- struct{}{}
					for deadline := time.Now().Add(10 * time.Second); got == "sub/file" && time.Now().Before(deadline); {
						got = openAndRead(t, r, "sub/file")
					}
					if got != "!closed" {
						t.Errorf("%s: got %q, last of all", way.name, got)
					}
				})
			}
			<-begun
			must(t, r.Close())
			wg.Wait()
		}
		if n := held(t, root); n != 0 {
			t.Errorf("%s: %d descriptors are held", way.name, n)
		}
	}
}

// Refused and missing names must not cost descriptors.
func TestNothingIsLeftOpen(t *testing.T) {
	root, _ := plant(t, tree)
	for _, opt := range []Options{{}, {Symlinks: true}} {
		eachWay(t, root, opt, func(t *testing.T, r *Root) {
			before := 0
			for range 3 {
				for _, name := range append([]string{"plain.txt", "sub", "in", "out", "dangling", "circle", "sub/over", "plain.txt/x", ".git"}, notCanonical...) {
					opens(t, r, name)
				}
				r.ReadDir("", 5)
				switch n := held(t, "/"); {
				case before == 0:
					before = n
				case n != before:
					t.Errorf("%+v: %d descriptors, then %d", opt, before, n)
				}
			}
		})
	}
}

var _ fs.FileInfo = (*info)(nil)
