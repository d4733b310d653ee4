package docroot

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ReadDir lists the directory name, as Open takes it: what Open would find there, in the directory's own order, so
// neither hidden names nor FIFOs, sockets, devices, dangling links and links out of the root. A link is listed as what
// it leads to. Names are bytes, in no particular encoding. It looks at no more than limit names; more says that the
// directory has others. The errors are those of Open.
func (r *Root) ReadDir(name string, limit int) (entries []fs.FileInfo, more bool, err error) {
	dir, info, err := r.Open(name)
	if err != nil {
		return nil, false, err
	}
	defer dir.Close()
	if !info.IsDir() {
		return nil, false, explain(syscall.ENOTDIR)
	}
	names, err := dir.Readdirnames(limit + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, false, explain(err)
	}
	if more = len(names) > limit; more {
		names = names[:limit]
	}
	for _, entry := range names {
		if info := r.entry(dir, name, entry); info != nil {
			entries = append(entries, info)
		}
	}
	return entries, more, nil
}

// entry is what Open would find under a name in the open directory, nil if that is nothing.
func (r *Root) entry(dir *os.File, folder, name string) fs.FileInfo {
	path := name
	if folder != "" {
		path = folder + "/" + name
	}
	if !r.reachable(path) {
		return nil
	}
	// Asking the open directory is one system call instead of four.
	i := &info{name: name}
	if lstatIn(dir, name, &i.st) != nil {
		return nil
	}
	if i.st.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		info, err := r.Stat(path)
		if err != nil {
			return nil
		}
		return info
	}
	if !i.servable() {
		return nil
	}
	return i
}

func lstatIn(dir *os.File, name string, st *syscall.Stat_t) error {
	raw, err := dir.SyscallConn()
	if err != nil {
		return err
	}
	var at unix.Stat_t
	if controlErr := raw.Control(func(fd uintptr) {
		err = retry(func() error { return unix.Fstatat(int(fd), name, &at, unix.AT_SYMLINK_NOFOLLOW) })
	}); controlErr != nil {
		return controlErr
	}
	*st = syscall.Stat_t{
		Dev: at.Dev, Ino: at.Ino, Nlink: at.Nlink, Mode: at.Mode, Uid: at.Uid, Gid: at.Gid, Rdev: at.Rdev,
		Size: at.Size, Blksize: at.Blksize, Blocks: at.Blocks,
		Atim: syscall.Timespec(at.Atim), Mtim: syscall.Timespec(at.Mtim), Ctim: syscall.Timespec(at.Ctim),
	}
	return err
}
