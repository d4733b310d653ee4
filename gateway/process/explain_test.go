package process

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// Every case is started for real: the kernel's error and the files decide, as they will in service.
func TestExplainRealFailures(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := file("plain-file", "x", 0o644)
	if err := os.Symlink("nowhere", filepath.Join(dir, "dangling")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(filepath.Join(dir, "fifo"), 0o755); err != nil {
		t.Fatal(err)
	}
	noBit := file("no-bit-interpreter", "#!/bin/sh\n", 0o644)
	binary := trueBinary(t)

	tests := []struct {
		name  string
		spec  Spec
		cause string // a part of it
		hint  string // likewise
		not   bool   // NotExecutable
	}{
		{"missing", Spec{Path: dir + "/nothing"}, "nothing does not exist", "", false},
		{"missing directory", Spec{Path: dir + "/no/such/prog"}, "the directory " + dir + "/no does not exist", "", false},
		{"below a file", Spec{Path: plain + "/prog"}, plain + " is not a directory", "", false},
		{"dangling link", Spec{Path: dir + "/dangling"}, "symbolic link to nowhere", "", false},
		{"link loop", Spec{Path: dir + "/loop"}, "too many levels", "", false},
		{"directory", Spec{Path: dir}, "is a directory", "", false},
		{"fifo", Spec{Path: dir + "/fifo"}, "not a regular file", "", false},
		{"no exec bit", Spec{Path: plain}, "is not executable", "chmod +x " + plain, true},
		{"working directory missing", Spec{Path: "/bin/true", Dir: dir + "/gone"}, "working directory " + dir + "/gone does not exist", "`dir`", false},
		{"on the way to the working directory", Spec{Path: "/bin/true", Dir: dir + "/gone/deeper"}, "working directory " + dir + "/gone/deeper cannot be used: the directory " + dir + "/gone", "`dir`", false},
		{"working directory is a file", Spec{Path: "/bin/true", Dir: plain}, "is not a directory", "`dir`", false},
		{"empty", Spec{Path: file("empty", "", 0o755)}, "is empty", "", false},
		{"no shebang", Spec{Path: file("noshebang", "echo hello\n", 0o755)}, "no #! line", "#!/bin/sh", false},
		{"php without shebang", Spec{Path: file("page.php", "<?php echo 1;\n", 0o755)}, "PHP without", "interpreters", false},
		{"bom", Spec{Path: file("bom", "\xef\xbb\xbf#!/bin/sh\n", 0o755)}, "byte order mark", "without BOM", false},
		{"utf-16", Spec{Path: file("utf16", "\xff\xfe#\x00!\x00", 0o755)}, "UTF-16", "without BOM", false},
		{"blank line first", Spec{Path: file("blank", "\n#!/bin/sh\n", 0o755)}, "before its #! line", "first two bytes", false},
		{"windows program", Spec{Path: file("prog.exe", "MZ\x90\x00", 0o755)}, "Windows", "Linux", false},
		{"data", Spec{Path: file("data", "\x00\x01\x02", 0o755)}, "neither", "", false},
		{"crlf", Spec{Path: file("crlf", "#!/bin/sh\r\necho\r\n", 0o755)}, `CR LF`, `sed -i 's/\r$//'`, false},
		{"crlf, perl", Spec{Path: file("crlf.pl", "#!/usr/bin/perl\r\n", 0o755)}, `"#!/usr/bin/perl\r"`, "sed", false},
		{"no interpreter named", Spec{Path: file("nointerp", "#! \necho\n", 0o755)}, "names no interpreter", "#!/bin/sh", false},
		{"interpreter missing", Spec{Path: file("miss", "#! /usr/bin/nonesuch5 -w\n", 0o755)}, `the interpreter "/usr/bin/nonesuch5"`, "install nonesuch5", false},
		{"interpreter's directory missing", Spec{Path: file("miss2", "#!/usr/nonesuch/bin/perl\n", 0o755)}, "the directory /usr/nonesuch does not exist", "install perl", false},
		{"interpreter without exec bit", Spec{Path: file("nobit", "#!"+noBit+"\n", 0o755)}, noBit + " is not executable", "chmod +x " + noBit, false},
		{"interpreter is a directory", Spec{Path: file("dirint", "#!"+dir+"\n", 0o755)}, dir + " is a directory", "", false},
		{"wrong processor", Spec{Path: file("arch", otherProcessor(binary), 0o755)}, "another kind of processor", "build it", false},
		{"interpreter for a wrong processor", Spec{Path: file("archint", "#!"+dir+"/arch\n", 0o755)}, "another kind of processor", "build it", false},
		{"cut off", Spec{Path: file("cut", binary[:100], 0o755)}, "damaged or cut off", "again", false},
		{"loader missing", Spec{Path: file("loader", otherLoader(t, binary), 0o755)}, "needs the loader /", "statically", false},
		{"interpreter's loader missing", Spec{Path: file("loaderint", "#!"+dir+"/loader\n", 0o755)}, "needs the loader /", "statically", false},
		{"NUL", Spec{Path: "/bin/true", Env: []string{"A=b\x00c"}}, "a NUL byte", "", false},
		{"too big", Spec{Path: "/bin/true", Env: []string{"A=" + strings.Repeat("x", 200<<10)}}, "larger than", "`env`", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := Start(tt.spec)
			if err == nil {
				p.Stop(0)
				<-p.Done()
				t.Fatal("it started")
			}
			d := Explain(tt.spec, err)
			if !strings.Contains(d.Cause, tt.cause) || !strings.Contains(d.Hint, tt.hint) || d.Hint == "" && tt.hint != "" || d.NotExecutable != tt.not || d.Busy {
				t.Errorf("%v\n got %+v\nwant %+v", err, d, tt)
			}
		})
	}
}

func TestExplainShortage(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.EAGAIN: "limit of processes", unix.ENOMEM: "memory", unix.EMFILE: "files open", unix.ENFILE: "files open", unix.ETXTBSY: "open for writing",
	} {
		d := Explain(Spec{Path: "/bin/true"}, fmt.Errorf("start: %w", os.NewSyscallError("fork/exec", errno)))
		if !d.Busy || !strings.Contains(d.Cause, want) || d.Hint == "" {
			t.Errorf("%v: %+v", errno, d)
		}
	}
	for _, err := range []error{errors.New("no number at all"), unix.EPERM, unix.EIO} {
		if d := Explain(Spec{Path: "/bin/true"}, err); !strings.Contains(d.Cause, err.Error()) || d.Busy || d.NotExecutable {
			t.Errorf("%v: %+v", err, d)
		}
	}
}

// What root may do hides what others may not: these are judged by a thread with another effective user.
func TestExplainAsAnotherUser(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	locked := filepath.Join(dir, "locked")
	if err := os.Mkdir(locked, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(locked, 0o755) })
	inside := filepath.Join(locked, "prog")
	mine := filepath.Join(dir, "mine")
	for _, f := range []string{inside, mine} {
		if err := os.WriteFile(f, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]os.FileMode{locked: 0o600, mine: 0o611} {
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		spec Spec
		want string
	}{
		{Spec{Path: inside}, "the directory " + locked + " may not be searched"},
		{Spec{Path: "/bin/true", Dir: locked}, "working directory " + locked + " may not be entered"},
		{Spec{Path: "/bin/true", Dir: locked + "/deeper"}, "the directory " + locked + " may not be searched"},
	}
	got := make([]Diagnosis, len(tests))
	asNobody(t, func() {
		for i, tt := range tests {
			got[i] = Explain(tt.spec, unix.EACCES)
		}
	})
	for i, tt := range tests {
		if !strings.Contains(got[i].Cause, tt.want) || !strings.Contains(got[i].Hint, "chmod +x "+locked) {
			t.Errorf("got %+v, want %q", got[i], tt.want)
		}
	}
	if err := os.Chmod(mine, 0o700); err != nil {
		t.Fatal(err)
	}
	var d Diagnosis
	asNobody(t, func() { d = Explain(Spec{Path: mine}, unix.EACCES) })
	if os.Geteuid() == 0 && !strings.Contains(d.Cause, "may not be executed by the user") {
		t.Errorf("got %+v", d)
	}
}

// asNobody calls f on a thread of its own that has given up root, if it has it.
func asNobody(t *testing.T, f func()) {
	t.Helper()
	failed := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if os.Geteuid() == 0 {
			const keep = ^uintptr(0)
			if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, keep, 65534, keep); errno != 0 {
				failed <- errno
				return
			}
		}
		f()
		failed <- nil
	}()
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

func TestNoexecMountAgreesWithTheMountTable(t *testing.T) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	noexec := map[string]bool{}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		noexec[f[1]] = false
		for option := range strings.SplitSeq(f[3], ",") {
			noexec[f[1]] = noexec[f[1]] || option == "noexec"
		}
	}
	seen := 0
	for _, dir := range []string{"/", "/proc", "/dev", "/dev/shm", "/sys", "/run", "/tmp"} {
		if want, ok := noexec[dir]; ok {
			seen++
			if got := noexecMount(dir); got != want {
				t.Errorf("%s: %v, the table says %v", dir, got, want)
			}
		}
	}
	if seen < 2 {
		t.Errorf("only %d mounts were compared", seen)
	}
}

func TestCarriageReturn(t *testing.T) {
	for text, want := range map[string]bool{
		"#!/usr/bin/env perl\r\nprint 1;\r\n": true,
		"#!/usr/bin/env perl\nprint 1;\r\n":   false,
		"print 1;\r\n":                        false,
		"":                                    false,
	} {
		d, ok := CarriageReturn(script(t, text, 0o755))
		if ok != want || ok && !strings.Contains(d.Cause, "CR LF") {
			t.Errorf("%q: %v %+v", text, ok, d)
		}
	}
	if _, ok := CarriageReturn("/does/not/exist"); ok {
		t.Error("a file that is not there has CR LF")
	}
}

func trueBinary(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("/bin/true")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// otherProcessor is the program with another machine in its header (bytes 18 and 19 of an ELF file).
func otherProcessor(program string) string {
	data := []byte(program)
	other := elf.EM_AARCH64
	if machine() == other {
		other = elf.EM_X86_64
	}
	binary.LittleEndian.PutUint16(data[18:], uint16(other))
	return string(data)
}

// otherLoader is the program with a loader that is not there.
func otherLoader(t *testing.T, program string) string {
	t.Helper()
	loader, err := elfLoader("/bin/true")
	if err != nil || loader == "" {
		t.Fatalf("loader of /bin/true: %q %v", loader, err)
	}
	return string(bytes.ReplaceAll([]byte(program), []byte(loader), []byte(loader[:len(loader)-1]+"!")))
}
