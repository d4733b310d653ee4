package worker

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gatewayd/gateway/upstream"
)

func TestPause(t *testing.T) {
	for _, tt := range []struct {
		failures  int
		age, want time.Duration
	}{
		{0, time.Second, 0},
		{-3, 50 * time.Millisecond, 150 * time.Millisecond},
		{1, 0, 200 * time.Millisecond},
		{1, time.Second, 100 * time.Millisecond},
		{2, time.Second, 200 * time.Millisecond},
		{4, 0, 800 * time.Millisecond},
		{8, 0, 10 * time.Second},
		{1000, 0, 10 * time.Second},
	} {
		if got := pause(tt.failures, tt.age); got != tt.want {
			t.Errorf("%d failures, the last start %v ago: %v", tt.failures, tt.age, got)
		}
	}
}

func TestRation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got []string
		r := ration{log: func(line string) { got = append(got, line) }}
		for range 2 * linesAtOnce {
			r.line("x")
		}
		if len(got) != linesAtOnce {
			t.Error(len(got), "lines at once")
		}
		got = nil
		time.Sleep(time.Second)
		for range 2 * linesPerSecond {
			r.line("x")
		}
		if len(got) != linesPerSecond+1 || got[0] != "(500 lines were not logged: more than 50 a second)" {
			t.Error(len(got), "lines in another second:", got[0])
		}
		got = nil
		time.Sleep(time.Hour)
		for range 2 * linesAtOnce {
			r.line("x")
		}
		if len(got) != linesAtOnce+1 {
			t.Error(len(got), "lines after an hour")
		}
	})
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	a, b := folder{parent: dir}, folder{parent: dir}
	first, err := a.socket("3")
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Dir(first)); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
	if second, err := b.socket("3"); err != nil || second == first {
		t.Error(second, err)
	}
	if again, err := a.socket("3"); again != first || err != nil {
		t.Error("one that is in use was swept:", again, err)
	}
	left := filepath.Join(dir, folderName+"123")
	if err := os.MkdirAll(left, 0o700); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(left, "0.sock"), nil, 0o600)
	a.remove()
	a.remove()
	if _, err := a.socket("0"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("a leftover was not swept")
	}
	a.remove()
	b.remove()
	if all, _ := os.ReadDir(dir); len(all) > 0 {
		t.Error(all)
	}
}

func TestFolderFallsBack(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, parent := range []string{long, filepath.Join(long, "missing"), "/does/not/exist"} {
		f := folder{parent: parent}
		path, err := f.socket("9999999999")
		if err != nil || len(path) > maxPath || strings.HasPrefix(path, parent) {
			t.Error(path, err)
		}
		socket, err := listen(path)
		if err != nil {
			t.Fatal(err)
		}
		socket.Close()
		f.remove()
	}
	if err := (&folder{}).makeIn(long); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Error(err)
	}
}

func BenchmarkLease(b *testing.B) {
	s := spec(b, "serves")
	s.Workers, s.Concurrency = 8, 4
	p, _ := readyPool(b, s)
	b.ReportAllocs()
	for b.Loop() {
		l, err := p.Lease(context.Background(), nil)
		if err != nil {
			b.Fatal(err)
		}
		l.Release(upstream.Served)
	}
}
