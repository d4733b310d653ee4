package docroot

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// What is there but not to be had for another reason than its mode. Both are fs.ErrPermission.
var (
	// ErrOutside is a symbolic link that leads out of the root. One with an absolute target does, wherever it ends.
	ErrOutside = fmt.Errorf("%w: a link out of the root", fs.ErrPermission)
	// ErrSpecial is neither a regular file nor a directory.
	ErrSpecial = fmt.Errorf("%w: a FIFO, socket or device", fs.ErrPermission)
)

// explain sorts the errors of the kernel and of os.Root into what the contract knows, without the path.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var withPath *fs.PathError
	if errors.As(err, &withPath) {
		err = withPath.Err
	}
	var errno syscall.Errno
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, fs.ErrClosed):
		return err
	case !errors.As(err, &errno):
		return ErrOutside // os.Root's own error for this has no type
	}
	switch errno {
	case syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP:
		return fmt.Errorf("%w: %w", fs.ErrNotExist, errno)
	case syscall.EXDEV:
		return ErrOutside
	case syscall.ENXIO, syscall.ENODEV:
		return ErrSpecial // a socket, or a device that nothing drives
	}
	return errno
}
