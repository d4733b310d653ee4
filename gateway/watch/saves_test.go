package watch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// noticed is how soon what has been saved must be noticed.
const noticed = 300 * time.Millisecond

// save is one way to change a file from "one" to "two".
type save struct {
	name  string
	path  string // "file" if empty
	setup string // "echo one >file" if empty
	save  func(t *testing.T, dir string)
}

func TestSaves(t *testing.T) {
	for _, s := range append(append(saves(), savesByVim()...), moves()...) {
		t.Run(s.name, s.test)
	}
}

// test takes the best of three: a machine that has other work may be late once. What is noticed must be whole, and once.
func (s save) test(t *testing.T) {
	took := time.Duration(0)
	for range 3 {
		dir := t.TempDir()
		sh(t, dir, or(s.setup, "echo one >file"))
		changes := watching(t, filepath.Join(dir, or(s.path, "file")))
		s.save(t, dir)
		saved := time.Now()
		expect(t, changes, "two\n")
		took = time.Since(saved)
		quiet(t, changes)
		if took <= noticed || t.Failed() {
			return
		}
	}
	t.Errorf("noticed after %s, want at most %s", took, noticed)
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func script(text string) func(*testing.T, string) {
	return func(t *testing.T, dir string) { sh(t, dir, text) }
}

// saves are those by programs, or by the system calls that they make.
func saves() []save {
	return []save{
		{name: "sed -i", save: script("sed -i s/one/two/ file")},
		{name: "cp", save: script("echo two >x; cp x file")},
		{name: "mv", save: script("echo two >x; mv x file")},
		{name: "install", save: script("echo two >x; install -m 644 x file")},
		{name: "rsync", save: script("echo two >.file.Xy12; mv .file.Xy12 file")},
		{name: "shell", save: script("echo two >file")},
		// open(O_CREAT|O_EXCL) of a lock that is a link to nowhere, rename(file, file~), open(file, O_CREAT), write, unlink
		{name: "emacs", save: script("ln -s me@host.1 .#file; mv file file~; echo two >file; rm .#file")},
		// open(file, O_WRONLY|O_TRUNC), write, write, close
		{name: "VS Code, nano", save: inPieces("t", "wo\n")},
		// as `cp` from a slow disk does: pauses shorter than settle, more of them than settle is long
		{name: "half written for a while", save: inPieces("", "t", "", "w", "", "o", "", "\n")},
		{name: "missing for a moment", save: func(t *testing.T, dir string) {
			os.Remove(filepath.Join(dir, "file"))
			time.Sleep(settle / 2)
			write(t, filepath.Join(dir, "file"), "two\n")
		}},
		{name: "missing for longer", save: script("rm file; sleep 0.4; echo two >file")},
	}
}

func inPieces(pieces ...string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		f, err := os.OpenFile(filepath.Join(dir, "file"), os.O_WRONLY|os.O_TRUNC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for i, piece := range pieces {
			if i > 0 {
				time.Sleep(settle / 4)
			}
			f.WriteString(piece)
		}
	}
}

// savesByVim are those of vim itself, in each of its ways. Where it is missing, they are what it does then.
func savesByVim() (all []save) {
	for _, options := range []string{
		"writebackup backupcopy=auto", "writebackup backupcopy=no", "writebackup backupcopy=yes", "nowritebackup", "backup backupcopy=no",
	} {
		all = append(all, save{name: "vim, " + options, save: func(t *testing.T, dir string) {
			if _, err := exec.LookPath("vim"); err != nil {
				sh(t, dir, asVim(options))
				return
			}
			sh(t, dir, "vim -N -u NONE -i NONE -es -c 'set "+options+"' -c '%s/one/two/' -c wq file </dev/null")
		}})
	}
	return all
}

// asVim is what vim does: rename(file, file~) and open(file, O_CREAT), or a copy to file~ and open(file, O_TRUNC).
func asVim(options string) string {
	switch {
	case options == "nowritebackup":
		return "echo two >file"
	case strings.HasSuffix(options, "=yes"):
		return "cp file file~; echo two >file; rm file~"
	}
	return "touch 4913; rm 4913; mv file file~; echo two >file; rm file~"
}

// moves are those that touch no file, but what leads to it.
func moves() []save {
	const releases = "mkdir -p releases/1 releases/2; echo one >releases/1/file; echo two >releases/2/file; ln -s releases/1 current"
	const folder = "mkdir folder; echo one >folder/file"
	return []save{
		{name: "ln -sfn of the file", save: script("echo two >x; ln -sfn x file")},
		{name: "ln -sfn of its directory", path: "current/file", setup: releases, save: script("ln -sfn releases/2 current")},
		{name: "a link to a link", path: "link", setup: releases + "; ln -s current/file link", save: script("ln -sfn releases/2 current")},
		{name: "a link that is moved there", path: "current/file", setup: releases, save: script("ln -s $PWD/releases/2 next; mv -T next current")},
		{name: "a link is made a directory", path: "current/file", setup: releases, save: script("rm current; mv releases/2 current")},
		{name: "..data", setup: "mkdir ..1; echo one >..1/file; ln -s ..1 ..data; ln -s ..data/file file",
			save: script("mkdir ..2; echo two >..2/file; ln -s ..2 ..data_tmp; mv -T ..data_tmp ..data; rm -r ..1")},
		{name: "the directory is another", path: "folder/file", setup: folder,
			save: script("mkdir new; echo two >new/file; mv folder old; mv new folder")},
		{name: "the directory is made again", path: "folder/file", setup: folder, save: script("rm -r folder; sleep 0.3; mkdir folder; echo two >folder/file")},
		{name: "the directory comes later", path: "a/b/file", setup: "true", save: script("mkdir a; sleep 0.3; mkdir a/b; sleep 0.3; echo two >a/b/file")},
		{name: "a link that leads nowhere yet", setup: "ln -s a/file file", save: script("mkdir a; echo two >a/file")},
	}
}
