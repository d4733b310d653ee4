package docroot

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const tree = `
	plain.txt
	sub/deep/file
	.git/config
	sub/.env
	.well-known/acme
	.well-known/.hidden
	sub/.well-known/file
	in -> plain.txt
	sub/up -> ../plain.txt
	sub/over -> ../sub/../sub/./deep/file
	folder -> sub
	circle -> square
	square -> circle
	dangling -> nowhere
	dangling-deep -> nowhere/at/all
	abs-in -> ROOT/plain.txt
	out -> OUT/secret
	out-relative -> ../outside/secret
	out-folder -> OUT
	out-and-in -> ../root/plain.txt
	sub/out -> ../../outside/secret
	dangling-out -> ../outside/nothing
	hidden-target -> .git/config`

func TestOpen(t *testing.T) {
	root, _ := plant(t, tree)
	strict, hidden, any := Options{}, Options{Hidden: true}, Options{Symlinks: true}
	tests := []struct {
		name string
		opt  Options
		want string
	}{
		{"", strict, "/"},
		{"plain.txt", strict, "plain.txt"},
		{"sub", strict, "/"},
		{"sub/deep/file", strict, "sub/deep/file"},
		{"in", strict, "plain.txt"},
		{"sub/up", strict, "plain.txt"},
		{"sub/over", strict, "sub/deep/file"},
		{"folder", strict, "/"},
		{"folder/deep/file", strict, "sub/deep/file"},
		{"folder/up", strict, "plain.txt"},
		{"hidden-target", strict, ".git/config"}, // who may make links may show it

		{"nothing", strict, "!missing"},
		{"nothing/at/all", strict, "!missing"},
		{"plain.txt/below", strict, "!missing"},
		{"dangling", strict, "!missing"},
		{"dangling-deep", strict, "!missing"},
		{"circle", strict, "!missing"},
		{strings.Repeat("x", 300), strict, "!missing"},
		{strings.Repeat("x/", 3000) + "x", strict, "!missing"},

		{"out", strict, "!refused"},
		{"out-relative", strict, "!refused"},
		{"out-folder", strict, "!refused"},
		{"out-folder/secret", strict, "!refused"},
		{"out-folder/nothing", strict, "!refused"}, // what is outside is not even told apart
		{"out-and-in", strict, "!refused"},
		{"sub/out", strict, "!refused"},
		{"folder/out", strict, "!refused"},
		{"dangling-out", strict, "!refused"},
		{"abs-in", strict, "!refused"},

		{"plain.txt", any, "plain.txt"},
		{"in", any, "plain.txt"},
		{"abs-in", any, "plain.txt"},
		{"out", any, secret},
		{"out-folder", any, "/"},
		{"out-folder/secret", any, secret},
		{"dangling", any, "!missing"},
		{"dangling-out", any, "!missing"},
		{"circle", any, "!missing"},
		{"plain.txt/below", any, "!missing"},
		{".git/config", any, "!missing"},

		{".git", strict, "!missing"},
		{".git/config", strict, "!missing"},
		{"sub/.env", strict, "!missing"},
		{".well-known", strict, "/"},
		{".well-known/acme", strict, ".well-known/acme"},
		{".well-known/.hidden", strict, "!missing"},
		{"sub/.well-known/file", strict, "!missing"},
		{".git/config", hidden, ".git/config"},
		{"sub/.env", hidden, "sub/.env"},
	}
	for _, way := range ways() {
		for _, test := range tests {
			t.Run(way.name+"/"+test.name[:min(len(test.name), 40)], func(t *testing.T) {
				if got := opens(t, rootOf(t, root, test.opt, way), test.name); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
			})
		}
	}
}

// notCanonical are names that no caller should give, the forms that once led out of os.Root among them.
var notCanonical = []string{
	"/", "//", "/plain.txt", "/etc/passwd", "plain.txt/", "sub/", "sub//deep/file", "sub/deep/", "sub/deep/file/",
	".", "./", "./plain.txt", "sub/.", "sub/./deep/file", "sub/deep/file/.",
	"..", "../", "../outside/secret", "../root/plain.txt", "sub/..", "sub/../", "sub/../plain.txt", "sub/../../outside/secret",
	"out/", "out/.", "out-folder/", "out-folder//secret", "out-folder/.", "out-folder/..", "out-folder/../outside/secret",
	"folder/", "folder/..", "folder/../..", "in/", "in/..",
	"\x00", "plain.txt\x00", "sub\x00/deep/file", "plain.txt\x00.html", "out\x00",
}

func TestNamesThatAreNotCanonical(t *testing.T) {
	root, _ := plant(t, tree)
	for _, opt := range []Options{{}, {Hidden: true}, {Symlinks: true}, {Hidden: true, Symlinks: true}} {
		eachWay(t, root, opt, func(t *testing.T, r *Root) {
			for _, name := range notCanonical {
				if got := opens(t, r, name); got != "!missing" {
					t.Errorf("%+v: %q gives %s", opt, name, got)
				}
				if _, _, err := r.ReadDir(name, 10); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%+v: ReadDir %q gives %v", opt, name, err)
				}
			}
		})
	}
}

// Were a bad name to get past the check, the kernel or os.Root must still hold it.
func TestDirectoriesHoldByThemselves(t *testing.T) {
	root, _ := plant(t, tree)
	for _, way := range ways() {
		t.Run(way.name, func(t *testing.T) {
			dir, err := way.pin(root)
			must(t, err)
			defer dir.Close()
			for _, name := range append(notCanonical, "out", "out-folder", "out-folder/secret", "sub/out", root+"/plain.txt", "/proc/self/cwd") {
				if file, info, err := dir.open(name); err == nil {
					if !inside(t, root, file) {
						t.Errorf("%q leads out of the root: %+v", name, info)
					}
					file.Close()
				}
			}
		})
	}
}

func inside(t *testing.T, root string, file *os.File) bool {
	raw, err := file.SyscallConn()
	must(t, err)
	var path string
	raw.Control(func(fd uintptr) { path = fdPath(int(fd)) })
	return path == root || strings.HasPrefix(path, root+"/")
}

func TestNamesOfAnyByte(t *testing.T) {
	names := []string{
		" ", "a b", " lead", "trail ", "é", "\xff\xfe", "\xc0\xaf", "a\\b", "..\\x", "C:", "a:b", "%2e%2e", "%00", "a%", "new\nline", "cr\rlf\n",
		"tab\t", "\x01\x7f", "*", "?", "#", "a;b", "a+b", "&", "<b>", `"`, "'", "-rf", "~", "$HOME", "...", "..x", "-", "::$DATA", strings.Repeat("ÿ", 127),
	}
	root, _ := plant(t, "")
	for _, name := range names {
		write(t, filepath.Join(root, name), name)
		write(t, filepath.Join(root, "in", name, "file"), "in "+name)
	}
	eachWay(t, root, Options{Hidden: true}, func(t *testing.T, r *Root) {
		for _, name := range names {
			if got := opens(t, r, name); got != name {
				t.Errorf("%q gives %q", name, got)
			}
			if got := opens(t, r, "in/"+name+"/file"); got != "in "+name {
				t.Errorf("%q as a folder gives %q", name, got)
			}
			if info, err := r.Stat("in/" + name); err != nil || info.Name() != name {
				t.Errorf("%q as a folder: %v, %v", name, info, err)
			}
		}
		listed, _, err := r.ReadDir("", 1000)
		if err != nil || len(listed) != len(names)+1 {
			t.Errorf("%d names listed, want %d; %v", len(listed), len(names)+1, err)
		}
	})
}

func TestWhatIsNoFileIsRefusedAtOnce(t *testing.T) {
	root, _ := plant(t, "fifo-link -> fifo")
	must(t, unix.Mkfifo(filepath.Join(root, "fifo"), 0o666))
	// The address of a unix socket is short, the path of a test's folder may be long.
	short, err := os.MkdirTemp("", "s")
	must(t, err)
	defer os.RemoveAll(short)
	listener, err := net.Listen("unix", filepath.Join(short, "socket"))
	must(t, err)
	defer listener.Close()
	for _, test := range []struct{ root, name string }{
		{root, "fifo"}, {root, "fifo-link"}, {short, "socket"}, {"/dev", "null"}, {"/dev", "zero"}, {"/dev", "full"}, {"/dev", "random"},
	} {
		for _, opt := range []Options{{}, {Symlinks: true}} {
			eachWay(t, test.root, opt, func(t *testing.T, r *Root) {
				if got := opens(t, r, test.name); got != "!refused" {
					t.Errorf("%+v: %s gives %q", opt, test.name, got)
				}
				if names, _, err := r.ReadDir("", 10000); err != nil {
					t.Error(err)
				} else if found(names, test.name) {
					t.Errorf("%+v: %s is listed", opt, test.name)
				}
			})
		}
	}
}

func found(entries []fs.FileInfo, name string) bool {
	for _, e := range entries {
		if e.Name() == name {
			return true
		}
	}
	return false
}

// A FIFO with a writer has something to read: still no file.
func TestFIFOWithAWriter(t *testing.T) {
	root, _ := plant(t, "")
	fifo := filepath.Join(root, "fifo")
	must(t, unix.Mkfifo(fifo, 0o666))
	writer, err := os.OpenFile(fifo, os.O_RDWR, 0)
	must(t, err)
	defer writer.Close()
	_, err = writer.WriteString("from the FIFO")
	must(t, err)
	eachWay(t, root, Options{}, func(t *testing.T, r *Root) {
		if got := opens(t, r, "fifo"); got != "!refused" {
			t.Errorf("got %q", got)
		}
	})
}

// TestRights runs without root's rights. os.Root is let off where it needs more than the kernel asks for.
func TestRights(t *testing.T) {
	root, _ := plant(t, "readable\nunreadable\nsearchable/file\nclosed/file\nsearch-link -> searchable/file")
	for name, mode := range map[string]fs.FileMode{"unreadable": 0, "searchable": 0o711, "closed": 0o600, "": 0o711, "..": 0o711, "../..": 0o711} {
		must(t, os.Chmod(filepath.Join(root, name), mode))
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "closed"), 0o700) })
	for _, test := range []struct {
		way        way
		open, stat map[string]string
	}{
		{
			ways()[0],
			map[string]string{"readable": "readable", "unreadable": "!refused", "searchable/file": "searchable/file", "search-link": "searchable/file", "closed/file": "!refused", "searchable/none": "!missing"},
			map[string]string{"": "", "unreadable": "", "searchable": "", "searchable/file": "", "closed": "", "closed/file": "!refused"},
		},
		{
			ways()[1],
			map[string]string{"readable": "readable", "unreadable": "!refused", "closed/file": "!refused"},
			map[string]string{"unreadable": "", "searchable": "", "closed": "", "closed/file": "!refused"},
		},
	} {
		r := rootOf(t, root, Options{}, test.way)
		if test.way.name == "os.Root" {
			must(t, os.Chmod(root, 0o755))
		}
		asNobody(t, func() {
			for name, want := range test.open {
				if got := openAndRead(t, r, name); got != want {
					t.Errorf("%s: open %q gives %q, want %q", test.way.name, name, got, want)
				}
			}
			for name, want := range test.stat {
				got := ""
				if _, err := r.Stat(name); err != nil {
					got = kind(err)
				}
				if got != want {
					t.Errorf("%s: stat %q gives %q, want %q", test.way.name, name, got, want)
				}
			}
		})
	}
}

// Errors are shown to operators by callers who name the path: they must not name another one, nor the host's.
func TestErrorsHoldNoPath(t *testing.T) {
	root, _ := plant(t, tree)
	eachWay(t, root, Options{}, func(t *testing.T, r *Root) {
		for _, name := range []string{"nothing", "out-relative", "out-folder/secret", "circle", "plain.txt/x", ".git"} {
			_, _, err := r.Open(name)
			if err == nil || strings.Contains(err.Error(), name) || strings.Contains(err.Error(), root) {
				t.Errorf("%q: %v", name, err)
			}
		}
	})
}

func TestInfo(t *testing.T) {
	root, _ := plant(t, "file\nsub/file")
	must(t, os.Chmod(filepath.Join(root, "file"), 0o751|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
	eachWay(t, root, Options{}, func(t *testing.T, r *Root) {
		for _, name := range []string{"", "file", "sub", "sub/file"} {
			want, err := os.Stat(filepath.Join(root, name))
			must(t, err)
			got, err := r.Stat(name)
			must(t, err)
			file, opened, err := r.Open(name)
			must(t, err)
			defer file.Close()
			for _, got := range []fs.FileInfo{got, opened} {
				if got.Size() != want.Size() || got.Mode() != want.Mode() || !got.ModTime().Equal(want.ModTime()) || got.IsDir() != want.IsDir() {
					t.Errorf("%q: %s %s, want %s %s", name, got.Mode(), got.ModTime(), want.Mode(), want.ModTime())
				}
				if name != "" && got.Name() != want.Name() {
					t.Errorf("%q is called %q", name, got.Name())
				}
			}
		}
	})
}

func TestReadDir(t *testing.T) {
	root, outside := plant(t, tree)
	must(t, unix.Mkfifo(filepath.Join(root, "fifo"), 0o666))
	want := map[string]bool{"plain.txt": false, "sub": true, "in": false, "folder": true, ".well-known": true, "hidden-target": false}
	eachWay(t, root, Options{}, func(t *testing.T, r *Root) {
		entries, more, err := r.ReadDir("", 100)
		if err != nil || more || len(entries) != len(want) {
			t.Fatalf("%d entries, more: %t, %v", len(entries), more, err)
		}
		for _, e := range entries {
			if isDir, ok := want[e.Name()]; !ok || isDir != e.IsDir() {
				t.Errorf("%s: directory %t", e.Name(), e.IsDir())
			}
		}
		if _, _, err := r.ReadDir("plain.txt", 100); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a file as a directory: %v", err)
		}
		if entries, more, err = r.ReadDir("sub", 1); err != nil || !more || len(entries) > 1 {
			t.Errorf("cut at one name: %d entries, more: %t, %v", len(entries), more, err)
		}
		if entries, more, err = r.ReadDir("sub/deep", 1); err != nil || more || len(entries) != 1 || entries[0].Size() != int64(len("sub/deep/file")) {
			t.Errorf("exactly one name: %v, more: %t, %v", entries, more, err)
		}
	})
	eachWay(t, root, Options{Symlinks: true}, func(t *testing.T, r *Root) {
		entries, _, err := r.ReadDir("", 100)
		if err != nil || !found(entries, "out") || !found(entries, "out-folder") || !found(entries, "abs-in") || found(entries, "dangling") {
			t.Errorf("%v, %v", entries, err)
		}
		entries, _, err = r.ReadDir("out-folder", 100)
		if err != nil || len(entries) != 1 || entries[0].Name() != "secret" {
			t.Errorf("in %s: %v, %v", outside, entries, err)
		}
	})
}
