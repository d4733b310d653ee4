package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want       string // in the cause; "" is nothing wrong
	}{
		{"script", "#!/bin/sh\n", 0o755, ""},
		{"with an argument", "#! /bin/sh -e\n", 0o755, ""},
		{"by env", "#!/usr/bin/env perl\n", 0o755, ""},
		{"by a script", "#!" + filepath.Join(dir, "script") + "\n", 0o755, ""},
		{"no bit", "#!/bin/sh\n", 0o644, "not executable"},
		{"crlf", "#!/bin/sh\r\n", 0o755, "CR LF"},
		{"no interpreter", "#!/no/such/interpreter\n", 0o755, "/no/such"},
		{"no line", "echo hello\n", 0o755, "no #! line"},
		{"empty", "", 0o755, "is empty"},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		d, ok := Check(Spec{Path: path, Dir: dir})
		if ok != (c.want != "") || !strings.Contains(d.Cause, c.want) {
			t.Errorf("%s: %v %+v, want %q", c.name, ok, d, c.want)
		}
	}
	for _, path := range []string{self, "/bin/sh", "/usr/bin/perl"} {
		if d, ok := Check(Spec{Path: path, Dir: dir}); ok {
			t.Errorf("%s: %+v", path, d)
		}
	}
	if d, ok := Check(Spec{Path: "/bin/sh", Dir: dir + "/missing"}); !ok || !strings.Contains(d.Cause, "working directory") {
		t.Errorf("a missing directory: %v %+v", ok, d)
	}
}
