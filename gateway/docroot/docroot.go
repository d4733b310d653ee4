// Package docroot opens files below a root directory and nothing outside it. Every open is resolved by the kernel
// relative to the root, component by component, never by string work; what was opened is what is judged (fstat after
// open), so a file or link that changes in between cannot lead outside.
package docroot

import (
	"io/fs"
	"os"
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
}

// New returns the Root at path, which is absolute; it need not exist yet.
func New(path string, opt Options) *Root { return &Root{path: path, opt: opt} }

// Path is the path that New was given.
func (r *Root) Path() string { return r.path }

// Close lets go of the directory. Open fails afterwards.
func (r *Root) Close() error { return nil }

// Open opens a regular file or a directory for reading; name is slash-separated, relative, with no empty, "." or ".."
// segment ("" is the root itself). It never blocks on a FIFO or device. The errors: fs.ErrNotExist for what is not
// there (a dangling link or a hidden name too); fs.ErrPermission for what is there but not to be had: unreadable,
// a link out of the root, a FIFO, socket or device. The caller closes the file.
func (r *Root) Open(name string) (*os.File, fs.FileInfo, error) { return nil, nil, fs.ErrNotExist }

// Stat is Open without the file, for those who only want to know what is there; it needs no read permission on the
// file itself.
func (r *Root) Stat(name string) (fs.FileInfo, error) { return nil, fs.ErrNotExist }
