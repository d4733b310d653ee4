package docroot

import (
	"io/fs"
	"strings"
	"syscall"
	"time"
)

// info is an fs.FileInfo that comes from a descriptor. Sys is a *syscall.Stat_t.
type info struct {
	name string
	st   syscall.Stat_t
}

func statOf(fd int, name string) (*info, error) {
	i := &info{name: base(name)}
	if err := retry(func() error { return syscall.Fstat(fd, &i.st) }); err != nil {
		return nil, err
	}
	return i, nil
}

func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// servable says whether it is something to read from: a regular file or a directory.
func (i *info) servable() bool {
	kind := i.st.Mode & syscall.S_IFMT
	return kind == syscall.S_IFREG || kind == syscall.S_IFDIR
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.st.Size }
func (i *info) ModTime() time.Time { return time.Unix(i.st.Mtim.Unix()) }
func (i *info) IsDir() bool        { return i.st.Mode&syscall.S_IFMT == syscall.S_IFDIR }
func (i *info) Sys() any           { return &i.st }

func (i *info) Mode() fs.FileMode {
	mode := fs.FileMode(i.st.Mode & 0o777)
	switch i.st.Mode & syscall.S_IFMT {
	case syscall.S_IFDIR:
		mode |= fs.ModeDir
	case syscall.S_IFLNK:
		mode |= fs.ModeSymlink
	case syscall.S_IFIFO:
		mode |= fs.ModeNamedPipe
	case syscall.S_IFSOCK:
		mode |= fs.ModeSocket
	case syscall.S_IFBLK:
		mode |= fs.ModeDevice
	case syscall.S_IFCHR:
		mode |= fs.ModeDevice | fs.ModeCharDevice
	}
	for _, special := range [...]struct {
		bit  uint32
		mode fs.FileMode
	}{{syscall.S_ISUID, fs.ModeSetuid}, {syscall.S_ISGID, fs.ModeSetgid}, {syscall.S_ISVTX, fs.ModeSticky}} {
		if i.st.Mode&special.bit != 0 {
			mode |= special.mode
		}
	}
	return mode
}
