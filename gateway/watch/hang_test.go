package watch

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// hang makes storage at dir that never answers, until the test ends: FUSE without a server.
func hang(t *testing.T, dir string) (end func()) {
	t.Helper()
	fd, err := syscall.Open("/dev/fuse", syscall.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no storage that hangs can be made here: ", err)
	}
	if err := syscall.Mount("hang", dir, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=40000,user_id=0,group_id=0", fd)); err != nil {
		syscall.Close(fd)
		t.Skip("no storage that hangs can be made here: ", err)
	}
	over := false
	end = func() {
		if !over {
			over = true
			syscall.Close(fd) // whoever waits gets an error
			syscall.Unmount(dir, syscall.MNT_DETACH)
		}
	}
	t.Cleanup(end)
	return end
}

// A file on storage that hangs holds up no other one, and is watched again when the storage is back.
func TestStorageThatHangs(t *testing.T) {
	dir := t.TempDir()
	sh(t, dir, "mkdir hung; echo one >users; ln -s users link; echo one >file")
	path := filepath.Join(dir, "file")
	_, changes := watchingWith(t, New(), path, filepath.Join(dir, "link"))
	end := hang(t, filepath.Join(dir, "hung"))
	relink(t, "hung/users", filepath.Join(dir, "link"))
	quiet(t, changes)
	before := runtime.NumGoroutine()
	for n := range 5 {
		text := fmt.Sprint("config ", n)
		write(t, path, text)
		saved := time.Now()
		expect(t, changes, text)
		if took := time.Since(saved); took > 2*noticed {
			t.Errorf("noticed after %s", took)
		}
	}
	if more := runtime.NumGoroutine() - before; more > 1 {
		t.Errorf("%d more goroutines hang", more)
	}
	end()
	relink(t, "users", filepath.Join(dir, "link"))
	write(t, filepath.Join(dir, "users"), "two")
	expect(t, changes, "config 4") // users have changed
}

// relink makes link lead to target. Programs would look at the target, too, and hang.
func relink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}
