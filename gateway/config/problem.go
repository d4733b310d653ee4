package config

import (
	"fmt"
	"strings"
)

// Severity tells what keeps a config from loading from what only deserves a word.
type Severity int

// An Error keeps the config from loading; a Warning does not.
const (
	Error Severity = iota
	Warning
)

func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Problem is one thing that is wrong, or odd, in a config file.
type Problem struct {
	File     string
	Pos      Pos
	Severity Severity
	Key      string // "routes./app/*.cgi.run"; "" for the file as a whole
	Text     string // what is wrong and what to write instead
}

// String is the contract's form: FILE:LINE:COL: error|warning: KEY.PATH: text.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Pos.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Pos.Line, p.Pos.Column)
	}
	fmt.Fprintf(&b, ": %s: ", p.Severity)
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems is all that Load found, in the order of the file. As an error it is every line.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Failed says whether any of the problems is an Error.
func (ps Problems) Failed() bool {
	for _, p := range ps {
		if p.Severity == Error {
			return true
		}
	}
	return false
}

// Lines are the problems, a line for each.
func (p Problems) Lines() []string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return lines
}
