package docroot

import (
	"io/fs"
	"os"
	"syscall"
)

// pinned is what stands in for beneath where there is no openat2: os.Root, which walks a name in as many calls as it has
// segments and needs read permission on every directory.
type pinned struct{ root *os.Root }

func pinRoot(path string) (directory, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		if info, statErr := os.Stat(path); statErr == nil && !info.IsDir() {
			return nil, syscall.ENOTDIR // os.Root's error for this has no type
		}
		return nil, err
	}
	return pinned{root}, nil
}

func (d pinned) open(name string) (*os.File, *info, error) {
	file, err := d.root.OpenFile(name, openFlags, 0)
	if err != nil {
		return nil, nil, err
	}
	i, err := infoOf(file.Stat())
	if err == nil && !i.servable() {
		err = ErrSpecial
	}
	if err != nil {
		file.Close()
		return nil, nil, err
	}
	i.name = base(name)
	return file, i, nil
}

func (d pinned) stat(name string) (*info, error) {
	i, err := infoOf(d.root.Stat(name))
	if err != nil {
		return nil, err
	}
	i.name = base(name)
	return i, nil
}

func (d pinned) Close() error { return d.root.Close() }

func infoOf(from fs.FileInfo, err error) (*info, error) {
	if err != nil {
		return nil, err
	}
	return &info{st: *from.Sys().(*syscall.Stat_t)}, nil
}
