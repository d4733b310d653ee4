package docroot

import (
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkOpen and BenchmarkStat weigh the ways to hold a directory. Each includes the look at the root's path.
func BenchmarkOpen(b *testing.B) {
	forEachWay(b, func(b *testing.B, r *Root, name string) {
		f, _, err := r.Open(name)
		if err != nil {
			b.Fatal(err)
		}
		f.Close()
	})
}

func BenchmarkStat(b *testing.B) {
	forEachWay(b, func(b *testing.B, r *Root, name string) {
		if _, err := r.Stat(name); err != nil {
			b.Fatal(err)
		}
	})
}

// The ceilings are what it took when this was written.
func TestAllocations(t *testing.T) {
	root, _ := plant(t, "a/b/c/file")
	r := New(root, Options{})
	defer r.Close()
	if got := testing.AllocsPerRun(100, func() {
		file, _, err := r.Open("a/b/c/file")
		must(t, err)
		must(t, file.Close())
	}); got > 5 {
		t.Errorf("Open: %.0f allocations, want at most 5", got)
	}
	if got := testing.AllocsPerRun(100, func() {
		_, err := r.Stat("a/b/c/file")
		must(t, err)
	}); got > 3 {
		t.Errorf("Stat: %.0f allocations, want at most 3", got)
	}
}

func forEachWay(b *testing.B, do func(b *testing.B, r *Root, name string)) {
	dir := b.TempDir()
	names := []string{"file", "a/b/c/file"}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, way := range []struct {
		name string
		opt  Options
		pin  func(string) (directory, error)
	}{
		{"openat2", Options{}, pinBeneath},
		{"os.Root", Options{}, pinRoot},
		{"anywhere", Options{Symlinks: true}, nil},
	} {
		for _, name := range names {
			b.Run(way.name+"/"+name, func(b *testing.B) {
				r := New(dir, way.opt)
				r.pin = way.pin
				defer r.Close()
				b.ReportAllocs()
				for b.Loop() {
					do(b, r, name)
				}
			})
		}
	}
}
