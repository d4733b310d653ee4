package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// capabilitiesHelper shows what programs get of the capabilities that it was started with, whoever they run as.
func capabilitiesHelper() {
	if err := SealCapabilities(); err != nil {
		fmt.Println(err, errors.Is(err, unix.ENOTSUP))
		return
	}
	daemon := &User{Name: "daemon", UID: 1, GID: 1}
	for _, s := range []Spec{{}, {Umask: ptr(0)}, {User: daemon}, {User: daemon, Umask: ptr(0)}} {
		s.Path, s.Args = "/bin/grep", []string{"grep", "-E", "^(Uid|Cap(Inh|Prm|Eff|Amb)):", "/proc/self/status"}
		s.Stdout, s.Stderr = os.Stdout, os.Stderr
		p, err := Start(s)
		if err != nil {
			fmt.Println(err)
			return
		}
		<-p.Done()
	}
}

func TestProgramsInheritNoCapabilities(t *testing.T) {
	needRoot(t)
	ours, theirs, err := OutputPipe("stdout")
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	defer theirs.Close()
	pid, err := syscall.ForkExec(publicCopy(t), []string{"test"}, &syscall.ProcAttr{
		Dir: "/", Env: []string{"PROCESS_TEST_HELPER=capabilities"}, Files: []uintptr{0, theirs.Fd(), theirs.Fd()},
		Sys: &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
			AmbientCaps: []uintptr{unix.CAP_SETUID, unix.CAP_SETGID},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	got, err := io.ReadAll(ours)
	syscall.Wait4(pid, nil, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(string(got), "true\n") {
		t.Skip("this test binary uses cgo")
	}
	const none = "CapInh: 0000000000000000\nCapPrm: 0000000000000000\nCapEff: 0000000000000000\nCapAmb: 0000000000000000\n"
	nobody, daemon := "Uid: 65534 65534 65534 65534\n"+none, "Uid: 1 1 1 1\n"+none
	if want := nobody + nobody + daemon + daemon; strings.ReplaceAll(string(got), "\t", " ") != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
