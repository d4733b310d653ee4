package script

import (
	"gatewayd/gateway/docroot"
)

// DirOptions are what a script directory lets happen. The zero value is the strict one.
type DirOptions struct {
	Hidden       bool     // names that start with "." may be run
	Symlinks     bool     // symbolic links may lead out of the directory
	Interpreters []string // extensions (".py") of files that an interpreter runs, so that they need no exec bit
}

// Dir is a Resolver for a directory in which every executable file is a script.
type Dir struct {
	tree
	interpreters []string
}

// NewDir returns the Resolver for the script directory dir, an absolute path that need not exist yet.
//
// The path is walked to the first file: SCRIPT_NAME ends there and PATH_INFO is the rest. A file that may not be run is
// 403, a folder too, nothing there 404; nothing is ever served. A path without its slash that names the directory itself
// asks for AddSlash.
func NewDir(dir string, opt DirOptions) *Dir {
	return &Dir{
		tree:         newTree(dir, docroot.Options{Hidden: opt.Hidden, Symlinks: opt.Symlinks}),
		interpreters: opt.Interpreters,
	}
}

// Resolve asks the file system once for each folder on the way to the script and once for the script.
func (d *Dir) Resolve(prefix, rest string) (Target, error) {
	if rest == "" {
		return Target{Kind: AddSlash}, nil
	}
	if !canonical(rest) {
		return Target{}, notCanonical(prefix, rest)
	}
	found, err := d.walk(rest[1:])
	if err != nil {
		return Target{}, d.failed(found.name, err)
	}
	if found.info.IsDir() {
		return Target{}, d.failed(found.name, errFolder)
	}
	if !executable(found.info) && !hasExt(found.name, d.interpreters) {
		return Target{}, d.failed(found.name, errNoExec)
	}
	return d.run(prefix, rest, found.name), nil
}
