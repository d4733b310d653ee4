package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Diagnosis says in plain words why a program could not be started.
type Diagnosis struct {
	Cause string // what is wrong, naming the file that it is about
	Hint  string // what to do about it; may be empty
	// NotExecutable says that the program's own file lacks the permission to be executed.
	NotExecutable bool
	// Busy says that the machine is short of something and may have it again in a moment.
	Busy bool
}

// notPrepared is about what a process does before it executes the program.
func notPrepared(s *Spec, err error, errno unix.Errno) (Diagnosis, bool) {
	var failed *stageError
	switch {
	case errno == unix.EPERM && !MayBecome(s.User):
		return notRoot(s.User), true
	case !errors.As(err, &failed):
		return Diagnosis{}, false
	case failed.stage == stageLimits:
		return Diagnosis{Cause: "its limits could not be set: " + errno.Error(), Hint: "the hard limit of gatewayd itself is lower: raise that one (Limit...= in a systemd unit, --ulimit of a container) or lower `rlimits`; without CAP_SYS_RESOURCE not even root can go above it"}, true
	case failed.stage == stagePriority:
		return Diagnosis{Cause: "its priority could not be set: " + errno.Error(), Hint: "only root may set a `priority` below that of gatewayd itself"}, true
	case failed.stage == stageUser:
		return Diagnosis{Cause: "it could not be given to its user: " + errno.Error()}, true
	}
	return Diagnosis{}, false
}

func notRoot(u *User) Diagnosis {
	return Diagnosis{Cause: "it is to run as " + u.Name + ", and only root may start programs as another user", Hint: "start gatewayd as root, or with CAP_SETUID, CAP_SETGID and CAP_KILL, or take `user` out"}
}

// Explain finds out why s could not be started with the error err of Start. It looks at the files as they are now, with
// the rights of this process, and reads no more of them than their head.
func Explain(s Spec, err error) Diagnosis {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return Diagnosis{Cause: err.Error()}
	}
	if d, ok := shortage(errno); ok {
		return d
	}
	if d, ok := notPrepared(&s, err, errno); ok {
		return d
	}
	v := viewer{s.User}
	if d, ok := v.badDir(s.Dir); ok {
		return d
	}
	if strings.Contains(s.Path+strings.Join(s.Args, "")+strings.Join(s.Env, ""), "\x00") {
		return Diagnosis{Cause: "a NUL byte in one of its variables or arguments, where none can be"}
	}
	var d Diagnosis
	ok := false
	switch errno {
	case unix.ENOENT, unix.ENOTDIR, unix.ELOOP, unix.ENAMETOOLONG, unix.EACCES, unix.EPERM:
		if d, ok = v.badPath(s.Path); !ok {
			d, ok = v.badInterpreter(s.Path, errno)
		}
	case unix.ENOEXEC, unix.ELIBBAD, unix.EINVAL:
		d, ok = badFormat(s.Path)
	}
	if !ok {
		return Diagnosis{Cause: "the system refused to run " + s.Path + ": " + errno.Error()}
	}
	return d
}

// shortage is about the machine and its limits, and not about any file.
func shortage(errno unix.Errno) (Diagnosis, bool) {
	switch errno {
	case unix.EAGAIN:
		return Diagnosis{Busy: true, Cause: "the limit of processes is reached", Hint: "raise the limit of processes (ulimit -u, TasksMax= in a systemd unit, pids.max of a container) or run fewer programs at once"}, true
	case unix.ENOMEM:
		return Diagnosis{Busy: true, Cause: "there is no memory left for another process", Hint: "give the machine or container more memory, or run fewer programs at once"}, true
	case unix.EMFILE:
		return Diagnosis{Busy: true, Cause: "this server has as many files open as it may", Hint: "raise the limit of open files (ulimit -n, LimitNOFILE= in a systemd unit)"}, true
	case unix.ENFILE:
		return Diagnosis{Busy: true, Cause: "the machine has as many files open as it can", Hint: "raise fs.file-max (sysctl)"}, true
	case unix.ETXTBSY:
		return Diagnosis{Busy: true, Cause: "the program's file is open for writing", Hint: "deploy a program by writing it beside the old one and renaming it over that"}, true
	case unix.E2BIG:
		return Diagnosis{Cause: "its variables and arguments are together larger than the system allows, or one of them is larger than 128 KiB", Hint: "shorten the values in `env`, or take smaller requests: `http: {max_header, max_uri}`"}, true
	}
	return Diagnosis{}, false
}

func (v viewer) badDir(dir string) (Diagnosis, bool) {
	if dir == "" {
		return Diagnosis{}, false
	}
	if d, ok := v.badParent(dir); ok {
		d.Cause = "its working directory " + dir + " cannot be used: " + d.Cause
		if d.Hint == "" {
			d.Hint = "create it, or name another one with `dir`"
		}
		return d, true
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Diagnosis{Cause: "its working directory " + dir + " does not exist", Hint: "create it, or name another one with `dir`"}, true
	case err != nil:
		return Diagnosis{Cause: "its working directory " + dir + " cannot be used: " + reason(err), Hint: "name another one with `dir`"}, true
	case !info.IsDir():
		return Diagnosis{Cause: "its working directory " + dir + " is not a directory", Hint: "name another one with `dir`"}, true
	case !v.executable(dir):
		return Diagnosis{Cause: "its working directory " + dir + " may not be entered" + v.whom(), Hint: v.chmod(dir) + ", or name another one with `dir`"}, true
	}
	return Diagnosis{}, false
}

// badParent finds the first directory on the way to path that is missing or may not be searched.
func (v viewer) badParent(path string) (Diagnosis, bool) {
	for i := 1; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		dir := path[:i]
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return Diagnosis{Cause: "the directory " + dir + " does not exist"}, true
		case err != nil:
			return Diagnosis{Cause: "the directory " + dir + " cannot be used: " + reason(err)}, true
		case !info.IsDir():
			return Diagnosis{Cause: dir + " is not a directory"}, true
		case !v.executable(dir):
			return Diagnosis{Cause: "the directory " + dir + " may not be searched" + v.whom(), Hint: v.chmod(dir)}, true
		}
	}
	return Diagnosis{}, false
}

// badPath is about the program's own file.
func (v viewer) badPath(path string) (Diagnosis, bool) {
	if d, ok := v.badParent(path); ok {
		return d, true
	}
	cause, hint, ok := v.notRunnable(path)
	info, err := os.Stat(path)
	noBit := err == nil && info.Mode().IsRegular() && info.Mode()&0o111 == 0
	return Diagnosis{Cause: cause, Hint: hint, NotExecutable: noBit}, ok
}

// notRunnable says why the file at path cannot be executed, whatever is in it.
func (v viewer) notRunnable(path string) (cause, hint string, ok bool) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if to, err := os.Readlink(path); err == nil {
			return path + " is a symbolic link to " + to + ", which does not exist", "", true
		}
		return path + " does not exist", "", true
	case err != nil:
		return path + " cannot be used: " + reason(err), "", true
	case info.IsDir():
		return path + " is a directory", "", true
	case !info.Mode().IsRegular():
		return path + " is not a regular file", "", true
	case info.Mode()&0o111 == 0:
		return path + " is not executable", "chmod +x " + path, true
	case noexecMount(path):
		return path + " is on a file system that is mounted noexec", "move it elsewhere or mount that file system without noexec", true
	case !v.executable(path):
		return path + " may not be executed by " + v.runner(), v.chmod(path), true
	}
	return "", "", false
}

func noexecMount(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Flags&unix.ST_NOEXEC != 0
}

// badInterpreter is about what the program needs to run: the file itself is there and executable.
func (v viewer) badInterpreter(path string, errno unix.Errno) (Diagnosis, bool) {
	head, err := readHead(path)
	if err != nil {
		return Diagnosis{}, false
	}
	if isELF(head) {
		return v.missingLoader(path, path)
	}
	line, ok := shebang(head)
	if !ok {
		return Diagnosis{}, false
	}
	if d, ok := carriageReturn(path, line); ok {
		return d, true
	}
	interpreter, _ := line.split()
	if d, ok := v.badParent(interpreter); ok {
		d.Cause = fmt.Sprintf("%s asks for the interpreter %q: %s", path, interpreter, d.Cause)
		d.Hint = interpreterHint(path, interpreter, d.Hint)
		return d, true
	}
	if cause, hint, ok := v.notRunnable(interpreter); ok {
		return Diagnosis{Cause: fmt.Sprintf("%s asks for the interpreter %q: %s", path, interpreter, cause), Hint: interpreterHint(path, interpreter, hint)}, true
	}
	if errno == unix.ELOOP {
		return Diagnosis{Cause: path + " leads through too many interpreters, each of them a script", Hint: "name the last one in the #! line"}, true
	}
	return v.missingLoader(path, interpreter)
}

func interpreterHint(path, interpreter, hint string) string {
	if hint != "" {
		return hint
	}
	return fmt.Sprintf("install %s or correct the first line of %s", filepath.Base(interpreter), path)
}

// missingLoader is about the dynamic loader that the ELF file asks for, with which path is run.
func (v viewer) missingLoader(path, file string) (Diagnosis, bool) {
	loader, err := elfLoader(file)
	if err != nil || loader == "" {
		return Diagnosis{}, false
	}
	cause, _, ok := v.notRunnable(loader)
	if !ok {
		return Diagnosis{}, false
	}
	d := Diagnosis{Cause: fmt.Sprintf("%s needs the loader %s: %s", file, loader, cause), Hint: "it was built for another system: install its libraries, or build it here or statically"}
	if strings.Contains(loader, "musl") {
		d.Hint = "it was built with musl: install musl, or build it here or statically"
	}
	if file != path {
		d.Cause = path + " cannot be run: " + d.Cause
	}
	return d, true
}

// reason is the system's word in err, without the path.
func reason(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return err.Error()
}

// Check looks for what would keep s from being started, without starting it. What it does not find may still be there.
func Check(s Spec) (Diagnosis, bool) {
	if !MayBecome(s.User) {
		return notRoot(s.User), true
	}
	v := viewer{s.User}
	if d, ok := v.badDir(s.Dir); ok {
		return d, true
	}
	if d, ok := v.badPath(s.Path); ok {
		return d, true
	}
	if d, ok := v.badInterpreter(s.Path, 0); ok {
		return d, true
	}
	if d, ok := Unreadable(s); ok {
		return d, true
	}
	head, err := readHead(s.Path)
	if err != nil {
		return Diagnosis{}, false // a program may be run without the right to read it
	}
	if isELF(head) {
		return wrongELF(s.Path)
	}
	if _, ok := shebang(head); ok {
		return Diagnosis{}, false
	}
	return badFormat(s.Path)
}
