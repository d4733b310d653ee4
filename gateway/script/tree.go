package script

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/docroot"
)

// tree is the directory that a resolver looks in.
type tree struct{ root files }

// files is a *docroot.Root; tests put a counter in between.
type files interface {
	Stat(name string) (fs.FileInfo, error)
	Path() string
	Close() error
}

// entry is what a path led to: the part of the path that names it, without slashes around it, and what it is.
type entry struct {
	name string
	info fs.FileInfo
}

func newTree(path string, opt docroot.Options) tree { return tree{root: docroot.New(path, opt)} }

// Close lets go of the directory. Resolve fails afterwards.
func (t *tree) Close() error { return t.root.Close() }

// path is where name lies in the file system.
func (t *tree) path(name string) string {
	if name == "" {
		return t.root.Path()
	}
	return strings.TrimSuffix(t.root.Path(), "/") + "/" + name
}

// walk follows path, which has no first slash, to the first file on it, or to the directory that all of it names. With
// an error, the entry's name is how far it got.
func (t *tree) walk(path string) (entry, error) {
	for end := 0; ; end++ {
		if next := strings.IndexByte(path[end:], '/'); next >= 0 {
			end += next
		} else {
			end = len(path)
		}
		name := path[:end]
		info, err := t.root.Stat(name)
		if err != nil || !info.IsDir() {
			return entry{name: name, info: info}, err
		}
		if end >= len(path)-1 {
			return entry{name: name, info: info}, nil
		}
	}
}

// run is the Target for the script name, which is where rest begins, after its first slash.
func (t *tree) run(prefix, rest, name string) Target {
	end := 1 + len(name)
	return Target{Kind: Run, Script: cgispec.Script{
		Name:     prefix + rest[:end],
		PathInfo: rest[end:],
		Filename: t.path(name),
		Root:     t.root.Path(),
	}}
}

// canonical says whether rest is "" or a path that has no empty, "." or ".." segment and no NUL. Whoever calls has seen
// to it; a resolver that took it on trust would be the hole.
func canonical(rest string) bool {
	if rest == "" || rest == "/" {
		return true
	}
	if rest[0] != '/' || strings.IndexByte(rest, 0) >= 0 {
		return false
	}
	for segment := range strings.SplitSeq(strings.TrimSuffix(rest[1:], "/"), "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func executable(info fs.FileInfo) bool { return info.Mode()&0o111 != 0 }

// hasExt says whether a name ends in one of the extensions, byte for byte. A name that is nothing but an extension has
// it: better run ".php" than show it.
func hasExt(name string, exts []string) bool {
	for _, ext := range exts {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}

// isBackup says whether name is a copy that an editor or a person left beside a script: shown as text it would be the
// script's source.
func isBackup(name string, exts []string) bool {
	base := name[strings.LastIndexByte(name, '/')+1:]
	if saved, ok := strings.CutSuffix(base, "#"); ok && saved != "" && saved[0] == '#' {
		return hasExt(saved, exts)
	}
	for _, mark := range [...]string{"~", ".bak", ".old", ".orig", ".save"} {
		if saved, ok := strings.CutSuffix(base, mark); ok {
			return hasExt(saved, exts)
		}
	}
	return false
}

// missing says whether an error means that the path names nothing: links in a circle lead nowhere either.
func missing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ENAMETOOLONG) ||
		errors.Is(err, syscall.ELOOP)
}
