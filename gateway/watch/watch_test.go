package watch

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 10 * time.Second

// watching watches path until the test ends; each change is a value in the channel. Nothing is noticed but by notification.
func watching(t *testing.T, path string) <-chan string {
	t.Helper()
	_, changes := watchingWith(t, New(), path)
	return changes
}

func watchingWith(t *testing.T, f *Files, path string, others ...string) (*Files, <-chan string) {
	t.Helper()
	if f.events != nil {
		f.poll = time.Hour
	}
	for _, p := range append(others, path) {
		f.Add(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	changes, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx, func() {
			text, _ := os.ReadFile(path)
			changes <- string(text)
		}, func(err error) { changes <- err.Error() })
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-ended:
		case <-time.After(patience):
			t.Error("Run has not returned")
		}
	})
	return f, changes
}

// deaf is told of nothing and looks often.
func deaf() *Files {
	f := New()
	f.events.Close()
	f.events, f.poll = nil, 30*time.Millisecond
	return f
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

func sh(t *testing.T, dir, script string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", script)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out)
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

	os.Chmod(path, 0o600)
	quiet(t, changes)
	os.Chmod(path, 0o700) // it may be run
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
	f := New()
	f.Add(path)
	f.events.Close()
	pipe.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, 100)
	n, err := pipe.Read(got)
	if string(got[:n]) != "config" {
		t.Errorf("%q is left in the pipe (%v)", got[:n], err)
	}
}

// TestSwitches is how Kubernetes mounts a ConfigMap: file -> ..data/file, ..data -> a directory that is replaced, and how
// releases are deployed: current -> releases/n.
func TestSwitches(t *testing.T) {
	dir := t.TempDir()
	sh(t, dir, "mkdir ..v0; echo v0 >..v0/file; ln -s ..v0 ..data; ln -s ..data/file file; ln -s $PWD/..data current")
	f, changes := watchingWith(t, New(), filepath.Join(dir, "file"), filepath.Join(dir, "current", "file"))
	for n := 1; n < 5; n++ {
		sh(t, dir, fmt.Sprintf("mkdir ..v%d; echo v%[1]d >..v%[1]d/file; ln -s ..v%[1]d ..data_tmp; mv -T ..data_tmp ..data; rm -r ..v%d", n, n-1))
		expect(t, changes, fmt.Sprintf("v%d\n", n))
		quiet(t, changes)
	}
	sh(t, dir, "echo in place >..v4/file")
	expect(t, changes, "in place\n")

	f.Keep(map[string]bool{filepath.Join(dir, "file"): true})
	if watched := f.events.WatchList(); len(watched) != 2 {
		t.Errorf("%q are watched", watched)
	}
	f.Keep(nil)
	if watched := f.events.WatchList(); len(watched) != 0 {
		t.Errorf("%q are watched for nothing", watched)
	}
}

// Whoever uses a file may have seen what no look did: it may be back as it was, and must be used again.
func TestFileThatIsAsBefore(t *testing.T) {
	for _, between := range []string{"echo other >file", "mv file away", "rm file; mkfifo file"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "file")
		write(t, path, "one")
		f, changes := watchingWith(t, New(), path)
		sh(t, dir, between)
		f.Add(path)
		sh(t, dir, "rm -f file; printf one >file")
		expect(t, changes, "one")
		f.Add(path)
		quiet(t, changes)
	}
}

// On a network file system nobody says that a file has changed; one that is still being written must not be taken.
func TestWithoutNotification(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "start")
	_, changes := watchingWith(t, deaf(), path)
	quiet(t, changes)
	text := ""
	for range 20 {
		text += "piece "
		write(t, path, text)
		time.Sleep(settle / 5)
	}
	expect(t, changes, text)
	quiet(t, changes)
}

// Files beside the first one count as much; those that are not kept do not any more.
func TestReferencedFiles(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	path, users, program := filepath.Join(dir, "file"), filepath.Join(elsewhere, "users"), filepath.Join(elsewhere, "program")
	write(t, path, "config")
	if err := os.WriteFile(program, make([]byte, maxContent+1), 0o755); err != nil {
		t.Fatal(err)
	}
	f, changes := watchingWith(t, New(), path, users, program)
	write(t, users, "ada") // it was missing
	expect(t, changes, "config")
	write(t, program+".new", "#!/bin/sh\n")
	if err := os.Rename(program+".new", program); err != nil {
		t.Fatal(err)
	}
	expect(t, changes, "config")
	f.Keep(map[string]bool{path: true})
	write(t, users, "eve")
	quiet(t, changes)
	write(t, path, "another")
	expect(t, changes, "another")
}
