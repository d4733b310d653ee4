package docroot

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// swaps are pairs of names that change places, again and again, while names are resolved.
var swaps = [][2]string{
	{"file", "evil/file"},                 // a file and a link out
	{"folder", "evil/folder"},             // a folder and a link out
	{"a/b", "evil/folder2"},               // in the middle of a path
	{"link", "evil/link"},                 // a link that stays inside and one that does not
	{"deep/1/2/3", "../outside/3"},        // a folder that leaves the root while its ".." is walked
	{"fifo-or-file", "evil/fifo-or-file"}, // must neither block nor be read
}

const battlefield = `
	file
	folder/secret
	a/b/c/secret
	link -> file
	deep/1/2/3/back -> ../../../../file
	deep/1/2/3/far -> ../../../../../outside/secret
	fifo-or-file
	evil/file -> OUT/secret
	evil/folder -> OUT
	evil/folder2 -> ../../outside
	evil/link -> ../outside/secret`

// TestSwapsWhileResolving is what no check before the open can stand. GATEWAYD_SOAK=1 is the long form.
func TestSwapsWhileResolving(t *testing.T) {
	span, least := 700*time.Millisecond, 1000
	if os.Getenv("GATEWAYD_SOAK") != "" {
		span, least = time.Hour, 1_000_000
	}
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			root, outside := plant(t, battlefield)
			write(t, filepath.Join(outside, "c/secret"), secret)
			write(t, filepath.Join(outside, "file"), secret)
			write(t, filepath.Join(outside, "3/back"), "file") // it moves in with its folder
			must(t, unix.Mkfifo(filepath.Join(root, "evil/fifo-or-file"), 0o666))
			r := rootOf(t, root, Options{}, way)

			var stop atomic.Bool
			var swapped atomic.Int64
			var wg sync.WaitGroup
			wg.Go(func() {
				for i := 0; !stop.Load(); i++ {
					pair := swaps[i%len(swaps)]
					err := unix.Renameat2(unix.AT_FDCWD, filepath.Join(root, pair[0]), unix.AT_FDCWD, filepath.Join(root, pair[1]), unix.RENAME_EXCHANGE)
					if err != nil {
						t.Errorf("swap %q: %v", pair, err)
						return
					}
					swapped.Add(1)
					if i%16 == 0 {
						runtime.Gosched()
					}
				}
			})
			resolved, outcomes := resolveAll(t, r, span, least)
			stop.Store(true)
			wg.Wait()
			t.Logf("%d resolutions against %d swaps: %v", resolved, swapped.Load(), outcomes)
			if swapped.Load() < int64(span/time.Millisecond) && span < time.Hour {
				t.Errorf("only %d swaps: nothing is proven", swapped.Load())
			}
			if outcomes["!refused"] == 0 || outcomes["file"] == 0 {
				t.Errorf("the swaps were not met: %v", outcomes)
			}
			if n := held(t, root); n > 1 {
				t.Errorf("%d descriptors are held", n)
			}
		})
	}
}

// resolveAll opens for as long as span, or until both least and a second have passed in the long form.
func resolveAll(t *testing.T, r *Root, span time.Duration, least int) (n int, outcomes map[string]int) {
	names := []string{"file", "folder/secret", "a/b/c/secret", "link", "deep/1/2/3/back", "deep/1/2/3/far", "fifo-or-file", "folder", "a/b/c", "evil/file", "evil/folder/secret"}
	outcomes = map[string]int{}
	for end := time.Now().Add(span); time.Now().Before(end) && (span < time.Hour || n < least); n++ {
		name := names[n%len(names)]
		got := openAndRead(t, r, name)
		outcomes[got]++
		if strings.Contains(got, secret) {
			t.Fatalf("%q has led out of the root", name)
		}
		if strings.HasPrefix(got, "!") && got != "!refused" && got != "!missing" {
			t.Fatalf("%q: %s", name, got)
		}
		if n%7 == 0 {
			r.Stat(name)
		}
		if n%50 == 0 {
			listRaced(t, r)
		}
	}
	return n, outcomes
}

// listRaced reads directories that may be swapped: what is listed below "folder" is inside, whatever "folder" is now.
func listRaced(t *testing.T, r *Root) {
	entries, _, err := r.ReadDir("folder", 100)
	if err != nil {
		return
	}
	for _, e := range entries {
		if e.Name() != "secret" || e.Size() != int64(len("folder/secret")) {
			t.Fatalf("listed %q with %d bytes: that is not inside", e.Name(), e.Size())
		}
	}
}
