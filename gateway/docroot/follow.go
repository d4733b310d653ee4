package docroot

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

// handle is a held directory with a count of those who resolve names in it.
type handle struct {
	directory
	id    identity
	users int  // guarded by Root.mu
	stale bool // the path names another directory, or the Root is closed
}

// identity tells one directory from another. A held directory's inode number is not given to another.
type identity struct{ device, inode uint64 }

func identify(path string) (identity, error) {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Stat(path, &st) }); err != nil {
		return identity{}, err
	}
	return identity{device: st.Dev, inode: st.Ino}, nil
}

// acquire returns the directory that the path names now. Asking costs one system call.
func (r *Root) acquire() (*handle, error) {
	if r.opt.Symlinks {
		return r.acquireAnywhere()
	}
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

// acquireAnywhere holds nothing: the path is resolved anew by every call.
func (r *Root) acquireAnywhere() (*handle, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fs.ErrClosed
	}
	if r.dir == nil {
		r.dir = &handle{directory: anywhere{r.path}}
	}
	r.dir.users++
	return r.dir, nil
}

func (r *Root) reopen() error {
	dir, err := r.pin(r.path)
	if err != nil {
		return err
	}
	at, err := dir.stat(".")
	if err != nil {
		dir.Close()
		return err
	}
	r.retire()
	r.dir = &handle{directory: dir, id: identity{device: at.st.Dev, inode: at.st.Ino}}
	return nil
}

// retire lets go of the current directory once nobody uses it.
func (r *Root) retire() {
	if r.dir == nil {
		return
	}
	r.dir.stale = true
	if r.dir.users == 0 {
		r.dir.Close()
	}
	r.dir = nil
}

func (r *Root) release(h *handle) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h.users--
	if h.stale && h.users == 0 {
		h.Close()
	}
}
