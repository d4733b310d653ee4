package nonblock

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReadAndWrite(t *testing.T) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd[0])
	r, w := uintptr(fd[0]), uintptr(fd[1])
	unix.FcntlInt(w, unix.F_SETPIPE_SZ, 1<<20)
	for _, size := range []int{1, Small, Small + 1, 200_000} {
		sent := bytes.Repeat([]byte{byte(size)}, size)
		if n, err := Write(w, sent); n != size || err != nil {
			t.Fatal(n, err)
		}
		got := make([]byte, 0, size)
		for len(got) < size {
			n, err := Read(r, got[len(got):size])
			if n <= 0 || err != nil {
				t.Fatal(n, err)
			}
			got = got[:len(got)+n]
		}
		if !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came as others", size)
		}
	}
	var one [1]byte
	if n, err := Read(r, one[:]); n != 0 || err != unix.EAGAIN {
		t.Errorf("an empty pipe: %d, %v", n, err)
	}
	unix.Close(fd[1])
	if n, err := Read(r, one[:]); n != 0 || err != nil {
		t.Errorf("the end: %d, %v", n, err)
	}
	if n, err := Write(w, one[:]); n != 0 || err != unix.EBADF {
		t.Errorf("no descriptor: %d, %v", n, err)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	var fd [2]int
	if err := unix.Pipe2(fd[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd[0])
	defer unix.Close(fd[1])
	buf := make([]byte, 100)
	if n := testing.AllocsPerRun(100, func() {
		Write(uintptr(fd[1]), buf)
		Read(uintptr(fd[0]), buf)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
