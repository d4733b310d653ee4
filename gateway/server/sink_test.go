package server

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// fileSink opens a sink of its own sinks; they are closed at the end of the test.
func fileSink(t testing.TB, path string) (*sinks, *sink) {
	t.Helper()
	all := newSinks()
	t.Cleanup(all.close)
	s, err := all.acquire(path)
	if err != nil {
		t.Fatal(err)
	}
	s.onLoss(lostTestLine, nil)
	return all, s
}

// pipeSink writes to a pipe as to standard error; end lets it end.
func pipeSink(t *testing.T) (s *sink, reader *os.File, lost *atomic.Uint64, end func()) {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	writer.Fd() // blocking, as standard error is
	s = newSink("stderr", sharedLogFile(writer), new(atomic.Uint64))
	s.onLoss(lostTestLine, nil)
	var running sync.WaitGroup
	running.Go(s.run)
	end = sync.OnceFunc(func() {
		s.close()
		running.Wait()
		writer.Close()
	})
	t.Cleanup(func() {
		reader.Close() // whoever writes gets an error
		end()
	})
	return s, reader, s.total, end
}

func lostTestLine(n uint64) []byte { return fmt.Appendf(nil, "lost %d\n", n) }

// writeLines writes numbered lines of 100 bytes and returns the number after the last.
func writeLines(s *sink, from, n int) int {
	for i := from; i < from+n; i++ {
		fmt.Fprintf(s, "%-98d.\n", i)
	}
	return from + n
}

var testLine = regexp.MustCompile(`^(lost )?(\d+)( *\.)?$`)

// readLines checks that each line is whole and stands once, in order, and that exactly as many are missing as the log
// says, where it says so. It reads until line last.
func readLines(t *testing.T, from io.Reader, last int) {
	t.Helper()
	next := 0
	in := bufio.NewScanner(from)
	for in.Scan() {
		m := testLine.FindStringSubmatch(in.Text())
		if m == nil || m[1] == "" && len(in.Text()) != 99 {
			t.Fatalf("after %d: a broken line %q", next-1, in.Text())
		}
		n, _ := strconv.Atoi(m[2])
		switch {
		case m[1] != "":
			next += n
		case n != next:
			t.Fatalf("line %d where %d should be", n, next)
		default:
			next++
		}
		if next > last {
			return
		}
	}
	t.Fatalf("%d lines, not %d (%v)", next, last+1, in.Err())
}

func readLinesOf(t *testing.T, last int, paths ...string) {
	t.Helper()
	var all bytes.Buffer
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	readLines(t, &all, last)
}

// until waits for what must become true.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

func contains(path, text string) func() bool {
	return func() bool {
		has, _ := os.ReadFile(path)
		return bytes.Contains(has, []byte(text))
	}
}

// flood writes more lines than fit anywhere, and says so if that takes as long as if someone waited.
func flood(t *testing.T, s *sink, from int) (next int) {
	t.Helper()
	began := time.Now()
	next = writeLines(s, from, 3*maxWaiting/100)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("logging has waited: %v", took)
	}
	return next
}

func TestSinkWritesAtOnceAndAtTheEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	all, s := fileSink(t, path)
	next := writeLines(s, 0, 1)
	until(t, "the first line is written", contains(path, "0 "))
	next = writeLines(s, next, 5000)
	all.close()
	readLinesOf(t, next-1, path)
	if n := all.lost.Load(); n != 0 {
		t.Errorf("%d lines lost", n)
	}
	writeLines(s, next, 3) // as a program's last words may
	if n := all.lost.Load(); n != 3 {
		t.Errorf("%d lines lost after the end, not 3", n)
	}
}

func TestSinkWithoutAReader(t *testing.T) {
	s, reader, lost, end := pipeSink(t)
	next := flood(t, s, 0)
	if lost.Load() == 0 {
		t.Fatal("nothing was lost: the test has not filled the buffer")
	}
	go func() {
		until(t, "there is room again", s.idle)
		writeLines(s, next, 10)
		end()
	}()
	readLines(t, reader, next+9)
}

func TestSinkDoesNotEndForLackOfAReader(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	all := newSinks()
	defer func() {
		reader.Close()
		all.running.Wait()
		writer.Close()
	}()
	s := newSink("stderr", sharedLogFile(writer), &all.lost)
	all.open["stderr"] = s
	all.running.Go(s.run)
	flood(t, s, 0)
	began := time.Now()
	all.close()
	if took := time.Since(began); took < flushTime/2 || took > flushTime+5*time.Second {
		t.Errorf("the end took %v", took)
	}
}

func TestSinkFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newSinks().acquire(path); err == nil {
		t.Fatal("a FIFO that nobody reads was opened")
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	all, s := fileSink(t, path)
	next := flood(t, s, 0)
	time.Sleep(writeTime + 2*retryPause) // the reader does not read for longer than a write may take
	readLines(t, reader, next-1)
	if all.lost.Load() == 0 {
		t.Error("nothing was lost: the test has not filled the buffer")
	}
	reader.Close()
	next = writeLines(s, next, 10)
	reader, err = os.Open(path) // waits for the writer, which tries again
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if want := fmt.Sprintf("%-98d.\n", next-10); err != nil || line != want {
		t.Errorf("the next reader gets %q, %v; want %q", line, err, want)
	}
}

// smallDisk is a file system of 1 MiB; nothing but root may have one.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("no file system of its own: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	return dir
}

func TestSinkOnAFullDisk(t *testing.T) {
	dir := smallDisk(t)
	path, ballast := filepath.Join(dir, "log"), filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 900<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	all, s := fileSink(t, path)
	var failures atomic.Int64
	s.onLoss(lostTestLine, func(error) { failures.Add(1) })
	next := writeLines(s, 0, 5000) // 500 KiB: what has no room on the disk has room in memory
	until(t, "the disk is full", func() bool { return failures.Load() == 1 })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	until(t, "all is written", contains(path, strconv.Itoa(next-1)+" "))
	next = flood(t, s, next)
	until(t, "the disk is full again", func() bool { return failures.Load() == 2 })
	if all.lost.Load() == 0 {
		t.Error("nothing was lost: the test has not filled the disk")
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=16m"); err != nil {
		t.Fatal(err)
	}
	until(t, "all is written that was not lost", s.idle)
	next = writeLines(s, next, 10)
	all.close()
	readLinesOf(t, next-1, path)
}

// idle says whether nothing waits.
func (s *sink) idle() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines) == 0 && s.lost == 0
}

func TestSinkWhereNothingCanBeWritten(t *testing.T) {
	all, s := fileSink(t, "/dev/full")
	var failures atomic.Int64
	s.onLoss(lostTestLine, func(error) { failures.Add(1) })
	next := flood(t, s, 0)
	until(t, "someone hears of it", func() bool { return failures.Load() == 1 })
	all.close()
	if n := all.lost.Load(); n != uint64(next)+1 {
		t.Errorf("%d lines lost, not all %d and the one that says so", n, next)
	}
}

func TestSinkWithoutItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	all, s := fileSink(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	next := writeLines(s, 0, 10)
	until(t, "it is there again", contains(path, "9 "))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	var failures atomic.Int64
	s.onLoss(lostTestLine, func(error) { failures.Add(1) })
	old := next
	next = writeLines(s, next, 10)
	until(t, "the directory stands in the way", func() bool { return failures.Load() > 0 })
	if err := all.reopen(); err == nil {
		t.Error("a directory was opened")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	until(t, "it is a file again", contains(path, strconv.Itoa(next-1)+" "))
	if text, _ := os.ReadFile(path); !bytes.HasPrefix(text, []byte(strconv.Itoa(old))) {
		t.Errorf("the new file begins with %.20q", text)
	}
	if n := all.lost.Load(); n != 0 {
		t.Errorf("%d lines lost", n)
	}
}

// What was logged before a rotation is in the old file, what comes after it in the new one.
func TestSinkReopensBetweenTwoLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	all, s := fileSink(t, path)
	for i := range maxReopened {
		writeLines(s, i, 1)
		if err := os.Rename(path, fmt.Sprint(path, ".", i)); err != nil {
			t.Fatal(err)
		}
		if err := all.reopen(); err != nil {
			t.Fatal(err)
		}
	}
	all.close()
	for i := range maxReopened {
		text, _ := os.ReadFile(fmt.Sprint(path, ".", i))
		if want := fmt.Sprintf("%-98d.\n", i); string(text) != want {
			t.Errorf("file %d has %q", i, text)
		}
	}
}

func TestSinkReopensWithoutEnd(t *testing.T) {
	s, reader, _, _ := pipeSink(t)
	path := filepath.Join(t.TempDir(), "log")
	s.path = path // a file whose lines wait behind a pipe that nobody reads
	flood(t, s, 0)
	before := openFiles(t)
	var err error
	for range 2 * maxReopened {
		err = s.reopen()
	}
	if n := openFiles(t) - before; err == nil || n > maxReopened {
		t.Errorf("%d more files are open, %v", n, err)
	}
	reader.Close()
}

func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestSinkInAStormOfRotations(t *testing.T) {
	const writers, rotations = 4, 100
	dir := t.TempDir()
	path := filepath.Join(dir, "log")
	all, s := fileSink(t, path)
	stop := make(chan struct{})
	var hammering sync.WaitGroup
	written := make([]int, writers)
	for w := range writers {
		hammering.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					written[w] = i
					return
				default:
				}
				fmt.Fprintf(s, "%d %d\n", w, i)
				if i%100 == 0 {
					time.Sleep(time.Millisecond) // or the buffer is full, which is another test's
				}
			}
		})
	}
	files := []string{}
	for i := range rotations {
		old := fmt.Sprintf("%s.%03d", path, i)
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		if err := all.reopen(); err != nil {
			t.Fatal(err)
		}
		files = append(files, old)
		time.Sleep(time.Millisecond)
	}
	close(stop)
	hammering.Wait()
	all.close()
	if n := all.lost.Load(); n != 0 {
		t.Fatalf("%d lines lost for want of room", n)
	}
	countLines(t, written, append(files, path))
}

// countLines checks that the files have each writer's lines once and in order.
func countLines(t *testing.T, written []int, files []string) {
	t.Helper()
	next := make([]int, len(written))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			var w, i int
			if _, err := fmt.Sscanf(line, "%d %d\n", &w, &i); err != nil || i != next[w] {
				t.Fatalf("%s: line %q where %d should be, %v", file, line, next[w], err)
			}
			next[w]++
		}
	}
	for w := range written {
		if next[w] != written[w] || next[w] == 0 {
			t.Errorf("writer %d: %d lines of %d", w, next[w], written[w])
		}
	}
}

func TestSinksShareATarget(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	all, first := fileSink(t, path)
	second, err := all.acquire(path)
	if err != nil || second != first {
		t.Fatalf("another sink for the same file, %v", err)
	}
	writeLines(first, 0, 1)
	all.release(first)
	writeLines(second, 1, 1)
	all.release(second)
	all.close()
	readLinesOf(t, 1, path)
}

// A line longer than everything that may wait must not be a way to stay out of the log.
func TestSinkTakesALongLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	all, s := fileSink(t, path)
	s.Write(append(bytes.Repeat([]byte("x"), 2*maxWaiting), '\n'))
	all.close()
	if text, _ := os.ReadFile(path); len(text) != 2*maxWaiting+1 {
		t.Errorf("%d bytes", len(text))
	}
}

// direct is what a sink must not be slower than.
type direct struct {
	mu   sync.Mutex
	file *os.File
}

func (d *direct) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.file.Write(p)
}

func BenchmarkSink(b *testing.B) {
	path := filepath.Join(b.TempDir(), "log")
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	b.Run("direct", func(b *testing.B) { benchmarkWriter(b, &direct{file: file}, func() {}) })
	b.Run("sink", func(b *testing.B) {
		all, s := fileSink(b, path)
		benchmarkWriter(b, s, func() {
			for !s.idle() {
				time.Sleep(gatherTime)
			}
		})
		if n := all.lost.Load(); n > 0 {
			b.Errorf("%d lines lost", n)
		}
	})
}

// benchmarkWriter writes lines in bursts, so that none is lost for want of room; wait waits for the end of one.
func benchmarkWriter(b *testing.B, out io.Writer, wait func()) {
	const burst = 1000
	line := append(bytes.Repeat([]byte("x"), 200), '\n')
	var n atomic.Int64
	before := cpuTime()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if n.Add(1)%burst == 0 {
				wait()
			}
			out.Write(line)
		}
	})
	wait()
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}
