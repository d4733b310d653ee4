package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// pipeTime is how long a pipe may take to bring the config: to wait for ever would keep out every later one. It is less
// than a reload waits, so that the next one finds nobody at work.
const pipeTime = 8 * time.Second

// readFile reads at most one byte more than a config may have. Pipes are welcome, for so long: shells make them of
// <(command).
func readFile(name string, limit time.Duration) ([]byte, error) {
	if name == "-" {
		return nil, nil
	}
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := io.Reader(f)
	if info, err := f.Stat(); err == nil && info.Mode().Type() == os.ModeNamedPipe {
		if err := f.SetReadDeadline(time.Now().Add(limit)); err != nil {
			return nil, err
		}
		if in, err = awaitPipe(f); err != nil {
			return nil, pipeError(err, limit)
		}
	}
	text, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	return text, pipeError(err, limit)
}

// awaitPipe waits for the first byte: a pipe that has no writer yet would read as one that is empty.
func awaitPipe(f *os.File) (io.Reader, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var first [1]byte
	n, written := 0, false
	err = raw.Read(func(fd uintptr) bool {
		var waits error // for a writer that is there
		n, waits = syscall.Read(int(fd), first[:])
		written = written || waits != nil
		return n > 0 || written && n == 0
	})
	if err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(first[:n]), f), nil
}

func pipeError(err error, limit time.Duration) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("it is a pipe, and nobody has written a config to it, to its end, for %s", limit)
	}
	return err
}
