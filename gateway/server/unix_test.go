package server

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// A socket that somebody else has put in the place of ours is not ours to remove.
func TestUnixListenerRemovesItsOwnFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	first, err := ListenUnix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	second, err := ListenUnix(path, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("the first has removed the second's socket: %v", err)
	}
	second.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the second has left its socket: %v", err)
	}
}
