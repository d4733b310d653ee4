package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v4"
)

// Source is where a config's text comes from and what it may refer to. The zero value of each func means the machine's
// own.
type Source struct {
	File   string                      // a path, or "-" with Text from standard input
	Text   []byte                      // nil: read File
	Getenv func(string) (string, bool) // for ${VAR} and the PATH that commands are looked up in; nil: os.LookupEnv
	// Refers is told of each file that the config refers to and whose change is one of the config, there or not, before it
	// is read: error pages, password files, programs of workers; and of each file and directory that it lacks. nil tells
	// nobody.
	Refers func(path string)
	// Took is told of the text that was read; nil tells nobody.
	Took func(text []byte)

	accounts *accounts // nil: the machine's; others are for tests
}

const (
	maxFile     = 4 << 20   // bytes of a config file
	maxEntries  = 1_000_000 // keys and list entries after aliases and merges, so that few bytes cannot become many
	maxMerges   = 100       // "<<" within "<<"
	maxProblems = 1_000     // problems reported of one file
)

// Load reads, decodes and checks a config. The Config is nil exactly if the Problems hold an Error; Warnings may come
// with a Config. It starts nothing and changes nothing.
func Load(src Source) (*Config, Problems) {
	l := newLoader(src)
	cfg := l.load(src.Text)
	problems := l.finish()
	if problems.Failed() {
		return nil, problems
	}
	return cfg, problems
}

// loader is one Load under way: what has been found so far, and what everything in the file is relative to.
type loader struct {
	file   string
	dir    string
	getenv func(string) (string, bool)
	refers func(path string)
	took   func(text []byte)
	source []byte // the file's text

	problems Problems
	tables   map[reflect.Type]*table
	homes    map[string][]string // key -> the tables that know it, for "belongs in"
	computed map[string]bool     // ComputedVars
	merges   int                 // nested "<<" being followed
	entries  int                 // spent of maxEntries
	active   map[*yaml.Node]bool // the collections being decoded, to notice an alias that leads back
	programs map[string]lookup   // what PATH gave, so that a thousand routes look once
	listings map[string][]string // directories read for a suggestion
	accounts *accounts
	users    map[string]*User        // who has been looked up
	texts    map[string]string       // files that have been read, by path
	htpasswd map[string][]Credential // those of them that have been parsed
}

func newLoader(src Source) *loader {
	l := &loader{
		file:     src.File,
		getenv:   src.Getenv,
		refers:   src.Refers,
		took:     src.Took,
		tables:   map[reflect.Type]*table{},
		active:   map[*yaml.Node]bool{},
		computed: map[string]bool{},
		programs: map[string]lookup{},
		listings: map[string][]string{},
		accounts: src.accounts,
		users:    map[string]*User{},
		texts:    map[string]string{},
		htpasswd: map[string][]Credential{},
	}
	for _, name := range ComputedVars() {
		l.computed[name] = true
	}
	if l.getenv == nil {
		l.getenv = os.LookupEnv
	}
	if l.refers == nil {
		l.refers = func(string) {}
	}
	if l.took == nil {
		l.took = func([]byte) {}
	}
	if l.accounts == nil {
		l.accounts = machineAccounts()
	}
	return l
}

func (l *loader) load(text []byte) *Config {
	raw := l.read(text)
	if raw == nil {
		return nil
	}
	l.mergeLevels(raw)
	return l.build(raw)
}

// read decodes the text; nil if it cannot be read at all.
func (l *loader) read(text []byte) *rawConfig {
	var err error
	if l.dir, err = baseDir(l.file); err != nil {
		l.whole("the directory of the file cannot be found: %v", err)
		return nil
	}
	if text == nil {
		if text, err = readFile(l.file, pipeTime); err != nil {
			l.whole("%s", readFailure(l.file, err))
			return nil
		}
	}
	l.source = text
	l.took(text)
	root, ok := l.parse(text)
	if !ok {
		return nil
	}
	if root == nil {
		l.errorAt(Pos{Line: 1, Column: 1}, nil, `the config is empty; write at least routes: { "/*": { static: ./public } }`)
		return nil
	}
	var raw rawConfig
	l.mapping(root, &raw, place{at: posOf(root), key: posOf(root)})
	return &raw
}

// AdminOf is the `admin` of a config, as far as it can be told: of one that does not load too, since that is when an
// operator asks the running server why. Unless it is there and well formed, it is the zero Admin.
func AdminOf(src Source) Admin {
	l := newLoader(src)
	if raw := l.read(src.Text); raw != nil {
		return raw.Admin.v
	}
	return Admin{}
}

// baseDir is what relative paths are relative to: the folder of the file as it was named, not of what a link leads to.
func baseDir(file string) (string, error) {
	if file == "-" || file == "" {
		return os.Getwd()
	}
	abs, err := filepath.Abs(file)
	if err != nil {
		return "", err
	}
	return filepath.Dir(abs), nil
}

// error reports what keeps the file from loading, at the value of p.
func (l *loader) error(p place, format string, args ...any) {
	l.report(Error, p.at, p.path, format, args)
}

// errorAtKey reports it at the key word of p.
func (l *loader) errorAtKey(p place, format string, args ...any) {
	l.report(Error, p.key, p.path, format, args)
}

// warn reports what only deserves a word, at the key word of p.
func (l *loader) warn(p place, format string, args ...any) {
	l.report(Warning, p.key, p.path, format, args)
}

// errorAt reports it at a place of its own.
func (l *loader) errorAt(at Pos, path *keyPath, format string, args ...any) {
	l.report(Error, at, path, format, args)
}

// whole reports what belongs to no line.
func (l *loader) whole(format string, args ...any) { l.report(Error, Pos{}, nil, format, args) }

func (l *loader) report(s Severity, at Pos, path *keyPath, format string, args []any) {
	if l.full() {
		return
	}
	p := Problem{File: l.file, Pos: at, Severity: s, Key: path.String(), Text: fmt.Sprintf(format, args...)}
	if len(l.problems) == maxProblems {
		p = Problem{File: l.file, Text: fmt.Sprintf("there are more than %d problems; the others are not shown", maxProblems)}
	}
	l.problems = append(l.problems, p)
}

// full says whether no further problem will be shown, so that none needs a suggestion.
func (l *loader) full() bool { return len(l.problems) > maxProblems }

// finish puts the problems in the order of the file. What many routes take from one anchor is one problem.
func (l *loader) finish() Problems {
	if len(l.problems) == 0 {
		return nil
	}
	lines := splitLines(string(l.source))
	for i := range l.problems {
		l.problems[i].Pos = inside(lines, l.problems[i].Pos)
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return slices.CompactFunc(l.problems, func(a, b Problem) bool {
		return a.Pos == b.Pos && a.Text == b.Text && a.Severity == b.Severity && a.Pos != Pos{}
	})
}
