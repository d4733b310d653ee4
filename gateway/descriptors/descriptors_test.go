package descriptors

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// limited sets the limit of open files for the test.
func limited(t *testing.T, n uint64) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &old) })
}

func TestCheck(t *testing.T) {
	for _, tt := range []struct {
		limit uint64
		first int // of the reserve
	}{{64, 48}, {256, 192}, {1024, 960}} {
		limited(t, tt.limit)
		if err := Check(tt.first - 1); err != nil {
			t.Errorf("limit %d: %d: %v", tt.limit, tt.first-1, err)
		}
		if err := Check(tt.first); !errors.Is(err, unix.EMFILE) || !errors.Is(err, ErrReserved) {
			t.Errorf("limit %d: %d: %v", tt.limit, tt.first, err)
		}
	}
}

func TestRoom(t *testing.T) {
	limited(t, 64)
	var opened []*os.File
	defer func() {
		for _, f := range opened {
			f.Close()
		}
	}()
	if !Room() {
		t.Fatal("no room to begin with")
	}
	for Room() {
		f, err := os.Open("/")
		if err != nil {
			t.Fatal("the reserve is gone:", err)
		}
		opened = append(opened, f)
		if len(opened) > 64 {
			t.Fatal("there is always room")
		}
	}
	for range 14 { // of a quarter of 64
		f, err := os.Open("/")
		if err != nil {
			t.Fatal("the reserve is smaller than it should be:", err)
		}
		opened = append(opened, f)
	}
	for _, f := range opened[:15] {
		f.Close()
	}
	if !Room() {
		t.Error("no room though descriptors have come back")
	}
}
