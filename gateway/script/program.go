package script

import (
	"path/filepath"

	"gatewayd/gateway/cgispec"
)

// Program is a Resolver for one program, or one application, that takes every path of its route.
type Program struct{ file, docRoot string }

// NewProgram returns the Resolver that always runs file, an absolute path: SCRIPT_NAME is the route's prefix, PATH_INFO
// the rest. docRoot is DOCUMENT_ROOT; "" is the program's folder. Whether the file is there is found out by starting it.
func NewProgram(file, docRoot string) *Program {
	if docRoot == "" {
		docRoot = filepath.Dir(file)
	}
	return &Program{file: file, docRoot: docRoot}
}

// NewApplication returns the Resolver for an application of which only the address is known: no file runs.
func NewApplication() *Program { return &Program{} }

// Resolve never asks the file system.
func (p *Program) Resolve(prefix, rest string) (Target, error) {
	if !canonical(rest) {
		return Target{}, notCanonical(prefix, rest)
	}
	return Target{Kind: Run, Script: cgispec.Script{Name: prefix, PathInfo: rest, Filename: p.file, Root: p.docRoot}}, nil
}
