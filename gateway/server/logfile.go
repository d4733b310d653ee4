package server

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// writeTime is how long a write to a FIFO may wait for its reader.
const writeTime = time.Second

// logFile is an open target of a log.
type logFile struct {
	*os.File
	shared bool // with others, who go on using it: it is neither closed nor given deadlines
	named  bool // it had a name when it was opened
}

// sharedLogFile is standard output or error.
func sharedLogFile(file *os.File) *logFile { return &logFile{File: file, shared: true} }

// openLogFile opens a file to append to. It does not wait: a FIFO that nobody reads is an error.
func openLogFile(path string) (*logFile, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK|unix.O_NOCTTY, 0o640)
	if err != nil {
		return nil, fmt.Errorf("open the log file: %w", err)
	}
	f := &logFile{File: file}
	f.named = f.links() > 0 // there are file systems that count none
	return f, nil
}

// mayOpenLogFile says what would stop openLogFile, as far as the file's mode and that of its folder tell.
func mayOpenLogFile(path string) error {
	err := unix.Faccessat(unix.AT_FDCWD, path, unix.W_OK, unix.AT_EACCESS)
	if errors.Is(err, unix.ENOENT) {
		err = unix.Faccessat(unix.AT_FDCWD, filepath.Dir(path), unix.W_OK|unix.X_OK, unix.AT_EACCESS)
	}
	if err != nil {
		return fmt.Errorf("open the log file: open %s: %w", path, err)
	}
	return nil
}

// write writes all of p or says how much of it.
func (f *logFile) write(p []byte) (int, error) {
	if f.shared {
		return f.Write(p)
	}
	if f.named && f.links() == 0 {
		return 0, fmt.Errorf("write %s: the file has been removed", f.Name())
	}
	f.SetWriteDeadline(time.Now().Add(writeTime)) // an error where nothing can wait: a regular file
	return f.Write(p)
}

// links is how many names the file has.
func (f *logFile) links() uint64 {
	info, err := f.Stat()
	if err != nil {
		return 0
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0
	}
	return uint64(stat.Nlink)
}

// same says whether both are the same file.
func (f *logFile) same(other *logFile) bool {
	a, errA := f.Stat()
	b, errB := other.Stat()
	return errA == nil && errB == nil && os.SameFile(a, b)
}

func (f *logFile) close() {
	if !f.shared {
		f.Close()
	}
}
