package process

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// headSize is what the kernel looks at to see what a file is (BINPRM_BUF_SIZE).
const headSize = 256

// readHead reads the beginning of a regular file; it never waits for a FIFO.
func readHead(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	head := make([]byte, headSize)
	n, err := io.ReadFull(f, head)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	return head[:n], err
}

// A shebangLine is the first line of a script without "#!" and line end.
type shebangLine string

// shebang finds the first line of a script, as far as the kernel reads it.
func shebang(head []byte) (shebangLine, bool) {
	rest, ok := bytes.CutPrefix(head, []byte("#!"))
	if !ok {
		return "", false
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return shebangLine(line), true
}

// split cuts the line where the kernel does: the rest is one argument.
func (l shebangLine) split() (interpreter, argument string) {
	trimmed := strings.Trim(string(l), " \t")
	if i := strings.IndexAny(trimmed, " \t\x00"); i >= 0 {
		return trimmed[:i], strings.Trim(trimmed[i:], " \t\x00")
	}
	return trimmed, ""
}

// carriageReturn is about scripts that were saved with the line ends of Windows: the kernel takes the CR for a part of
// the interpreter's name or of its argument.
func carriageReturn(path string, l shebangLine) (Diagnosis, bool) {
	if !strings.HasSuffix(string(l), "\r") {
		return Diagnosis{}, false
	}
	return Diagnosis{
		Cause: fmt.Sprintf("the first line of %s ends in CR LF, so the system looks for an interpreter with a carriage return in its name: %q", path, "#!"+string(l)),
		Hint:  fmt.Sprintf("save the file with LF line ends: sed -i 's/\\r$//' %s", path),
	}, true
}

// CarriageReturn says whether the script at path has CR LF behind its first line, which no failed exec may show: env,
// as in "#!/usr/bin/env perl", is found, and then looks for "perl\r" itself.
func CarriageReturn(path string) (Diagnosis, bool) {
	head, err := readHead(path)
	if err != nil {
		return Diagnosis{}, false
	}
	line, ok := shebang(head)
	if !ok {
		return Diagnosis{}, false
	}
	return carriageReturn(path, line)
}

// badFormat is about a file that the system does not know how to run.
func badFormat(path string) (Diagnosis, bool) {
	head, err := readHead(path)
	if err != nil {
		return Diagnosis{}, false
	}
	if len(head) == 0 {
		return Diagnosis{Cause: path + " is empty", Hint: "it may not have been written yet, or a disk was full"}, true
	}
	if isELF(head) {
		return badELF(path)
	}
	if line, ok := shebang(head); ok {
		return badShebang(path, line)
	}
	const hint = "the first two bytes of a script must be #!, followed by the path of its interpreter, for example #!/bin/sh"
	text := bytes.TrimLeft(head, " \t\r\n")
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return Diagnosis{Cause: path + " begins with a byte order mark, which hides its #! line", Hint: "save it as UTF-8 without BOM: sed -i '1s/^\\xef\\xbb\\xbf//' " + path}, true
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return Diagnosis{Cause: path + " is UTF-16 text", Hint: "save it as UTF-8 without BOM"}, true
	case len(text) < len(head) && bytes.HasPrefix(text, []byte("#!")):
		return Diagnosis{Cause: path + " has blanks or empty lines before its #! line", Hint: hint}, true
	case bytes.HasPrefix(head, []byte("MZ")):
		return Diagnosis{Cause: path + " is a program for Windows", Hint: "build it for Linux"}, true
	case bytes.HasPrefix(head, []byte("<?php")):
		return Diagnosis{Cause: path + " is PHP without a #! line", Hint: "name an interpreter for it: `interpreters: {.php: php-cgi}`"}, true
	case isText(head):
		return Diagnosis{Cause: path + " has no #! line that names its interpreter", Hint: hint}, true
	}
	return Diagnosis{Cause: path + " is neither a script nor a program for this machine"}, true
}

func isText(head []byte) bool {
	return bytes.IndexFunc(head, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' && r != '\f' }) < 0
}

func badShebang(path string, l shebangLine) (Diagnosis, bool) {
	interpreter, _ := l.split()
	switch {
	case strings.Trim(interpreter, "\r") == "":
		return Diagnosis{Cause: "the #! line of " + path + " names no interpreter", Hint: "write its path behind #!, for example #!/bin/sh"}, true
	case len(l) >= headSize-2:
		return Diagnosis{Cause: "the #! line of " + path + " is longer than the system reads", Hint: "shorten it below 127 bytes"}, true
	}
	if d, ok := carriageReturn(path, l); ok {
		return d, true
	}
	head, err := readHead(interpreter)
	if err != nil || len(head) > 0 && head[0] == '#' {
		return Diagnosis{}, false
	}
	d, ok := badFormat(interpreter)
	d.Cause = path + " cannot be run: " + d.Cause
	return d, ok
}

func isELF(head []byte) bool { return bytes.HasPrefix(head, []byte(elf.ELFMAG)) }

func badELF(path string) (Diagnosis, bool) {
	if d, ok := wrongELF(path); ok {
		return d, true
	}
	return Diagnosis{Cause: path + " is a damaged program file, or one for another system", Hint: "build or copy it again"}, true
}

// wrongELF is what can be seen to be wrong with a program file.
func wrongELF(path string) (Diagnosis, bool) {
	f, err := elf.Open(path)
	if err != nil {
		return Diagnosis{Cause: path + " is a damaged or cut off program file", Hint: "build or copy it again"}, true
	}
	defer f.Close()
	if f.Machine != machine() && machine() != elf.EM_NONE {
		return Diagnosis{
			Cause: fmt.Sprintf("%s was built for another kind of processor: %s, and this is %s", path, archName(f.Machine), archName(machine())),
			Hint:  "build it for this machine",
		}, true
	}
	if f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN {
		return Diagnosis{Cause: path + " is not a whole program: an object file or core dump", Hint: "link it first"}, true
	}
	return Diagnosis{}, false
}

// machine is the processor that this process was built for.
func machine() elf.Machine {
	switch runtime.GOARCH {
	case "amd64":
		return elf.EM_X86_64
	case "386":
		return elf.EM_386
	case "arm64":
		return elf.EM_AARCH64
	case "arm":
		return elf.EM_ARM
	case "riscv64":
		return elf.EM_RISCV
	case "ppc64", "ppc64le":
		return elf.EM_PPC64
	case "s390x":
		return elf.EM_S390
	case "loong64":
		return elf.EM_LOONGARCH
	}
	return elf.EM_NONE
}

func archName(m elf.Machine) string {
	switch m {
	case elf.EM_X86_64:
		return "x86-64"
	case elf.EM_AARCH64:
		return "ARM64"
	}
	return strings.TrimPrefix(m.String(), "EM_")
}

// elfLoader is the dynamic loader that the program at path asks for, "" if it is static.
func elfLoader(path string) (string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP || p.Filesz > 4096 {
			continue
		}
		name, err := io.ReadAll(p.Open())
		return string(bytes.TrimRight(name, "\x00")), err
	}
	return "", nil
}
