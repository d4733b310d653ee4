package watch

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 10 * time.Second

// watching watches path until the test ends; each change is a value in the channel.
func watching(t *testing.T, path string) <-chan string {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	changes, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx, func() {
			text, _ := os.ReadFile(path)
			changes <- string(text)
		})
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("Run has not returned")
		}
	})
	return changes
}

func expect(t *testing.T, changes <-chan string, want string) {
	t.Helper()
	select {
	case got := <-changes:
		if got != want {
			t.Errorf("noticed %q, want %q", got, want)
		}
	case <-time.After(patience):
		t.Errorf("%q was not noticed", want)
	}
}

func quiet(t *testing.T, changes <-chan string) {
	t.Helper()
	select {
	case got := <-changes:
		t.Errorf("noticed %q, want nothing", got)
	case <-time.After(4 * settle):
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, "one")
	changes := watching(t, path)

	write(t, path, "two")
	expect(t, changes, "two")

	write(t, path+".new", "three")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	expect(t, changes, "three")

	write(t, path, "three") // the same again
	now := time.Now()
	os.Chtimes(path, now, now)
	write(t, filepath.Join(dir, "other"), "x")
	quiet(t, changes)

	os.Remove(path) // missing for a moment
	quiet(t, changes)
	write(t, path, "four")
	expect(t, changes, "four")
}

func TestFileIsReadOnceItHasSettled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "start")
	changes := watching(t, path)
	text := ""
	for range 10 {
		text += "piece "
		write(t, path, text)
		time.Sleep(settle / 5)
	}
	expect(t, changes, text)
	quiet(t, changes)
}

// A log in the same directory is written without a pause.
func TestFileInABusyDirectory(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, "one")
	changes := watching(t, path)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		log, err := os.Create(filepath.Join(dir, "log"))
		if err != nil {
			t.Error(err)
			return
		}
		defer log.Close()
		for tick := time.NewTicker(settle / 20); ; {
			select {
			case <-stop:
				return
			case <-tick.C:
				log.WriteString("line\n")
			}
		}
	})
	defer writer.Wait()
	defer close(stop)
	time.Sleep(settle)
	write(t, path, "two")
	expect(t, changes, "two")
}

// A log beside the file costs it no look for each of its lines.
func TestOtherNamesAreNotLookedInto(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	write(t, path, "one")
	changes := watching(t, path)
	opened := opens(t, path)
	for range 4 {
		write(t, filepath.Join(dir, "log"), "line")
		quiet(t, changes)
	}
	if n := opened(); n > 0 {
		t.Errorf("looked %d times", n)
	}
	write(t, path, "two")
	expect(t, changes, "two")
	if opened() == 0 {
		t.Error("no look was seen at all")
	}
}

// opens counts how often the file at path has been opened since it was asked last.
func opens(t *testing.T, path string) func() int {
	fd, err := syscall.InotifyInit1(syscall.IN_NONBLOCK | syscall.IN_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if _, err := syscall.InotifyAddWatch(fd, path, syscall.IN_OPEN); err != nil {
		t.Fatal(err)
	}
	return func() int {
		n, _ := syscall.Read(fd, make([]byte, 64<<10))
		return max(0, n) / syscall.SizeofInotifyEvent
	}
}

// What a pipe holds is for whoever reads the config from it.
func TestPipeIsNotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	pipe.WriteString("config")
	// A reader would wait for the end, which pipe keeps from coming.
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	f.events.Close()
	pipe.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, 100)
	n, err := pipe.Read(got)
	if string(got[:n]) != "config" {
		t.Errorf("%q is left in the pipe (%v)", got[:n], err)
	}
}

// TestFileBehindLinks is how Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> a directory that is replaced.
func TestFileBehindLinks(t *testing.T) {
	dir := t.TempDir()
	for _, version := range []string{"v1", "v2"} {
		if err := os.Mkdir(filepath.Join(dir, version), 0o755); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, version, "file"), version)
	}
	path := filepath.Join(dir, "file")
	for link, target := range map[string]string{"..data": "v1", "file": "..data/file"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	changes := watching(t, path)
	if err := os.Symlink("v2", filepath.Join(dir, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
		t.Fatal(err)
	}
	expect(t, changes, "v2")
}

func TestNoDirectory(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "no", "file")); err == nil {
		t.Error("a directory that is not there was watched")
	}
}
