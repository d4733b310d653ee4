package watch

import (
	"context"
	"os"
	"os/exec"
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
	return watchingAll(t, path, poll)
}

func watchingAll(t *testing.T, path string, every time.Duration, others ...string) <-chan string {
	t.Helper()
	f, err := New()
	if err != nil {
		t.Fatal(err)
	}
	f.poll = every
	if every < poll { // without notification
		f.events.Close()
		f.events = nil
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
	f, err := New()
	if err != nil {
		t.Fatal(err)
	}
	f.Add(path)
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

// A directory that is not there yet cannot notify anybody.
func TestDirectoryThatComesLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	path := filepath.Join(dir, "file")
	changes := watching(t, path)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path, "one")
	expect(t, changes, "one")
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	quiet(t, changes)
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, path, "two")
	expect(t, changes, "two")
}

// On a network file system nobody says that a file has changed; one that is still being written must not be taken.
func TestWithoutNotification(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	write(t, path, "start")
	changes := watchingAll(t, path, 30*time.Millisecond)
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
	f, err := New()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{path, users, program} {
		f.Add(p)
	}
	ctx, cancel := context.WithCancel(context.Background())
	changes, ended := make(chan string, 100), make(chan struct{})
	go func() {
		defer close(ended)
		f.Run(ctx, func() { changes <- "changed" })
	}()
	defer func() {
		cancel()
		<-ended
	}()
	write(t, users, "ada") // it was missing
	expect(t, changes, "changed")
	write(t, program+".new", "#!/bin/sh\n")
	if err := os.Rename(program+".new", program); err != nil {
		t.Fatal(err)
	}
	expect(t, changes, "changed")
	f.Keep(map[string]bool{path: true})
	write(t, users, "eve")
	quiet(t, changes)
	write(t, path, "another")
	expect(t, changes, "changed")
}

// TestSaves is how files are saved, by programs themselves or by the system calls that they make.
func TestSaves(t *testing.T) {
	const noticed = 300 * time.Millisecond
	run := func(script string) func(*testing.T, string) {
		return func(t *testing.T, path string) {
			cmd := exec.Command("sh", "-ec", script)
			cmd.Dir = filepath.Dir(path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
		}
	}
	for _, c := range []struct {
		name string
		save func(t *testing.T, path string)
	}{
		{"sed -i", run("sed -i s/one/two/ file")},
		{"cp", run("echo two >x; cp x file")},
		{"mv", run("echo two >x; mv x file")},
		{"install", run("echo two >x; install -m 644 x file")},
		{"ln -sfn", run("echo two >x; ln -sfn x file")},
		{"shell", run("echo two >file")},
		{"vim: the old one becomes the backup", run("mv file file~; echo two >file; rm file~")},
		{"vim, backupcopy=yes", run("cp file file~; : >file; echo two >>file; rm file~")},
		{"emacs", run("ln -s me@host.1 .#file; mv file file~; echo two >file; rm .#file")},
		{"VS Code, nano", func(t *testing.T, path string) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			f.WriteString("t")
			time.Sleep(settle / 4)
			f.WriteString("wo\n")
		}},
		{"missing for a moment", func(t *testing.T, path string) {
			os.Remove(path)
			time.Sleep(settle / 2)
			write(t, path, "two\n")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			took := time.Duration(0)
			for range 3 { // a machine that has other work may be late once
				path := filepath.Join(t.TempDir(), "file")
				write(t, path, "one\n")
				changes := watching(t, path)
				c.save(t, path)
				saved := time.Now()
				expect(t, changes, "two\n")
				took = time.Since(saved)
				quiet(t, changes)
				if took <= noticed {
					return
				}
			}
			t.Errorf("noticed after %s, want at most %s", took, noticed)
		})
	}
}
