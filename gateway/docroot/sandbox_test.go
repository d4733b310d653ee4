package docroot

import (
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// forbidOpenat2 makes the kernel answer openat2(2) with an error on the calling thread, as an old kernel or a
// container's sandbox does.
func forbidOpenat2(answer syscall.Errno) error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_OPENAT2, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(answer)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}

func TestWithoutOpenat2(t *testing.T) {
	root, _ := plant(t, tree)
	for _, answer := range []syscall.Errno{unix.ENOSYS, unix.EPERM} {
		onThread(func() {
			if err := forbidOpenat2(answer); err != nil {
				t.Error(err)
				return
			}
			r := New(root, Options{})
			defer r.Close()
			for name, want := range map[string]string{"sub/deep/file": "sub/deep/file", "in": "plain.txt", "out": "!refused", "nothing": "!missing"} {
				if got := openAndRead(t, r, name); got != want {
					t.Errorf("%v: %q gives %q, want %q", answer, name, got, want)
				}
			}
			if _, ok := r.dir.directory.(pinned); !ok {
				t.Errorf("%v: the root is held by %T", answer, r.dir.directory)
			}
		})
	}
}
