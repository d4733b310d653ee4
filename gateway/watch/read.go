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

// read follows path and reads the file that it leads to. What changes from then on is notified.
func (f *Files) read(path string, known version) reading {
	blind := f.follow(path)
	now, err := read(path, known)
	return reading{now, err, blind}
}

// read is what the file has now; known need not be read again. Of a directory it knows only that it is there. It opens regular files alone: what is read from a pipe is
// gone for whoever it was meant for.
func read(path string, known version) (now version, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return now, err
	}
	if info.IsDir() { // one was missing, perhaps
		return version{content: sha256.Sum256([]byte("directory"))}, nil
	}
	if !info.Mode().IsRegular() {
		return now, errNotRegular
	}
	mark := markOf(info)
	if mark == known.mark && mark.certain(time.Now()) {
		return known, nil
	}
	content := sha256.Sum256(fmt.Append(nil, mark))
	if mark.size <= maxContent {
		content, err = digest(path)
	}
	if err != nil {
		return now, err
	}
	return version{mark, content}, nil
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
