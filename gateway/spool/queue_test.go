package spool

import (
	"bytes"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
	"testing"
)

// A Queue gives what it was given, in that order, whatever went to the file in between.
func FuzzQueue(f *testing.F) {
	f.Add([]byte{200, 200, 200, 1, 1, 1})
	f.Add([]byte{255, 255, 255, 255, 3, 255, 255, 3, 3, 3, 3, 255, 255, 3, 3, 3, 255, 255, 255})
	f.Add([]byte{16, 16, 16, 16, 18, 18, 16, 1, 255, 18, 18, 18})
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, acts []byte) {
		q := NewQueue(dir)
		q.max = Memory + 1000
		defer q.Close()
		next, want := byte(0), []byte{}
		for _, act := range acts {
			size := int(act>>2) * 601
			if act&1 != 0 {
				piece := make([]byte, size)
				for i := range piece {
					piece[i] = next + byte(i)*7
				}
				n := q.Put(piece, act&2 != 0)
				next += byte(n)
				want = append(want, piece[:n]...)
				if int64(len(want)) > Memory+q.max {
					t.Fatalf("%d bytes are held", len(want))
				}
				continue
			}
			got := make([]byte, size)
			n, err := q.Take(got)
			if err != nil || !bytes.Equal(got[:n], want[:n]) || n == 0 && size > 0 && len(want) > 0 {
				t.Fatalf("took %d of %d bytes, %v", n, len(want), err)
			}
			want = want[n:]
		}
	})
}

func TestQueueBetweenTwo(t *testing.T) {
	before := openFiles(t)
	q := NewQueue(t.TempDir())
	q.max = 2 * Memory
	const total = 16 << 20
	sent, got := fnv.New64(), fnv.New64()
	var both sync.WaitGroup
	both.Go(func() {
		random := rand.New(rand.NewPCG(1, 2))
		piece := make([]byte, 40<<10)
		for left := total; left > 0; {
			p := piece[:min(left, random.IntN(len(piece)))]
			for i := range p {
				p[i] = byte(random.Uint32())
			}
			sent.Write(p)
			left -= len(p)
			for len(p) > 0 {
				p = p[q.Put(p, random.IntN(4) > 0):]
			}
		}
	})
	both.Go(func() {
		random := rand.New(rand.NewPCG(3, 4))
		piece := make([]byte, 40<<10)
		for left := total; left > 0; {
			n, err := q.Take(piece[:random.IntN(len(piece))])
			if err != nil {
				t.Error(err)
				return
			}
			got.Write(piece[:n])
			left -= n
		}
	})
	both.Wait()
	if got.Sum64() != sent.Sum64() {
		t.Error("what came out is not what went in")
	}
	if err := q.Close(); err != nil {
		t.Error(err)
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// Without room on the file system a Queue is what is in memory, and loses nothing.
func TestQueueWithoutRoom(t *testing.T) {
	full := func(t *testing.T) *os.File {
		f, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	data := bytes.Repeat([]byte("0123456789abcdef"), Memory/16)
	t.Run("from the beginning", func(t *testing.T) {
		for name, q := range map[string]*Queue{"no directory": NewQueue("/no/such/directory"), "full": {max: QueueFile, file: full(t), reserve: 1 << 30}} {
			defer q.Close()
			for range 3 {
				if n := q.Put(append(data, "more"...), true); n != Memory {
					t.Fatalf("%s: %d bytes had room", name, n)
				}
				got := make([]byte, 2*Memory)
				if n, err := q.Take(got); err != nil || !bytes.Equal(got[:n], data) {
					t.Fatalf("%s: %d bytes, %v", name, n, err)
				}
			}
		}
	})
	t.Run("full midway", func(t *testing.T) {
		q := NewQueue(t.TempDir())
		defer q.Close()
		if n := q.Put(append(data, "more"...), true); n != Memory+4 {
			t.Fatalf("%d bytes had room", n)
		}
		kept := q.file
		q.file = full(t)
		if n := q.Put([]byte("lost"), true); n != 0 {
			t.Fatalf("%d bytes had room", n)
		}
		q.file.Close()
		q.file = kept
		got, err := io.ReadAll(io.LimitReader(takeReader{q}, Memory+4))
		if err != nil || !bytes.Equal(got, append(data, "more"...)) {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if n := q.Put([]byte("again"), false); n != 5 {
			t.Errorf("%d bytes had room in memory", n)
		}
	})
}

type takeReader struct{ q *Queue }

func (r takeReader) Read(p []byte) (int, error) { return r.q.Take(p) }

func TestQueueLeavesRoomForOthers(t *testing.T) {
	dir := t.TempDir()
	const size = 64 << 20
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
		t.Skip("mount:", err)
	}
	defer syscall.Unmount(dir, 0)
	q := NewQueue(dir)
	defer q.Close()
	piece := make([]byte, 1<<20)
	total := 0
	for n := len(piece); n == len(piece); total += n {
		n = q.Put(piece, true)
	}
	if total < size/4 || total > size-size/QueueReserve {
		t.Errorf("%d of %d bytes were taken", total, size)
	}
}
