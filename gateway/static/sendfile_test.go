package static

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"gatewayd/gateway/docroot"
)

// forbidSendfile makes the kernel answer sendfile(2) with EPERM, for which nothing falls back to copying, in every thread
// of the process, for good.
func forbidSendfile() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the system call
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_SENDFILE, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(syscall.EPERM)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// TestSendfile asks for files in a process that may not use sendfile(2), where every answer that should be sent so must
// break off: bytes that arrive all the same were copied.
func TestSendfile(t *testing.T) {
	const inChild = "GATEWAYD_TEST_SENDFILE"
	if os.Getenv(inChild) == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestSendfile$", "-test.v")
		cmd.Env = append(os.Environ(), inChild+"=1")
		output, err := cmd.CombinedOutput()
		if err != nil || strings.Count(string(output), "--- PASS: TestSendfile/") != 4 {
			t.Errorf("%v\n%s", err, output)
		}
		return
	}
	big := strings.Repeat(alphabet, 10_000)
	s := serve(t, Options{Precompressed: true}, docroot.Options{}, map[string]string{"big.txt": big, "twin.txt": "x", "twin.txt.gz": big})
	asks := map[string]struct{ request, body string }{
		"a whole file": {"GET /big.txt HTTP/1.1\r\n", big},
		"one range":    {"GET /big.txt HTTP/1.1\r\nRange: bytes=5-200004\r\n", big[5:200005]},
		"the end":      {"GET /big.txt HTTP/1.1\r\nRange: bytes=-100000\r\n", big[len(big)-100000:]},
		"a sibling":    {"GET /twin.txt HTTP/1.1\r\nAccept-Encoding: gzip\r\n", big},
	}
	ask := func(t *testing.T, request string) answer {
		return s.raw(t, request+"Host: h\r\nConnection: close\r\n\r\n")
	}
	for name, test := range asks {
		if a := ask(t, test.request); a.broken || a.body != test.body {
			t.Fatalf("%s, before anything is forbidden: %d bytes, want %d", name, len(a.body), len(test.body))
		}
	}
	must(t, forbidSendfile())
	for name, test := range asks {
		t.Run(name, func(t *testing.T) {
			if a := ask(t, test.request); !a.broken {
				t.Errorf("%d bytes of %d arrived without sendfile", len(a.body), len(test.body))
			}
		})
	}
}
