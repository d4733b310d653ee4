// Package docroot opens files below a root directory and nothing outside it. Every open is resolved by the kernel
// relative to the root, component by component, never by string work; what was opened is what is judged (fstat after
// open), so a file or link that changes in between cannot lead outside.
package docroot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Options say what below a root may be reached. The zero value is the strict one.
type Options struct {
	Hidden   bool // names that start with "." may be reached; ".well-known" always may, as the first segment
	Symlinks bool // symbolic links may lead anywhere (symlinks: any); otherwise they must stay inside the root
}

// Root is a directory whose files may be reached. It follows its path: when the path names another directory (a
// release switched by renaming a symbolic link) the next Open sees the new one. Safe for concurrent use.
type Root struct {
	path string
	opt  Options

	mu     sync.Mutex
	dir    *handle // what path named last; nil before the first use
	closed bool
}

// handle is an open directory with a count of those who resolve names in it.
type handle struct {
	root  *os.Root
	id    identity
	users int  // guarded by Root.mu
	stale bool // the path names another directory, or the Root is closed
}

// identity tells one directory from another.
type identity struct{ device, inode uint64 }

// errOutside is what is there but not to be had.
var errOutside = fmt.Errorf("%w: not a regular file or directory inside the root", fs.ErrPermission)

// New returns the Root at path, which is absolute; it need not exist yet.
func New(path string, opt Options) *Root { return &Root{path: path, opt: opt} }

// Path is the path that New was given.
func (r *Root) Path() string { return r.path }

// Close lets go of the directory. Open fails afterwards.
func (r *Root) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.retire()
	return nil
}

// Open opens a regular file or a directory for reading; name is slash-separated, relative, with no empty, "." or ".."
// segment ("" is the root itself). It never blocks on a FIFO or device. The errors: fs.ErrNotExist for what is not
// there (a dangling link or a hidden name too); fs.ErrPermission for what is there but not to be had: unreadable,
// a link out of the root, a FIFO, socket or device. The caller closes the file.
func (r *Root) Open(name string) (*os.File, fs.FileInfo, error) {
	var file *os.File
	var info fs.FileInfo
	err := r.in(name, func(dir *os.Root, name string) (err error) {
		// O_NONBLOCK: the open of a FIFO would wait for a writer.
		const flags = os.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY
		if dir == nil {
			file, err = os.OpenFile(name, flags, 0)
		} else {
			file, err = dir.OpenFile(name, flags, 0)
		}
		if err != nil {
			return err
		}
		if info, err = file.Stat(); err == nil {
			err = judge(info)
		}
		if err != nil {
			file.Close()
		}
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return file, info, nil
}

// Stat is Open without the file, for those who only want to know what is there; it needs no read permission on the
// file itself.
func (r *Root) Stat(name string) (info fs.FileInfo, err error) {
	err = r.in(name, func(dir *os.Root, name string) (err error) {
		if dir == nil {
			info, err = os.Stat(name)
		} else {
			info, err = dir.Stat(name)
		}
		if err != nil {
			return err
		}
		return judge(info)
	})
	if err != nil {
		return nil, err
	}
	return info, nil
}

func judge(info fs.FileInfo) error {
	if mode := info.Mode(); !mode.IsRegular() && !mode.IsDir() {
		return errOutside
	}
	return nil
}

// in calls resolve with the current directory and a name in it, or with nil and an absolute path where links may lead
// anywhere.
func (r *Root) in(name string, resolve func(dir *os.Root, name string) error) error {
	if err := r.check(name); err != nil {
		return err
	}
	if r.opt.Symlinks {
		return explain(resolve(nil, filepath.Join(r.path, name)))
	}
	h, err := r.acquire()
	if err != nil {
		return explain(err)
	}
	defer r.release(h)
	if name == "" {
		name = "."
	}
	return explain(resolve(h.root, name))
}

// check refuses what no canonical name has: it is the caller's fault, and must not become a way out.
func (r *Root) check(name string) error {
	if name == "" {
		return nil
	}
	if strings.IndexByte(name, 0) >= 0 {
		return fs.ErrNotExist
	}
	first := true
	for segment := range strings.SplitSeq(name, "/") {
		switch {
		case segment == "" || segment == "." || segment == "..":
			return fs.ErrNotExist
		case segment[0] == '.' && !r.opt.Hidden && !(first && segment == ".well-known"):
			return fs.ErrNotExist
		}
		first = false
	}
	return nil
}

// explain sorts the errors of the kernel and of os.Root into the two that the contract knows. The caller names the path.
func explain(err error) error {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		err = withPath.Err
	}
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
		return err
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP):
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EIO):
		return err
	}
	// os.Root's own error for a name that leads out has no type; ENXIO is a socket or a device without a driver.
	return fmt.Errorf("%w: %w", fs.ErrPermission, err)
}

// acquire returns the directory that the path names now. Asking costs one system call.
func (r *Root) acquire() (*handle, error) {
	now, err := identify(r.path)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fs.ErrClosed
	}
	if r.dir == nil || r.dir.id != now {
		if err := r.reopen(); err != nil {
			return nil, err
		}
	}
	r.dir.users++
	return r.dir, nil
}

func (r *Root) reopen() error {
	root, err := os.OpenRoot(r.path)
	if err != nil {
		return err
	}
	info, err := root.Stat(".")
	if err != nil {
		root.Close()
		return err
	}
	r.retire()
	r.dir = &handle{root: root, id: identityOf(info)}
	return nil
}

// retire lets go of the current directory once nobody uses it.
func (r *Root) retire() {
	if r.dir == nil {
		return
	}
	r.dir.stale = true
	if r.dir.users == 0 {
		r.dir.root.Close()
	}
	r.dir = nil
}

func (r *Root) release(h *handle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.users--
	if h.stale && h.users == 0 {
		h.root.Close()
	}
}

func identify(path string) (identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return identity{}, err
	}
	return identityOf(info), nil
}

func identityOf(info fs.FileInfo) identity {
	stat := info.Sys().(*syscall.Stat_t)
	return identity{device: uint64(stat.Dev), inode: stat.Ino}
}
