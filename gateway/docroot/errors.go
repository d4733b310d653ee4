package docroot

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// errNotServable is what is there but nothing to read from.
var errNotServable = fmt.Errorf("%w: a FIFO, socket or device", fs.ErrPermission)

// errOutside is a link that leads out of the root.
var errOutside = fmt.Errorf("%w: a link out of the root", fs.ErrPermission)

// explain sorts the errors of the kernel and of os.Root into what the contract knows, without the path.
func explain(err error) error {
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		err = withPath.Err
	}
	var errno syscall.Errno
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrClosed):
		return err
	case !errors.As(err, &errno):
		return errOutside // os.Root's own error for this has no type
	}
	switch errno {
	case syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP:
		return fmt.Errorf("%w: %w", fs.ErrNotExist, errno)
	case syscall.EXDEV:
		return errOutside
	case syscall.ENXIO, syscall.ENODEV:
		return errNotServable // a socket, or a device that nothing drives
	}
	return errno
}
