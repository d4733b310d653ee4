// Package docroot opens files below a root directory and nothing outside it. Every name is resolved by the kernel
// relative to the open root, never by string work, and what was opened is what is judged (fstat after open): a file or
// link that changes in between cannot lead outside.
package docroot

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// Options say what below a root may be reached. The zero value is the strict one.
type Options struct {
	Hidden   bool // names that start with "." may be reached; ".well-known" always may, as the first segment
	Symlinks bool // symbolic links may lead anywhere (symlinks: any); otherwise they must stay inside the root
}

// Root is a directory whose files may be reached. It follows its path: when the path names another directory (a
// release switched by renaming a symbolic link) the next call sees the new one. Safe for concurrent use.
type Root struct {
	path string
	opt  Options

	mu     sync.Mutex
	dir    *handle // what path named last; nil before the first use, and always with Options.Symlinks
	closed bool

	pin func(path string) (directory, error) // how the directory is held; tests put the fallback here
}

// directory resolves the names below one root. A name is canonical, or "." for the directory itself.
type directory interface {
	open(name string) (*os.File, *info, error)
	stat(name string) (*info, error)
	Close() error
}

// New returns the Root at path, which is absolute; it need not exist yet: until it does, everything in it is
// fs.ErrNotExist. The caller closes it.
func New(path string, opt Options) *Root { return &Root{path: path, opt: opt, pin: pin} }

// pin holds the directory at path as the kernel allows.
func pin(path string) (directory, error) {
	d, err := pinBeneath(path)
	if errors.Is(err, errNoOpenat2) {
		return pinRoot(path)
	}
	return d, err
}

// Path is the path that New was given.
func (r *Root) Path() string { return r.path }

// Close lets go of the directory. Whatever is called afterwards fails with fs.ErrClosed; files that were opened stay
// open.
func (r *Root) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.retire()
	return nil
}

// Open opens a regular file or a directory for reading; name is slash-separated, relative, with no empty, "." or ".."
// segment and so no slash at the end ("" is the root itself). It never blocks on a FIFO or device.
//
// The error wraps fs.ErrNotExist for what is not there: a dangling link, a hidden name and a name that is not canonical
// too. It wraps fs.ErrPermission for what is there but not to be had: unreadable, a link out of the root, a FIFO, socket
// or device. Anything else is a failure of the machine (no descriptors left, an I/O error). No error holds the path,
// which the caller knows. The caller closes the file.
func (r *Root) Open(name string) (file *os.File, info fs.FileInfo, err error) {
	err = r.in(name, func(dir directory, name string) error {
		f, i, err := dir.open(name)
		if err != nil {
			return err
		}
		file, info = f, i
		return nil
	})
	return file, info, err
}

// Stat is Open without the file, for those who only want to know what is there; it needs no read permission on the
// file itself.
func (r *Root) Stat(name string) (info fs.FileInfo, err error) {
	err = r.in(name, func(dir directory, name string) error {
		i, err := dir.stat(name)
		if err != nil {
			return err
		}
		if !i.servable() {
			return ErrSpecial
		}
		info = i
		return nil
	})
	return info, err
}

// in calls resolve with the current directory and a name in it.
func (r *Root) in(name string, resolve func(dir directory, name string) error) error {
	if !r.reachable(name) {
		return fs.ErrNotExist
	}
	h, err := r.acquire()
	if err != nil {
		return explain(err)
	}
	defer r.release(h)
	if name == "" {
		name = "."
	}
	return explain(resolve(h, name))
}

// reachable refuses hidden names, and what no canonical name has: that would be the caller's mistake, and must not
// become a way out.
func (r *Root) reachable(name string) bool {
	if name == "" {
		return true
	}
	if strings.IndexByte(name, 0) >= 0 {
		return false
	}
	for rest, first := name, true; ; first = false {
		segment, after, more := strings.Cut(rest, "/")
		switch {
		case segment == "" || segment == "." || segment == "..":
			return false
		case segment[0] == '.' && !r.opt.Hidden && !(first && segment == ".well-known"):
			return false
		case !more:
			return true
		}
		rest = after
	}
}
