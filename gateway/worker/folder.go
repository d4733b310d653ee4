package worker

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	folderName = "gatewayd-workers."
	// maxPath is what the kernel takes as the path of a socket.
	maxPath = 107
	// maxSlotName is the longest name of a socket in its folder.
	maxSlotName = len("/") + len("9999999999") + len(socketName)
	socketName  = ".sock"
)

// folder is a directory for sockets that only its owner may enter. It is locked as long as it is in use: neither the
// next gatewayd nor systemd-tmpfiles take it for a leftover. The zero folder is made when it is first needed.
type folder struct {
	parent string // where it is to be; "" is the directory for temporary files

	mu   sync.Mutex
	path string
	lock *os.File
}

// socket is the path of the socket of a slot with this name, in a folder that exists.
func (f *folder) socket(name string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock != nil && !isAt(f.lock, f.path) { // somebody has removed it
		f.lock.Close()
		f.lock = nil
	}
	if f.lock == nil {
		if err := f.make(); err != nil {
			return "", err
		}
	}
	return filepath.Join(f.path, name+socketName), nil
}

// make makes the folder in the first place where it can be.
func (f *folder) make() error {
	first := f.parent
	if first == "" {
		first = os.TempDir()
	}
	var errs []error
	for _, parent := range slices.Compact([]string{first, "/tmp", "/run", "/dev/shm"}) {
		err := f.makeIn(parent)
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return fmt.Errorf("no place for the sockets of workers: %w", errors.Join(errs...))
}

func (f *folder) makeIn(parent string) error {
	const random = len("4294967295") // of os.MkdirTemp
	if n := len(parent) + len("/") + len(folderName) + random + maxSlotName; n > maxPath {
		return fmt.Errorf("%s is too long: the path of a socket would have %d bytes, and may have %d", parent, n, maxPath)
	}
	sweep(parent)
	path, err := os.MkdirTemp(parent, folderName)
	if err != nil {
		return err
	}
	lock, err := lockFolder(path)
	if err == nil && !isAt(lock, path) { // swept before it was locked
		lock.Close()
		err = fmt.Errorf("%s was removed", path)
	}
	if err != nil {
		os.Remove(path)
		return err
	}
	f.path, f.lock = path, lock
	return nil
}

// remove removes the folder with what is left in it.
func (f *folder) remove() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.lock != nil {
		os.RemoveAll(f.path)
		f.lock.Close()
		f.lock = nil
	}
}

// sweep removes the folders of a gatewayd that was killed: nobody holds their lock.
func sweep(parent string) {
	left, _ := filepath.Glob(filepath.Join(parent, folderName+"*"))
	for _, path := range left {
		var stat unix.Stat_t
		if unix.Lstat(path, &stat) != nil || stat.Uid != uint32(os.Geteuid()) {
			continue
		}
		if lock, err := lockFolder(path); err == nil {
			os.RemoveAll(path)
			lock.Close()
		}
	}
}

// lockFolder fails if somebody else has the lock. The kernel takes it back from whoever is gone.
func lockFolder(path string) (*os.File, error) {
	f, err := os.OpenFile(path, unix.O_DIRECTORY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	named, err2 := os.Lstat(path)
	return err == nil && err2 == nil && os.SameFile(opened, named)
}
