package static

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// Kind says what a path leads to.
type Kind int

// The kinds of what a path can lead to.
const (
	File     Kind = iota + 1 // a file to serve
	List                     // a directory to list
	AddSlash                 // a directory asked for without its slash
)

var (
	errNotFolder = fmt.Errorf("%w: it is a file, and a slash follows it in the URL", fs.ErrNotExist)
	errFolder    = fmt.Errorf("%w: it is a directory, not a file", fs.ErrNotExist)
	errNoIndex   = errors.New("it is a directory without an index")
)

// found is what a path leads to: a name below the root, "" for the root itself. A File is open, and whoever has the
// found closes it.
type found struct {
	kind Kind
	name string
	file *os.File
	info fs.FileInfo
}

// IsExact says whether a route's pattern is one path rather than all below a prefix.
func IsExact(pattern string) bool { return !strings.HasSuffix(pattern, "/*") }

// Resolve finds what rest, the path below the route, leads to: a name below the root ("" is the root itself), with the
// index in it if that stands for a directory, and what it is. exact says that the route is no prefix: there is no slash
// to add, and "" is the root. Resolve opens what ServeHTTP opens and fails as that does; the errors are *gateway.Error.
func (h *Handler) Resolve(rest string, exact bool) (name string, kind Kind, err error) {
	f, err := h.find(rest, exact)
	if err != nil {
		return strings.Trim(rest, "/"), 0, err
	}
	if f.file != nil {
		f.file.Close()
	}
	return f.name, f.kind, nil
}

// Path is the file system's path of a name below the root.
func (h *Handler) Path(name string) string {
	root := h.opt.Root.Path()
	if name == "" {
		return root
	}
	return strings.TrimSuffix(root, "/") + "/" + name
}

func (h *Handler) find(rest string, exact bool) (found, error) {
	switch {
	case rest == "" && !exact:
		return found{kind: AddSlash}, nil
	case rest == "":
		return h.folder("")
	}
	name, slash := strings.CutSuffix(rest[1:], "/")
	if slash || name == "" {
		return h.folder(name)
	}
	return h.open(name)
}

// open opens the file name. A directory wants a slash.
func (h *Handler) open(name string) (found, error) {
	file, info, err := h.opt.Root.Open(name)
	switch {
	case err != nil && h.isFolder(name, err):
		return found{kind: AddSlash, name: name}, nil
	case err != nil:
		return found{}, h.failed(name, err)
	case info.IsDir():
		file.Close()
		return found{kind: AddSlash, name: name}, nil
	}
	return found{kind: File, name: name, file: file, info: info}, nil
}

// isFolder says whether name is a directory that may be searched but not read: the way to its index leads through it.
func (h *Handler) isFolder(name string, err error) bool {
	if !errors.Is(err, fs.ErrPermission) {
		return false
	}
	info, err := h.opt.Root.Stat(name)
	return err == nil && info.IsDir()
}

// folder opens the index of a directory, or finds that the directory is to be listed. The index comes first: where there
// is one, the directory need be neither asked for nor readable.
func (h *Handler) folder(name string) (found, error) {
	for _, index := range h.opt.Index {
		if name != "" {
			index = name + "/" + index
		}
		file, info, err := h.opt.Root.Open(index)
		switch {
		case err == nil && info.IsDir():
			file.Close()
		case err == nil:
			return found{kind: File, name: index, file: file, info: info}, nil
		case !errors.Is(err, fs.ErrNotExist) && !h.isFolder(index, err):
			return found{}, h.failed(index, err)
		}
	}
	info, err := h.opt.Root.Stat(name)
	switch {
	case err != nil:
		return found{}, h.failed(name, err)
	case !info.IsDir():
		return found{}, h.failed(name, errNotFolder)
	case !h.opt.Browse:
		return found{}, h.noIndex(name)
	}
	return found{kind: List, name: name}, nil
}
