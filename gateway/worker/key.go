package worker

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Key identifies what s keeps: pools of equal keys are interchangeable. The functions of s are not a part of it, nor is
// the version of its program: see Registry.Outdated.
func (s Spec) Key() string {
	s = s.filled()
	h := sha256.New()
	p := &s.Process
	fmt.Fprintf(h, "%q %q %q %q %q %v %d", s.Name, p.Path, p.Args, p.Env, p.Dir, p.Limits, p.Priority)
	if p.User != nil {
		fmt.Fprintf(h, " user %d %d %d", p.User.UID, p.User.GID, p.User.Groups)
	}
	if p.Umask != nil {
		fmt.Fprintf(h, " umask %d", *p.Umask)
	}
	fmt.Fprintf(h, " %d %d %d %d %d %d", s.Workers, s.Concurrency, s.Keep, s.StartTimeout, s.StopTimeout, s.BusyTimeout)
	return hex.EncodeToString(h.Sum(nil))
}

// Version tells the program's file, and files that its arguments name, as they are now, from what they were and will be.
func (s Spec) Version() string {
	h := sha256.New()
	p := &s.Process
	identify(h, p.Path)
	for i, arg := range p.Args {
		if i > 0 {
			identifyArgument(h, p.Dir, arg)
		}
	}
	return hex.EncodeToString(h.Sum(nil))
}

// identify writes down which file path leads to, and in which version.
func identify(w io.Writer, path string) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		fmt.Fprint(w, " none")
		return
	}
	stat := info.Sys().(*syscall.Stat_t)
	fmt.Fprintf(w, " file %d %d %d %d", stat.Dev, stat.Ino, info.Size(), info.ModTime().UnixNano())
}

// identifyArgument is for programs that are run by another, [perl, app.pl]: only the argument tells of a new version.
func identifyArgument(w io.Writer, dir, arg string) {
	identify(w, absolute(dir, arg))
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}
