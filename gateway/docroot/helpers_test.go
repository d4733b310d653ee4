package docroot

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// secret is what every file outside the root holds: it must never be seen.
const secret = "SECRET"

// plant makes a folder with root/ and outside/ in it. A line of the plan is "PATH" (a file that holds its own path),
// "PATH/" (a folder) or "PATH -> TARGET" (a link, OUT standing for the outside folder and ROOT for the root).
func plant(t testing.TB, plan string) (root, outside string) {
	t.Helper()
	top, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	root, outside = filepath.Join(top, "root"), filepath.Join(top, "outside")
	write(t, filepath.Join(outside, "secret"), secret)
	if err := os.MkdirAll(root, 0o755); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(plan) {
		path, target, isLink := strings.Cut(strings.TrimSpace(line), " -> ")
		at := filepath.Join(root, path)
		switch {
		case path == "":
		case isLink:
			must(t, os.MkdirAll(filepath.Dir(at), 0o755))
			must(t, os.Symlink(strings.NewReplacer("OUT", outside, "ROOT", root).Replace(target), at))
		case strings.HasSuffix(path, "/"):
			must(t, os.MkdirAll(at, 0o755))
		default:
			write(t, at, path)
		}
	}
	return root, outside
}

func write(t testing.TB, path, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(text), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// way is a way to hold the directory: what must be true is true in each.
type way struct {
	name string
	pin  func(string) (directory, error)
}

func ways() []way { return []way{{"openat2", pinBeneath}, {"os.Root", pinRoot}} }

// eachWay runs a test with a Root of either kind.
func eachWay(t *testing.T, path string, opt Options, test func(t *testing.T, r *Root)) {
	t.Helper()
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) { test(t, rootOf(t, path, opt, way)) })
	}
}

func rootOf(t testing.TB, path string, opt Options, way way) *Root {
	r := New(path, opt)
	r.pin = way.pin
	t.Cleanup(func() { must(t, r.Close()) })
	return r
}

// opens gives what is in a file, "/" for a directory, or the kind of error. Open and Stat must agree.
func opens(t testing.TB, r *Root, name string) string {
	t.Helper()
	got := within(t, name, func() string { return openAndRead(t, r, name) })
	info, err := r.Stat(name)
	if (err == nil) != (got[0] != '!') || err != nil && kind(err) != got {
		t.Errorf("%q: Open gives %s, Stat gives %v, %v", name, got, info, err)
	}
	return got
}

func openAndRead(t testing.TB, r *Root, name string) string {
	file, info, err := r.Open(name)
	if err != nil {
		if file != nil || info != nil {
			t.Errorf("%q: a file or info beside the error %v", name, err)
		}
		return kind(err)
	}
	defer file.Close()
	if info.IsDir() {
		return "/"
	}
	text, err := io.ReadAll(file)
	if err != nil {
		t.Errorf("%q: %v", name, err)
	}
	if int64(len(text)) != info.Size() {
		t.Errorf("%q: %d bytes, but its size is %d", name, len(text), info.Size())
	}
	return string(text)
}

func kind(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "!missing"
	case errors.Is(err, fs.ErrPermission):
		return "!refused"
	case errors.Is(err, fs.ErrClosed):
		return "!closed"
	}
	return "!" + err.Error()
}

// within fails when an open blocks.
func within(t testing.TB, name string, do func() string) string {
	t.Helper()
	done := make(chan string, 1)
	go func() { done <- do() }()
	select {
	case got := <-done:
		return got
	case <-time.After(10 * time.Second):
		t.Fatalf("%q: no answer after 10 s", name)
		return ""
	}
}

// onThread runs do on a thread of its own that is thrown away afterwards, so that do may change what the kernel thinks
// of the thread.
func onThread(do func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		do()
	}()
	<-done
}

// asNobody runs do without root's right to read everything.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	onThread(func() {
		if os.Geteuid() == 0 {
			const nobody = 65534
			unix.SetfsgidRetGid(nobody)
			unix.SetfsuidRetUid(nobody)
			if now, _ := unix.SetfsuidRetUid(-1); now != nobody {
				t.Errorf("the file system still sees uid %d", now)
				return
			}
		}
		do()
	})
}
