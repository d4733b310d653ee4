package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestStateDirOf(t *testing.T) {
	for _, test := range []struct {
		root                     bool
		systemd, xdg, home, want string
	}{
		{true, "/var/lib/a:/var/lib/b", "/x", "/h", "/var/lib/a"},
		{true, "", "/x", "/h", "/var/lib/gatewayd"},
		{false, "", "/x", "/h", "/x/gatewayd"},
		{false, "", "relative", "/h", "/h/.local/state/gatewayd"},
		{false, "", "", "relative", ""},
		{false, "", "", "", ""},
	} {
		t.Setenv("STATE_DIRECTORY", test.systemd)
		t.Setenv("XDG_STATE_HOME", test.xdg)
		t.Setenv("HOME", test.home)
		if got := stateDirOf(test.root); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
}

// TestLastGoodIsWrittenWhole: for its user alone, in a directory that is made, with nothing left beside it; and not
// below the working directory when there is no usual place.
func TestLastGoodIsWrittenWhole(t *testing.T) {
	t.Chdir(t.TempDir())
	k, err := newLastGood("gatewayd.yaml")
	if err != nil {
		t.Fatal(err)
	}
	k.took = []byte("routes: {}\n")
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := k.write(dir); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(k.path(dir))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	if err := k.write(""); err == nil {
		t.Error("it was kept nowhere")
	}
	if all, err := os.ReadDir("."); err != nil || len(all) != 0 {
		t.Errorf("in the working directory: %v, %v", all, err)
	}
}
