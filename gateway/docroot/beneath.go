package docroot

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/descriptors"
)

// openFlags open what is there to read. O_NONBLOCK: the open of a FIFO would wait for a writer. O_NOCTTY: a terminal
// must not become ours.
const openFlags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC

// beneath holds a directory and has the kernel resolve a whole name in one call, openat2(2) with RESOLVE_BENEATH. Unlike
// os.Root it needs no read permission on the directories in between, only search permission, as any program does.
type beneath struct{ fd int }

// errNoOpenat2 says that the kernel is older than 5.6, or that a sandbox forbids the call.
var errNoOpenat2 = errors.New("no openat2")

func pinBeneath(path string) (directory, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, err
	}
	d := beneath{fd}
	probe, err := d.openat2(".", unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		d.Close()
		return nil, fmt.Errorf("%w: %w", errNoOpenat2, err)
	}
	unix.Close(probe)
	return d, nil
}

// maxTries bounds the retries when a ".." in a link meets a rename somewhere in the system (EAGAIN): each try takes
// microseconds, so that many in a row do not happen.
const maxTries = 10000

func (d beneath) openat2(name string, flags uint64) (fd int, err error) {
	how := unix.OpenHow{Flags: flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS}
	for range maxTries {
		fd, err = unix.Openat2(d.fd, name, &how)
		if err != unix.EAGAIN && err != unix.EINTR {
			break
		}
	}
	return fd, err
}

func (d beneath) open(name string) (*os.File, *info, error) {
	fd, err := d.openat2(name, openFlags)
	if err != nil {
		return nil, nil, err
	}
	return judge(fd, name)
}

func (d beneath) stat(name string) (*info, error) {
	fd, err := d.openat2(name, unix.O_PATH|unix.O_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return statOf(fd, name)
}

func (d beneath) Close() error { return unix.Close(d.fd) }

// judge makes a file of an open descriptor, or closes it.
func judge(fd int, name string) (*os.File, *info, error) {
	i, err := statOf(fd, name)
	if err == nil && !i.servable() {
		err = ErrSpecial
	}
	if err == nil {
		err = descriptors.Check(fd)
	}
	if err != nil {
		unix.Close(fd)
		return nil, nil, err
	}
	return os.NewFile(uintptr(fd), name), i, nil
}

// retry repeats a call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
