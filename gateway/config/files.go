package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// contents reads a file that the config refers to, written as s; what it is for ends a sentence about its size. The
// Config holds what was read, so that a changed file is a changed Config.
func (l *loader) contents(s, purpose string, limit int64, p place) (path, text string, ok bool) {
	if s == "" {
		l.error(p, "the path of a file is missing here")
		return "", "", false
	}
	path = l.abs(s)
	text, known := l.texts[path]
	if !known {
		l.refers(path)
		if text, ok = l.regular(path, s, limit+1, p); !ok {
			return "", "", false
		}
	}
	if int64(len(text)) > limit {
		l.error(p, "%s has more than %s; %s may have that much at most", quote(s), formatSize(limit), purpose)
		return "", "", false
	}
	l.texts[path] = text
	return path, text, true
}

// stat is os.Stat of what the config cannot do without: of what is missing it tells, and then looks again, since it may
// have come before anybody watched.
func (l *loader) stat(path string) (os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		l.refers(path)
		info, err = os.Stat(path)
	}
	return info, err
}

// regular reads the first bytes of a regular file at path, written as s.
func (l *loader) regular(path, s string, limit int64, p place) (string, bool) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		l.absent(path, s, err, p)
		return "", false
	case !info.Mode().IsRegular():
		l.error(p, "%s is %s; a file is needed here", quote(s), kindOfFile(info.Mode()))
		return "", false
	}
	text, err := readAtMost(path, limit)
	switch {
	case errors.Is(err, fs.ErrPermission):
		l.error(p, "%s may not be read by this user; see its mode and owner with ls -l %s", quote(s), shellWord(path))
	case err != nil:
		l.error(p, "%s cannot be read: %v", quote(path), err)
	}
	return text, err == nil
}

// readAtMost reads the first bytes of a file. It does not wait for a FIFO that has been put in its place.
func readAtMost(path string, limit int64) (string, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit))
	return string(text), err
}

// refersToWorkers tells of the files whose change makes another program of a route's workers: the program, and what its
// arguments name, as in [perl, app.pl], or would name if it were there.
func (l *loader) refersToWorkers(r *Route) {
	if r.FastCGI == nil || len(r.FastCGI.Run) == 0 {
		return
	}
	run := r.FastCGI.Run
	l.refers(run[0])
	if r.WSGI != nil && r.WSGI.File != "" {
		l.refers(r.WSGI.File)
	}
	for _, arg := range run[1:] {
		path := arg
		if !filepath.IsAbs(path) {
			path = filepath.Join(r.WorkersDir(), path)
		}
		info, err := os.Stat(path)
		if err == nil && info.Mode().IsRegular() || errors.Is(err, fs.ErrNotExist) && !strings.HasPrefix(arg, "-") {
			l.refers(path)
		}
	}
}
