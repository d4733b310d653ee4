package cgi

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/stderr"
)

// fileOnDisk is a body in a file.
type fileOnDisk struct {
	io.ReadCloser
	path string
}

func (f fileOnDisk) StdinFile() (*os.File, error) { return os.Open(f.path) }

// noFile is a body in memory that could have been in a file.
type noFile struct {
	io.Reader
	data []byte
}

func (noFile) StdinFile() (*os.File, error) { return nil, nil }
func (n noFile) Bytes() []byte              { return n.data }
func (noFile) Close() error                 { return nil }

type brokenFile struct{ noFile }

func (brokenFile) StdinFile() (*os.File, error) { return nil, os.ErrPermission }

func TestBodyInAFileIsStandardInput(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'; readlink /proc/$$/fd/0; grep -h '^pos\\|^flags' /proc/$$/fdinfo/0; wc -c\n", Options{})
	file := filepath.Join(a.dir, "body")
	a.write(file, strings.Repeat("x", 1<<20), 0o600)
	got := a.get("", fileOnDisk{path: file, ReadCloser: io.NopCloser(failing{t})})
	if want := file + "\npos:\t0\nflags:\t0100000\n1048576\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// failing must not be read.
type failing struct{ t *testing.T }

func (f failing) Read([]byte) (int, error) {
	f.t.Error("the body was read though it can be given away as it is")
	return 0, io.EOF
}

func TestBodyInMemoryNeedsNobody(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'; wc -c\n", Options{})
	for _, size := range []int{1, 1000, 64 << 10, 64<<10 + 1, 1 << 20} {
		data := []byte(strings.Repeat("m", size))
		if got, want := a.get("", noFile{failing{t}, data}), fmt.Sprintln(size); got != want {
			t.Errorf("%d bytes: got %q", size, got)
		}
	}
}

func TestBodyFileThatCannotBeOpenedIsRead(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'; wc -c\n", Options{})
	if got := a.get("", brokenFile{noFile{Reader: strings.NewReader("body")}}); got != "4\n" {
		t.Errorf("got %q", got)
	}
}

func TestProgramThatClosesItsInput(t *testing.T) {
	leaves(t)
	a := newProgram(t, "#!/bin/sh\nexec <&-\nprintf 'A: b\\n\\nwhole'\n", Options{})
	if got := a.get("", strings.NewReader(strings.Repeat("x", 1<<20))); got != "whole" {
		t.Errorf("got %q", got)
	}
}

// A grandchild that keeps the pipes open holds up nobody for longer than lingerTime.
func TestGrandchildKeepsThePipes(t *testing.T) {
	before := backendtest.Measure()
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\nwhole'; exec 3<&0; sleep 60 <&3 > /dev/null & echo $! > pid; echo noise >&2\n", Options{})
	begun := time.Now()
	if got := a.get("", strings.NewReader(strings.Repeat("x", 1<<20))); got != "whole" {
		t.Errorf("got %q", got)
	}
	if took := time.Since(begun); took > lingerTime*9/10 {
		t.Errorf("the answer took %v", took)
	}
	t.Cleanup(a.killChild)
	backendtest.NoMore(t, before) // neither the reader of standard error nor the writer of the body
}

func TestStandardErrorIsBounded(t *testing.T) {
	t.Run("many lines", func(t *testing.T) {
		a := newProgram(t, "#!/usr/bin/perl\nprint STDERR \"line $_\\n\" for 1..100_000; print \"A: b\\n\\nok\";\n", Options{})
		if got := a.get("", nil); got != "ok" {
			t.Errorf("got %q", got)
		}
		a.eventually("the last line", func() bool { return len(a.logged()) > stderr.MaxLines })
		lines := a.logged()
		if len(lines) != stderr.MaxLines+1 || lines[0] != "line 1" || lines[stderr.MaxLines-1] != fmt.Sprint("line ", stderr.MaxLines) || !strings.Contains(lines[stderr.MaxLines], "99000 more lines") {
			t.Errorf("%d lines, the last is %q", len(lines), lines[len(lines)-1])
		}
	})
	t.Run("long lines", func(t *testing.T) {
		a := newProgram(t, "#!/usr/bin/perl\nprint STDERR 'x' x 20_000, \"\\r\\n\", 'y' x 8192, \"\\n\", \"\\nend\"; print \"A: b\\n\\nok\";\n", Options{})
		a.get("", nil)
		a.eventually("the last line", func() bool { l := a.logged(); return len(l) > 0 && l[len(l)-1] == "end" })
		if all := strings.Join(a.logged(), ""); all != strings.Repeat("x", 20_000)+strings.Repeat("y", 8192)+"end" {
			t.Errorf("%d bytes were logged", len(all))
		}
		for _, line := range a.logged() {
			if len(line) > stderr.MaxLine {
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	})
	t.Run("without lines", func(t *testing.T) {
		a := newProgram(t, "#!/bin/sh\nhead -c 5000000 /dev/zero >&2; printf 'A: b\\n\\nok'\n", Options{})
		a.get("", nil)
		a.eventually("the last line", func() bool { l := a.logged(); return len(l) > 0 && strings.Contains(l[len(l)-1], "more lines") })
		total := 0
		for _, line := range a.logged() {
			total += len(line)
		}
		if total > stderr.MaxLogged+200 {
			t.Errorf("%d bytes were logged", total)
		}
	})
	t.Run("last words", func(t *testing.T) {
		a := newProgram(t, "#!/bin/sh\nhead -c 100000 /dev/zero | tr '\\0' w >&2; echo THE END >&2; exit 1\n", Options{})
		e := a.fails(502, "THE END")
		if len(e.Error()) > stderr.MaxLastWords+500 {
			t.Errorf("the error has %d bytes", len(e.Error()))
		}
	})
}

// 64 MiB go through in both directions at once; what is allocated meanwhile has nothing to do with their number.
func TestLargeBodiesTakeConstantMemory(t *testing.T) {
	leaves(t)
	const size = 64 << 20
	a := newProgram(t, "#!/bin/sh\nprintf 'A: b\\n\\n'; exec cat\n", Options{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp := a.start(context.Background(), "", io.LimitReader(letters{}, size))
	n, err := resp.Body.(io.WriterTo).WriteTo(onlyLetters{t})
	if n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 2<<20 {
		t.Errorf("%d bytes were allocated", grown)
	}
}

type letters struct{}

func (letters) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'l'
	}
	return len(p), nil
}

type onlyLetters struct{ t *testing.T }

func (o onlyLetters) Write(p []byte) (int, error) {
	if strings.Trim(string(p[:min(len(p), 1024)]), "l") != "" {
		o.t.Error("something else came back")
	}
	return len(p), nil
}
