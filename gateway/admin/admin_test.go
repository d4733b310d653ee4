package admin

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

type fake struct{ err error }

func (f fake) Reload() (string, error) { return "generation 2", f.err }
func (f fake) DryRun() (string, error) { return "add route /a\n", f.err }
func (f fake) Restart(names []string, all bool) (string, error) {
	return fmt.Sprintln("restarted", names, all), f.err
}
func (f fake) Upgrade() (string, error) { return "process 2", f.err }
func (f fake) Status() any              { return map[string]int{"generation": 1} }

func serve(t *testing.T, s Server) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: Handler(s)}
	go h.Serve(l)
	t.Cleanup(func() { h.Close() })
	return socket
}

func TestCalls(t *testing.T) {
	socket := serve(t, fake{})
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/healthz", "ok\n"},
		{"GET", "/status", `"generation": 1`},
		{"POST", "/reload", "generation 2\n"},
		{"POST", "/reload?dry_run=1", "add route /a\n"},
		{"POST", "/restart?route=/a&route=b+/c", "restarted [/a b /c] false\n"},
		{"POST", "/upgrade", "process 2\n"},
		{"POST", "/restart?all=1", "restarted [] true\n"},
	} {
		if got, err := Call(socket, c.method, c.path); err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %q, %v", c.method, c.path, got, err)
		}
	}
	for _, c := range []struct{ method, path string }{{"GET", "/reload"}, {"POST", "/status"}, {"GET", "/nothing"}} {
		if got, err := Call(socket, c.method, c.path); err == nil {
			t.Errorf("%s %s: %q", c.method, c.path, got)
		}
	}
}

func TestRefusedReload(t *testing.T) {
	socket := serve(t, fake{errors.New("gatewayd.yaml:1:2: error: x: y")})
	if _, err := Call(socket, "POST", "/reload"); err == nil || err.Error() != "gatewayd.yaml:1:2: error: x: y" {
		t.Errorf("got %q", err)
	}
}

func TestNobodyThere(t *testing.T) {
	if _, err := Call(filepath.Join(t.TempDir(), "none"), "GET", "/status"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}

// TestCheckFolder: in the temp directory anybody may have made the folder first.
func TestCheckFolder(t *testing.T) {
	dir := t.TempDir()
	folder := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.Mkdir(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil { // whatever the umask
			t.Fatal(err)
		}
		return path
	}
	ours := folder("ours", 0o700)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(ours, link); err != nil {
		t.Fatal(err)
	}
	theirs := "/" // root's
	if os.Geteuid() == 0 {
		theirs = folder("theirs", 0o700)
		if err := os.Chown(theirs, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ path, want string }{
		{ours, ""},
		{folder("readable", 0o755), ""},
		{folder("group", 0o770), "may be written by others"},
		{folder("all", 0o777), "may be written by others"},
		{link, "is not a directory"},
		{theirs, "belongs to another user"},
		{filepath.Join(dir, "none"), "no such file"},
	} {
		got := ""
		if err := CheckFolder(c.path); err != nil {
			got = err.Error()
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", c.path, got, c.want)
		}
	}
}

func TestNobodyThereInFewWords(t *testing.T) {
	_, err := Call("/nonexistent/admin.sock", "GET", "/status")
	if want := "no gatewayd answers there: /nonexistent/admin.sock: no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
