package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v4"
)

// commandValue is what a route runs: a program with its arguments, or a directory of scripts. Its rule is the handler:
// a directory is for cgi alone.
type commandValue struct {
	value[[]string]
	dir    bool   // it is one word, and names a directory
	inPath bool   // its first word was looked up in PATH
	noExec string // why the program itself cannot be executed; an interpreter may run it all the same
}

func (v *commandValue) decode(l *loader, n *yaml.Node, f *field, p place) {
	words, at := l.words(n, p)
	if len(words) == 0 {
		return
	}
	if why := l.notAProgram(words[0], f, p); why != "" {
		l.error(slices.Concat(at, []place{p})[0], "%s", why)
		return
	}
	v.read(l, words, at, p)
	switch {
	case v.dir && f.rule != "cgi":
		l.error(v.place, "%s", l.directoryOfScripts(words[0], v.v[0]))
		v.v = nil
	case v.dir && len(words) > 1:
		l.error(at[1], "%s is a directory, and a directory takes no arguments; name a program in it", quote(words[0]))
	}
}

// read checks the first word; at is nil if it is the only one, as the usual form has it.
func (v *commandValue) read(l *loader, words []string, at []place, p place) {
	if at == nil {
		v.scalar(l, words[0], p)
		return
	}
	first, ok := "", true
	if strings.Contains(words[0], "/") {
		first, ok = v.path(l, words[0], at[0])
	} else {
		v.inPath = true
		first, ok = l.program(words[0], at[0])
	}
	if ok {
		v.v = append([]string{first}, words[1:]...)
	}
}

// scalar is the usual form: one path, relative to the config file even without a slash.
func (v *commandValue) scalar(l *loader, s string, p place) {
	if head, _, ok := strings.Cut(s, " "); ok && !exists(l.abs(s)) && (exists(l.abs(head)) || !strings.Contains(head, "/")) {
		l.error(p, "there is no program of this name; a command with arguments is a list: run: [%s]", strings.Join(strings.Fields(s), ", "))
		return
	}
	if !strings.Contains(s, "/") && !exists(l.abs(s)) && l.searchPath(s).ok {
		l.error(p, "there is no %s; for the program in PATH write run: [%s]", quote(l.abs(s)), s)
		return
	}
	if path, ok := v.path(l, s, p); ok {
		v.v = []string{path}
	}
}

// path checks the first word, which is a path.
func (v *commandValue) path(l *loader, s string, p place) (path string, ok bool) {
	path, v.dir, ok = l.programOrDir(s, p)
	v.place.at, v.place.path = p.at, p.path
	if ok && !v.dir {
		v.noExec = notExecutable(path, s)
	}
	return path, ok
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// words reads a command: a scalar (at is nil then) or a list. Variables are replaced in the first word alone, so that
// what follows reaches the program as it is written. It is empty when something was wrong.
func (l *loader) words(n *yaml.Node, p place) (words []string, at []place) {
	if target, ok := l.target(n, p); !ok {
		return nil, nil
	} else if target.Kind != yaml.SequenceNode {
		s, ok := l.text(n, p)
		if ok && s == "" {
			l.error(p, "the command is empty; write the path of a program")
			return nil, nil
		}
		if !ok {
			return nil, nil
		}
		return []string{s}, nil
	}
	good := true
	l.list(n, p, func(n *yaml.Node, p place) {
		read := l.raw
		if len(at) == 0 {
			read = l.text
		}
		s, ok := read(n, p)
		if ok && s == "" && len(at) == 0 {
			l.error(p, "the command is empty; write the path of a program")
			ok = false
		}
		good = good && ok
		words, at = append(words, s), append(at, p)
	})
	if len(at) == 0 && good {
		l.error(p, "the command is empty; write the path of a program, and its arguments if it takes any")
	}
	if !good {
		return nil, nil
	}
	return words, at
}

// program is the absolute path of the first word of a command: with a slash relative to the config file, without one
// looked up in PATH.
func (l *loader) program(word string, p place) (string, bool) {
	if !strings.Contains(word, "/") {
		return l.inPath(word, p)
	}
	path, dir, ok := l.programOrDir(word, p)
	why := ""
	switch {
	case !ok:
		return "", false
	case dir:
		why = quote(word) + " is a directory; a program is needed here"
	default:
		why = l.unfit(path, word)
	}
	if why != "" {
		l.error(p, "%s", why)
	}
	return path, why == ""
}

// programOrDir checks what a path names: a directory or a regular file.
func (l *loader) programOrDir(s string, p place) (path string, dir, ok bool) {
	path = l.abs(s)
	info, err := l.stat(path)
	switch {
	case err != nil:
		l.absent(path, s, err, p)
	case info.IsDir():
		return path, true, true
	case !info.Mode().IsRegular():
		l.error(p, "%s is %s; a program or a directory is needed here", quote(s), kindOfFile(info.Mode()))
	default:
		return path, false, true
	}
	return "", false, false
}

// unfit is notExecutable of a program that the config cannot do without: chmod may come.
func (l *loader) unfit(path, s string) string {
	if notExecutable(path, s) == "" {
		return ""
	}
	l.refers(path)
	return notExecutable(path, s)
}

// notExecutable says why the file at path, written as s, cannot be executed; "" if it can.
func notExecutable(path, s string) string {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.Mode()&0o111 == 0:
		return quote(s) + " is not executable; run chmod +x " + shellWord(path)
	case syscall.Access(path, executeAccess) != nil:
		return quote(s) + " may not be executed by this user; see its mode and owner with ls -l " + shellWord(path)
	}
	return ""
}

// executeAccess is X_OK of access(2).
const executeAccess = 1

// lookup is what PATH gave for a word.
type lookup struct {
	path string
	ok   bool
}

func (l *loader) inPath(word string, p place) (string, bool) {
	found, known := l.programs[word]
	if !known {
		found = l.searchPath(word)
		l.programs[word] = found
	}
	if !found.ok {
		l.error(p, "%s is not in PATH; %s", quote(word), l.installHint(word))
	}
	return found.path, found.ok
}

// searchPath looks in absolute folders only: what "." is depends on who starts gatewayd from where.
func (l *loader) searchPath(word string) lookup {
	list, _ := l.getenv("PATH")
	for _, dir := range filepath.SplitList(list) {
		if !filepath.IsAbs(dir) {
			continue
		}
		path := filepath.Join(dir, word)
		if isProgram(path) {
			return lookup{path, true}
		}
	}
	return lookup{}
}

func (l *loader) installHint(word string) string {
	if info, err := os.Stat(l.abs(word)); err == nil && !info.IsDir() {
		return "for the file beside the config file write " + quote("./"+word)
	}
	if word == "python" && l.searchPath("python3").ok {
		return `did you mean "python3"?`
	}
	return "install it, or write its whole path"
}

// isProgram says whether this user can execute the file.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && syscall.Access(path, executeAccess) == nil
}

// abs is a path of the file as an absolute one.
func (l *loader) abs(s string) string {
	if filepath.IsAbs(s) {
		return filepath.Clean(s)
	}
	return filepath.Join(l.dir, s)
}

// directory checks that s names a directory and makes it absolute.
func (l *loader) directory(s string, p place) (string, bool) {
	if s == "" {
		l.error(p, `the path of a directory is missing here; the config file's own is "."`)
		return "", false
	}
	path := l.abs(s)
	info, err := l.stat(path)
	switch {
	case err != nil:
		l.absent(path, s, err, p)
	case !info.IsDir():
		l.error(p, "%s is %s; a directory is needed here", quote(s), kindOfFile(info.Mode()))
	default:
		return path, true
	}
	return "", false
}

// absent reports that stat of path, written as s, failed.
func (l *loader) absent(path, s string, err error, p place) {
	switch {
	case errors.Is(err, fs.ErrPermission):
		l.error(p, "%s cannot be reached by this user; see the modes of the folders above it", quote(path))
	case errors.Is(err, syscall.ELOOP):
		l.error(p, "%s is a symbolic link that leads back to itself", quote(path))
	case errors.Is(err, syscall.ENOTDIR):
		l.error(p, "there is no %s: a part of the path is a file, not a directory", quote(path))
	case !errors.Is(err, fs.ErrNotExist):
		l.error(p, "%s cannot be read: %v", quote(path), errors.Unwrap(err))
	case strings.HasPrefix(s, "~"):
		l.error(p, `there is no %s; "~" stands for nothing here, write the whole path or "${HOME}"`, quote(path))
	case isDangling(path):
		l.error(p, "%s is a symbolic link to something that is not there", quote(path))
	default:
		l.error(p, "there is no %s%s", quote(path), l.nearFile(path))
	}
}

func isDangling(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// nearFile is the end of the sentence "there is no X": the folder that is missing already, or a name that is close.
func (l *loader) nearFile(path string) string {
	if l.full() {
		return ""
	}
	dir, name := filepath.Split(path)
	dir = filepath.Clean(dir)
	names, read := l.listings[dir]
	if !read {
		var err error
		if names, err = namesIn(dir); errors.Is(err, fs.ErrNotExist) && dir != l.dir {
			return ", nor the directory it should be in"
		}
		l.listings[dir] = names
	}
	if meant := didYouMean(name, names); meant != "" {
		return meant
	}
	return "; put it there or correct the path"
}

// namesIn reads so much of a directory as a suggestion is worth.
func namesIn(dir string) ([]string, error) {
	const enough = 1000
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, _ := f.Readdirnames(enough)
	return names, nil
}

func kindOfFile(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "a file"
	case m.IsDir():
		return "a directory"
	case m&fs.ModeNamedPipe != 0:
		return "a FIFO"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	}
	return "a special file"
}

// shellWord is a path as one may paste it into a shell.
func shellWord(s string) string {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("/._-+,@%:=", c) >= 0 || c >= 0x80) {
			return "'" + strings.ReplaceAll(oneLine(s), "'", `'\''`) + "'"
		}
	}
	return s
}
