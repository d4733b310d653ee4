package cgi

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatewayd/gateway/cgispec"
)

// What a program is given, as the languages see it in which such programs are written.
func TestWhatAProgramIsGiven(t *testing.T) {
	t.Setenv("SECRET_OF_THE_SERVER", "1")
	programs := map[string]string{
		"sh": `#!/bin/sh
printf 'Content-Type: text/plain\n\n'
echo "args=$#"
echo "cwd=$(pwd)"
echo "group=$(($(cut -d' ' -f5 /proc/$$/stat) == $$))"
echo "secret=${SECRET_OF_THE_SERVER-none}"
echo "query=$QUERY_STRING"
echo "tz=$TZ"
grep '^Sig[BI]' /proc/self/status
`,
		"perl": `#!/usr/bin/perl
print "Content-Type: text/plain\n\n";
use Cwd;
print "args=", scalar(@ARGV), "\ncwd=", getcwd(), "\ngroup=", (getpgrp() == $$ ? 1 : 0), "\n";
print "secret=", $ENV{SECRET_OF_THE_SERVER} // "none", "\nquery=$ENV{QUERY_STRING}\ntz=$ENV{TZ}\n";
open(my $f, "<", "/proc/self/status"); print grep(/^Sig[BI]/, <$f>);
`,
		"python": `#!/usr/bin/python3
import os, sys
print("Content-Type: text/plain\n")
print("args=%d\ncwd=%s\ngroup=%d" % (len(sys.argv) - 1, os.getcwd(), os.getpgrp() == os.getpid()))
print("secret=%s\nquery=%s\ntz=%s" % (os.environ.get("SECRET_OF_THE_SERVER", "none"), os.environ["QUERY_STRING"], os.environ["TZ"]))
print("".join(l for l in open("/proc/self/status") if l.startswith(("SigB", "SigI"))), end="")
`,
	}
	for name, text := range programs {
		t.Run(name, func(t *testing.T) {
			a := newProgram(t, text, Options{Env: cgispec.Env{Set: []cgispec.Var{{Name: "TZ", Value: "Asia/Tokyo"}}}})
			want := fmt.Sprintf("args=0\ncwd=%s\ngroup=1\nsecret=none\nquery=-s+two\ntz=Asia/Tokyo\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n", a.dir)
			switch name { // what these ignore of their own accord
			case "python": // SIGPIPE and SIGXFSZ
				want = strings.Replace(want, "SigIgn:\t0000000000000000", "SigIgn:\t0000000001001000", 1)
			case "perl": // SIGFPE
				want = strings.Replace(want, "SigIgn:\t0000000000000000", "SigIgn:\t0000000000000080", 1)
			}
			if got := a.get("-s+two", nil); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestThreeDescriptors(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'\necho $$\nread x\n", Options{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	resp := a.start(context.Background(), "", r)
	buf := make([]byte, 20)
	n, err := resp.Body.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	proc := "/proc/" + strings.TrimSpace(string(buf[:n]))
	for fd, flags := range []string{"00", "01", "01"} { // blocking, and each in one direction
		to, _ := os.Readlink(fmt.Sprintf("%s/fd/%d", proc, fd))
		info, _ := os.ReadFile(fmt.Sprintf("%s/fdinfo/%d", proc, fd))
		if !strings.HasPrefix(to, "pipe:") || !strings.Contains(string(info), "flags:\t"+flags+"\n") {
			t.Errorf("descriptor %d: %s %q", fd, to, info)
		}
	}
	links, _ := filepath.Glob(proc + "/fd/*")
	for _, link := range links {
		// The shell keeps its script on 10, close-on-exec: whatever else there is came from us.
		to, _ := os.Readlink(link)
		if base := filepath.Base(link); len(base) > 1 && to != a.file || len(base) == 1 && base > "2" {
			t.Errorf("descriptor %s is %s", base, to)
		}
	}
	w.Close()
	a.all(resp)
}

func TestCommandAndDirectory(t *testing.T) {
	dir := t.TempDir()
	tests := []struct {
		name string
		opt  Options
		mode os.FileMode
		want string // {file} is the script, {dir} its directory
	}{
		{"the script is the program", Options{}, 0o755, "{file}|{dir}"},
		{"an interpreter, without exec bit", Options{Interpreters: map[string][]string{"ript": {"/bin/sh"}}}, 0o644, "{file}|{dir}"},
		{"the longest extension counts", Options{Interpreters: map[string][]string{"t": {"/does/not/exist"}, "ript": {"/bin/sh", "-u"}, "pt": {"/does/not/exist"}}}, 0o644, "{file}|{dir}"},
		{"another directory", Options{Dir: dir}, 0o755, "{file}|" + dir},
		{"a command with arguments", Options{Command: []string{"/bin/sh", "-c", `printf 'A: b\n\n%s' "$0 $# $1 $SCRIPT_FILENAME|$(pwd)"`, "name", "a b"}}, 0o644, "name 1 a b {file}|{dir}"},
		{"a command with an interpreter", Options{Command: []string{"{file}", "x"}, Interpreters: map[string][]string{"ript": {"/bin/sh"}}}, 0o644, "{file} x|{dir}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newProgram(t, "", tt.opt)
			a.write(a.file, "#!/bin/sh\nprintf 'A: b\\n\\n%s' \"$0${1+ }$*|$(pwd)\"\n", tt.mode)
			for i, arg := range a.backend.opt.Command {
				a.backend.opt.Command[i] = strings.ReplaceAll(arg, "{file}", a.file)
			}
			want := strings.NewReplacer("{file}", a.file, "{dir}", a.dir).Replace(tt.want)
			if got := a.get("one+two", nil); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestRealPrograms(t *testing.T) {
	programs := map[string]string{
		"sh":     "#!/bin/sh\nprintf 'Content-Type: text/plain\\r\\n\\r\\n'\nwc -c\necho to the log >&2\n",
		"perl":   "#!/usr/bin/perl -T\nuse strict;\nread(STDIN, my $body, $ENV{CONTENT_LENGTH} || 1e6);\nprint \"Content-Type: text/plain\\n\\n\", length($body), \"\\n\";\nwarn \"to the log\\n\";\n",
		"python": "#!/usr/bin/env python3\nimport sys\nbody = sys.stdin.buffer.read()\nprint('Content-Type: text/plain\\n')\nprint(len(body))\nprint('to the log', file=sys.stderr)\n",
	}
	for name, text := range programs {
		t.Run(name, func(t *testing.T) {
			a := newProgram(t, text, Options{})
			if got := a.get("", strings.NewReader(strings.Repeat("x", 200_000))); got != "200000\n" {
				t.Errorf("got %q", got)
			}
			a.eventually("a line in the log", func() bool { return len(a.logged()) > 0 })
			if got := a.logged(); len(got) != 1 || got[0] != "to the log" {
				t.Errorf("logged %q", got)
			}
		})
	}
}

// A script that is replaced is at once the new one, and one that is gone is gone.
func TestNoScriptIsRemembered(t *testing.T) {
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\none'\n", Options{})
	if got := a.get("", nil); got != "one" {
		t.Errorf("got %q", got)
	}
	a.write(a.file, "#!/bin/sh\nprintf 'A: b\\n\\ntwo'\n", 0o755)
	if got := a.get("", nil); got != "two" {
		t.Errorf("got %q", got)
	}
	os.Remove(a.file)
	a.fails(502, "does not exist")
}
