package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/unix"
)

// openFiles counts this process's descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestRead(t *testing.T) {
	before := openFiles(t)
	dir := t.TempDir()
	for _, n := range []int{0, 1, Memory - 1, Memory, Memory + 1, 1 << 20} {
		want := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		for name, size := range map[string]int64{"announced": int64(n), "unknown": -1} {
			body, err := Read(iotest.HalfReader(bytes.NewReader(want)), size, Options{Dir: dir, Max: 1 << 20})
			if err != nil {
				t.Fatalf("%d bytes, %s: %v", n, name, err)
			}
			if body.Len() != int64(n) || (body.Bytes() != nil) != (n <= Memory) && n > 0 {
				t.Errorf("%d bytes, %s: length %d, in memory %v", n, name, body.Len(), body.Bytes() != nil)
			}
			file, err := body.StdinFile()
			if err != nil || (file != nil) != (n > Memory) {
				t.Fatalf("%d bytes, %s: file %v, %v", n, name, file, err)
			}
			if file != nil {
				// The program's descriptor: all of the body, whatever Read has done, and no right to write.
				io.CopyN(io.Discard, body, 100)
				got, err := io.ReadAll(file)
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes, %s: the file has %d bytes, %v", n, name, len(got), err)
				}
				if flags, _ := unix.FcntlInt(file.Fd(), unix.F_GETFL, 0); flags&unix.O_ACCMODE != unix.O_RDONLY {
					t.Errorf("the program could write to its body")
				}
				file.Close()
				want = want[100:]
			}
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %s: read %d bytes, %v", n, name, len(got), err)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
			want = bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("%d files stay behind", len(entries))
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestRewind(t *testing.T) {
	for _, n := range []int{0, 1, Memory, Memory + 1, 1 << 20} {
		want := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		body, err := Read(bytes.NewReader(want), int64(n), Options{Dir: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		for _, before := range []int{0, n / 2, n} { // bytes that were read already
			io.CopyN(io.Discard, body, int64(before))
			if err := body.Rewind(); err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %d of them read before: %d bytes, %v", n, before, len(got), err)
			}
			body.Rewind()
		}
		body.Close()
		if err := body.Rewind(); n > Memory && err == nil {
			t.Error("a closed file was rewound")
		}
	}
}

func TestReadFails(t *testing.T) {
	before := openFiles(t)
	broken := errors.New("the client has gone")
	cut := func(n int) io.Reader {
		return io.MultiReader(strings.NewReader(strings.Repeat("x", n)), iotest.ErrReader(broken))
	}
	ends := func(n int) io.Reader { return strings.NewReader(strings.Repeat("x", n)) }
	for _, c := range []struct {
		name string
		body io.Reader
		size int64
		max  int64
		want error
	}{
		{"announced too large", ends(0), 101, 100, ErrTooLarge},
		{"too large, in memory", ends(101), -1, 100, ErrTooLarge},
		{"too large, in a file", ends(Memory + 101), -1, Memory + 100, ErrTooLarge},
		{"announced larger than it is, in memory", ends(5), 10, 0, io.ErrUnexpectedEOF},
		{"announced and nothing comes", ends(0), 10, 0, io.ErrUnexpectedEOF},
		{"announced larger than memory, nothing comes", ends(0), Memory + 10, 0, io.ErrUnexpectedEOF},
		{"announced larger than it is, in the file", ends(Memory + 10), Memory + 20, 0, io.ErrUnexpectedEOF},
		{"breaks in memory", cut(10), -1, 0, broken},
		{"breaks in memory, announced", cut(10), 20, 0, broken},
		{"breaks in the file", cut(Memory + 10), -1, 0, broken},
		{"breaks in the file, announced", cut(Memory + 10), Memory + 20, 0, broken},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, err := Read(c.body, c.size, Options{Dir: t.TempDir(), Max: c.max})
			if !errors.Is(err, c.want) || body != nil {
				t.Errorf("got %v, %v; want %v", body, err, c.want)
			}
		})
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestNoPlace(t *testing.T) {
	var store *StoreError
	if _, err := Read(strings.NewReader(strings.Repeat("x", Memory+1)), -1, Options{Dir: "/no/such/directory"}); !errors.As(err, &store) || !strings.Contains(err.Error(), "/no/such/directory") {
		t.Errorf("got %v, want a StoreError that names the directory", err)
	}
	if _, err := Read(strings.NewReader("small"), -1, Options{Dir: "/no/such/directory"}); err != nil {
		t.Errorf("a small body needs no directory: %v", err)
	}
}

func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		// Without the right to mount, the kernel's own full device stands in: the write fails alike.
		t.Logf("mount: %v", err)
		full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer full.Close()
		var store *StoreError
		if _, err := copyToFile(full, strings.NewReader("x"), dir); !errors.As(err, &store) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("got %v", err)
		}
		return
	}
	defer syscall.Unmount(dir, 0)
	var store *StoreError
	if _, err := Read(strings.NewReader(strings.Repeat("x", 1<<20)), -1, Options{Dir: dir}); !errors.As(err, &store) || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v, want a StoreError with ENOSPC", err)
	}
	// What failed has let go of its room.
	if body, err := Read(strings.NewReader(strings.Repeat("x", 128<<10)), -1, Options{Dir: dir}); err != nil {
		t.Errorf("the room was not given back: %v", err)
	} else {
		body.Close()
	}
}

func BenchmarkRead(b *testing.B) {
	dir := b.TempDir()
	for name, n := range map[string]int{"4KiB": 4 << 10, "1MiB": 1 << 20} {
		data := bytes.Repeat([]byte("x"), n)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(n))
			b.ReportAllocs()
			for b.Loop() {
				body, err := Read(bytes.NewReader(data), int64(n), Options{Dir: dir})
				if err != nil {
					b.Fatal(err)
				}
				body.Close()
			}
		})
	}
}

// Clients that announce a body and do not send it cost little, however many there are.
func TestBodiesThatDoNotComeCostLittle(t *testing.T) {
	const bodies, most = 1000, 8 << 10
	for _, size := range []int64{-1, Memory, 1 << 30} {
		before := heap()
		var waiting sync.WaitGroup
		var ends []*io.PipeWriter
		for range bodies {
			in, out := io.Pipe()
			ends = append(ends, out)
			waiting.Go(func() {
				if body, err := Read(in, size, Options{}); err == nil {
					body.Close()
				}
			})
			out.Write([]byte("x"))
		}
		if each := (heap() - before) / bodies; each > most {
			t.Errorf("size %d: %d bytes for each", size, each)
		}
		for _, end := range ends {
			end.CloseWithError(io.ErrUnexpectedEOF)
		}
		waiting.Wait()
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
