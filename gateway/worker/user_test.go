package worker

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/process"
)

// TestUserAndLimits: a worker of another user has its socket as a descriptor and needs no way to its folder.
func TestUserAndLimits(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may start programs as another user")
	}
	umask := 0o077
	s := spec(t, "serves")
	s.Process.Path = forEverybody(t, s.Process.Path)
	s.Process.User = &process.User{Name: "nobody", UID: 65534, GID: 65534}
	s.Process.Limits = []process.Limit{{Resource: unix.RLIMIT_NOFILE, Max: 64}}
	s.Process.Umask = &umask
	p, _ := readyPool(t, s)
	var stat unix.Stat_t
	if err := unix.Stat("/proc/"+ask(t, p, askPid), &stat); err != nil || stat.Uid != 65534 {
		t.Error("it runs as", stat.Uid, err)
	}
}

// forEverybody is a copy of a program where everybody may execute it.
func forEverybody(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "worker-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	os.Chmod(dir, 0o755)
	path := filepath.Join(dir, "program")
	from, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	to, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	return path
}
