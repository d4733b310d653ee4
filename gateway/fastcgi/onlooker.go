package fastcgi

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/process"
)

// onlooker is what is known of a process of the application that looks for files. The zero value is one of which nothing
// is known.
type onlooker struct {
	pid  int           // 0: unknown
	user *process.User // nil: unknown
	// root is what it sees as "/". nil: nobody may look, and it is taken for the one that this process sees.
	root *os.File
}

func (o *onlooker) close() {
	if o.root != nil {
		o.root.Close()
	}
}

// String is a subject for sentences.
func (o *onlooker) String() string {
	switch {
	case o.user != nil && o.pid > 0:
		return fmt.Sprintf("the application (process %d of %s)", o.pid, o.user.Name)
	case o.user != nil:
		return "the application (of " + o.user.Name + ")"
	}
	return "the application"
}

// findOnlooker finds out who is at the other end of a connection. own is the user of workers that gatewayd has started.
func findOnlooker(c *conn, own *process.User) *onlooker {
	cred := peerCredentials(c)
	switch {
	case cred == nil:
		return &onlooker{}
	case int(cred.Pid) == os.Getpid(): // who has made the socket
		return ownWorker(own)
	case cred.Pid == 0: // of another PID namespace
		return &onlooker{}
	}
	return lookAt(servers(int(cred.Pid), c.RemoteAddr().String()))
}

func ownWorker(own *process.User) *onlooker {
	if own == nil {
		own = userOf(uint32(os.Geteuid()), uint32(os.Getegid()), nil)
	}
	return &onlooker{user: own}
}

// peerCredentials are those of the process that listens, as it was when it began to; nil for TCP.
func peerCredentials(c *conn) (cred *unix.Ucred) {
	if c.LocalAddr().Network() != "unix" {
		return nil
	}
	c.raw.Control(func(fd uintptr) {
		cred, _ = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return cred
}

// servers are the processes that may have answered: those below the one that listens, if there are any. Where one can be
// seen to have the socket as its descriptor 0, as php-fpm's do, those of other pools are left out.
func servers(pid int, socket string) (all []int) {
	below, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	inode := listeningInode(socket)
	var sure []int
	for _, word := range strings.Fields(string(below)) {
		child, err := strconv.Atoi(word)
		if err != nil {
			continue
		}
		all = append(all, child)
		if to, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/0", child)); inode != "" && to == "socket:["+inode+"]" {
			sure = append(sure, child)
		}
	}
	switch {
	case len(sure) > 0:
		return sure
	case len(all) > 0:
		return all
	}
	return []int{pid}
}

// listeningInode is that of the socket which listens at a path; "" if it is not known.
func listeningInode(path string) string {
	const listening = "00010000"
	sockets, _ := os.ReadFile("/proc/net/unix")
	for line := range bytes.Lines(sockets) {
		f := bytes.Fields(line) // number, references, protocol, flags, type, state, inode, path
		if len(f) == 8 && string(f[3]) == listening && string(f[7]) == path {
			return string(f[6])
		}
	}
	return ""
}

// lookAt looks at one of several processes, if they are all of the same user.
func lookAt(pids []int) *onlooker {
	o := &onlooker{}
	for _, pid := range pids {
		u := userOfProcess(pid)
		if u == nil || o.user != nil && o.user.UID != u.UID {
			return &onlooker{}
		}
		o.pid, o.user = pid, u
	}
	o.root, _ = os.OpenFile(fmt.Sprintf("/proc/%d/root", o.pid), unix.O_PATH|unix.O_DIRECTORY, 0)
	return o
}

// userOfProcess is with whose rights a process opens files; nil if that cannot be seen.
func userOfProcess(pid int) *process.User {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return nil
	}
	ids := map[string][]uint32{}
	for line := range strings.Lines(string(status)) {
		name, values, _ := strings.Cut(line, ":")
		if name != "Uid" && name != "Gid" && name != "Groups" {
			continue
		}
		for _, word := range strings.Fields(values) {
			if id, err := strconv.ParseUint(word, 10, 32); err == nil {
				ids[name] = append(ids[name], uint32(id))
			}
		}
	}
	const onFiles = 3 // real, effective, saved, and the one that counts for files
	if len(ids["Uid"]) <= onFiles || len(ids["Gid"]) <= onFiles {
		return nil
	}
	return userOf(ids["Uid"][onFiles], ids["Gid"][onFiles], ids["Groups"])
}

func userOf(uid, gid uint32, groups []uint32) *process.User {
	u := &process.User{Name: fmt.Sprintf("uid %d", uid), UID: uid, GID: gid, Groups: groups}
	if known, err := user.LookupId(strconv.FormatUint(uint64(uid), 10)); err == nil {
		u.Name = known.Username
	}
	return u
}

// stat looks at a file as the process sees it, with the rights of this one.
func (o *onlooker) stat(path string) (fs.FileInfo, error) {
	if o.root == nil {
		return os.Stat(path)
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	fd, err := unix.Openat2(int(o.root.Fd()), path, &how)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	return f.Stat()
}

// may says whether the process has a right, by the mode alone; of one whose user is not known, whether everybody has.
func (o *onlooker) may(info fs.FileInfo, right fs.FileMode) bool {
	if o.user != nil {
		return o.user.May(info, right)
	}
	return info.Mode()&right != 0
}

// obstacles are what keeps the process from reading a file.
type obstacles struct {
	shut    []string // directories that it may not search
	closed  bool     // it may not read the file itself
	missing string   // the first part of the path that does not exist, or is not what it should be
}

func (o *onlooker) obstacles(path string) (all obstacles) {
	all = o.walk(path)
	if o.root != nil && !o.sharesRoot() || all.missing != "" {
		return all
	}
	if target, err := filepath.EvalSymlinks(path); err == nil && target != path {
		behind := o.walk(target)
		for _, dir := range behind.shut {
			if !strings.HasPrefix(path, dir+"/") {
				all.shut = append(all.shut, dir)
			}
		}
	}
	return all
}

// seesThis says whether what was looked at is for certain what the process sees.
func (o *onlooker) seesThis() bool { return o.root != nil || o.user != nil && o.pid == 0 }

func (o *onlooker) sharesRoot() bool {
	theirs, err := o.stat("/")
	ours, oursErr := os.Stat("/")
	return err == nil && oursErr == nil && os.SameFile(theirs, ours)
}

// walk looks at each directory on the way to path, and at the file. It ends where this process sees no further.
func (o *onlooker) walk(path string) (all obstacles) {
	for i := 1; i < len(path); i++ {
		if path[i] != '/' {
			continue
		}
		info, err := o.stat(path[:i])
		switch {
		case absent(err) || err == nil && !info.IsDir():
			all.missing = path[:i]
			return all
		case err != nil:
			return all
		case !o.may(info, 0o1):
			all.shut = append(all.shut, path[:i])
		}
	}
	info, err := o.stat(path)
	switch {
	case absent(err) || err == nil && !info.Mode().IsRegular():
		all.missing = path
	case err == nil:
		all.closed = !o.may(info, 0o4)
	}
	return all
}

func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP)
}
