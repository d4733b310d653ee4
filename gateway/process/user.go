package process

import (
	"io/fs"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// credential is nil for who runs this process already: then no right to change it is needed.
func (u *User) credential() *syscall.Credential {
	if u == nil || u.isCurrent() {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
}

// isCurrent is for an unprivileged process, which could not change its groups anyway.
func (u *User) isCurrent() bool {
	return os.Geteuid() != 0 && u.UID == uint32(os.Geteuid()) && u.GID == uint32(os.Getegid())
}

// give makes the user the owner of the pipes that become a child's descriptors. Whoever opens /dev/stdin or /dev/stderr
// needs the right to open the pipe again, which the descriptor alone does not give.
func (u *User) give(files []uintptr) {
	if u.credential() == nil {
		return
	}
	for _, fd := range files {
		var stat unix.Stat_t
		if unix.Fstat(int(fd), &stat) == nil && stat.Mode&unix.S_IFMT == unix.S_IFIFO {
			unix.Fchown(int(fd), int(u.UID), int(u.GID))
		}
	}
}

// MayBecome says whether this process may start others as u, and end them. nil is always possible.
func MayBecome(u *User) bool {
	return u.credential() == nil || hasCapabilities(unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL)
}

// hasCapabilities looks at the effective set of the calling thread, which all threads share.
func hasCapabilities(capabilities ...uint) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	for _, c := range capabilities {
		if data[c/32].Effective&(1<<(c%32)) == 0 {
			return false
		}
	}
	return true
}

// viewer looks at files with the rights of a user, nil for those of this process.
type viewer struct{ user *User }

// executable asks for the right to execute a file or to search a directory. For another user it judges by the mode
// alone: only the kernel knows what access control lists add.
func (v viewer) executable(path string) bool {
	if v.user == nil {
		return unix.Faccessat(unix.AT_FDCWD, path, unix.X_OK, unix.AT_EACCESS) == nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	return v.user.May(info, 0o1)
}

// May says whether the mode of a file gives the user a right, one of the bits 4 (read), 2 (write) and 1 (execute, or
// search a directory). What access control lists add only the kernel knows.
func (u *User) May(info fs.FileInfo, right fs.FileMode) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	mode := info.Mode().Perm()
	switch {
	case !ok:
		return true
	case u.UID == 0:
		return info.IsDir() || right != 0o1 || mode&0o111 != 0
	case stat.Uid == u.UID:
		return mode&(right<<6) != 0
	case stat.Gid == u.GID || slices.Contains(u.Groups, stat.Gid):
		return mode&(right<<3) != 0
	}
	return mode&right != 0
}

// chmod is what to type so that the user may execute path or search it.
func (v viewer) chmod(path string) string {
	if v.user == nil {
		return "chmod +x " + path
	}
	return "let " + v.user.Name + " in: chmod o+x " + path + ", or give it to a group that " + v.user.Name + " is in"
}

// whom is an object for sentences about missing rights.
func (v viewer) whom() string {
	if v.user == nil {
		return ""
	}
	return " by " + v.user.Name
}

func (v viewer) runner() string {
	if v.user == nil {
		return "the user that runs it"
	}
	return v.user.Name
}

// Unreadable says whether s is a script that its user may execute and not read: the kernel starts its interpreter, and
// that one fails.
func Unreadable(s Spec) (Diagnosis, bool) {
	head, err := readHead(s.Path)
	info, statErr := os.Stat(s.Path)
	if s.User == nil || err != nil || statErr != nil || s.User.May(info, 0o4) {
		return Diagnosis{}, false
	}
	if _, ok := shebang(head); !ok {
		return Diagnosis{}, false
	}
	return Diagnosis{
		Cause: s.Path + " may be executed, but not read by " + s.User.Name + ", and the interpreter must read it",
		Hint:  "let " + s.User.Name + " read it: chmod o+r " + s.Path + ", or give it to a group that " + s.User.Name + " is in",
	}, true
}
