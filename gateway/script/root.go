package script

import (
	"io/fs"
	"strings"

	"gatewayd/gateway/docroot"
)

// RootOptions say which files below a root are scripts and what stands in for files that are not there.
type RootOptions struct {
	Ext      []string // extensions of scripts, each with its dot; compared by bytes
	Index    []string // file names that stand for their directory, the first that exists
	Fallback string   // the path below root, starting with "/", that answers for what is not there; "" for none
	Hidden   bool     // names that start with "." may be reached
	Symlinks bool     // symbolic links may lead out of the root

	// NeedExec says that the file is itself the program, so that it needs the exec bit unless an interpreter runs files
	// of its extension.
	NeedExec     bool
	Interpreters []string
}

// Root is a Resolver for a tree of files in which the ones with certain extensions are scripts.
type Root struct {
	tree
	opt RootOptions
}

// NewRoot returns the Resolver for the tree at root, an absolute path that need not exist yet.
//
// The first file on the path decides. If its name ends in one of the extensions it is run, with what follows as
// PATH_INFO, or fails; it is never served. Any other file is served if nothing follows it, not even a slash, and is 404
// otherwise, so that nothing that a client appends turns an upload into a script. A directory is its index, else the
// fallback, else 403; a directory without its slash asks for AddSlash. A path that names nothing is the fallback, else
// 404; there SCRIPT_NAME is the prefix and the fallback, without PATH_INFO.
//
// An editor's backup of a script (x.php~, #x.php#) holds its source and nobody links to it: it counts as hidden. Other
// copies, such as x.php.bak, are files like any other.
func NewRoot(root string, opt RootOptions) *Root {
	return &Root{tree: newTree(root, docroot.Options{Hidden: opt.Hidden, Symlinks: opt.Symlinks}), opt: opt}
}

// Resolve asks the file system once for a file that is named without PATH_INFO; otherwise once more for each folder on
// the way, for each index that is tried and for the fallback.
func (t *Root) Resolve(prefix, rest string) (Target, error) {
	if rest == "" {
		return Target{Kind: AddSlash}, nil
	}
	if !canonical(rest) {
		return Target{}, notCanonical(prefix, rest)
	}
	found, err := t.find(rest[1:])
	switch {
	case missing(err):
		return t.instead(prefix, found.name, err)
	case err != nil:
		return Target{}, t.failed(found.name, err)
	case found.info.IsDir() && !strings.HasSuffix(rest, "/"):
		return Target{Kind: AddSlash}, nil
	case found.info.IsDir():
		return t.index(prefix, found.name)
	}
	return t.file(prefix, rest, found)
}

// find asks for the whole path first: for all but scripts with PATH_INFO that is the answer.
func (t *Root) find(path string) (entry, error) {
	name := strings.TrimSuffix(path, "/")
	info, err := t.root.Stat(name)
	if missing(err) && strings.IndexByte(name, '/') >= 0 {
		return t.walk(path)
	}
	return entry{name: name, info: info}, err
}

// file is what to do with the first file on the path.
func (t *Root) file(prefix, rest string, found entry) (Target, error) {
	switch {
	case t.hides(found.name):
		return t.instead(prefix, found.name, fs.ErrNotExist)
	case hasExt(found.name, t.opt.Ext):
		if t.opt.NeedExec && !executable(found.info) && !hasExt(found.name, t.opt.Interpreters) {
			return Target{}, t.failed(found.name, errNoExec)
		}
		return t.run(prefix, rest, found.name), nil
	case len(found.name)+1 != len(rest):
		return Target{}, t.failed(found.name, errNotFolder)
	}
	return Target{Kind: Serve, Static: found.name}, nil
}

// index is what to do with the directory dir, "" for the root itself.
func (t *Root) index(prefix, dir string) (Target, error) {
	if dir != "" {
		dir += "/"
	}
	for _, index := range t.opt.Index {
		name := dir + index
		info, err := t.root.Stat(name)
		switch {
		case missing(err), err == nil && info.IsDir():
			continue
		case err != nil:
			return Target{}, t.failed(name, err)
		}
		return t.file(prefix, "/"+name, entry{name: name, info: info})
	}
	return t.instead(prefix, strings.TrimSuffix(dir, "/"), errFolder)
}

// instead is the fallback where there is one, and the failure of name otherwise.
func (t *Root) instead(prefix, name string, cause error) (Target, error) {
	if t.opt.Fallback == "" {
		return Target{}, t.failed(name, cause)
	}
	fallback := t.opt.Fallback[1:]
	info, err := t.root.Stat(fallback)
	switch {
	case err == nil && info.IsDir():
		err = errFolder
	case err == nil && t.hides(fallback):
		err = fs.ErrNotExist
	}
	if err != nil {
		return Target{}, t.failed(fallback, err)
	}
	return t.file(prefix, t.opt.Fallback, entry{name: fallback, info: info})
}

// hides says whether a file counts as hidden although its name does not begin with ".".
func (t *Root) hides(name string) bool { return !t.opt.Hidden && isBackup(name, t.opt.Ext) }
