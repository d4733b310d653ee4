package docroot

import (
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// anywhere resolves names as any program does: links lead where they lead.
type anywhere struct{ path string }

func (d anywhere) join(name string) string { return strings.TrimSuffix(d.path, "/") + "/" + name }

func (d anywhere) open(name string) (*os.File, *info, error) {
	var fd int
	err := retry(func() (err error) {
		fd, err = unix.Open(d.join(name), openFlags, 0)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return judge(fd, name)
}

func (d anywhere) stat(name string) (*info, error) {
	i := &info{name: base(name)}
	if err := retry(func() error { return syscall.Stat(d.join(name), &i.st) }); err != nil {
		return nil, err
	}
	return i, nil
}

func (d anywhere) Close() error { return nil }
