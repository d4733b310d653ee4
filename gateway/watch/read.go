package watch

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// maxContent is how much of a file is worth reading to compare it. A larger one, such as a program, has changed when its
// mark has.
const maxContent = 4 << 20

// mark is what tells a version of a file without reading it.
type mark struct {
	dev, ino     uint64
	size         int64
	mtime, ctime syscall.Timespec
}

// tick is how long a file may change again without another mark: file systems do not keep time more precisely.
const tick = 2 * time.Second

func (m mark) certain(now time.Time) bool {
	return m != mark{} && now.Sub(time.Unix(m.mtime.Unix())) > tick && now.Sub(time.Unix(m.ctime.Unix())) > tick
}

var errNotRegular = errors.New("not a regular file")

// read is what the file has now. It opens regular files alone: what is read from a pipe is gone for whoever it was meant
// for.
func (f *file) read() (now mark, content sum, err error) {
	info, err := os.Stat(f.path)
	if err != nil {
		return now, content, err
	}
	if !info.Mode().IsRegular() {
		return now, content, errNotRegular
	}
	now = markOf(info)
	if now == f.mark && now.certain(time.Now()) {
		return now, f.seen, nil
	}
	if now.size > maxContent {
		return now, sha256.Sum256(fmt.Append(nil, now)), nil
	}
	content, err = digest(f.path)
	return now, content, err
}

func markOf(info os.FileInfo) mark {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return mark{}
	}
	return mark{dev: stat.Dev, ino: stat.Ino, size: stat.Size, mtime: stat.Mtim, ctime: stat.Ctim}
}

// digest reads a file that was a regular one a moment ago.
func digest(path string) (content sum, err error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return content, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return content, err
	}
	if !info.Mode().IsRegular() {
		return content, errNotRegular
	}
	h := sha256.New()
	fmt.Fprint(h, info.Mode()&0o111) // a program that may be run at last has changed, too
	if _, err := io.Copy(h, io.LimitReader(file, maxContent+1)); err != nil {
		return content, err
	}
	h.Sum(content[:0])
	return content, nil
}
