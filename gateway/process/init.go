package process

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// exitSignal is added to the number of a signal that has ended the child, as shells do.
const exitSignal = 128

// Init is for the first lines of main. In process 1, which a container's first program is, it does what is expected of
// that one and does not return: it starts this executable again, passes signals on to it, reaps whatever the kernel
// makes its child, and ends as its child does. In any other process it does nothing. To reap "any child" in the server
// itself would steal exit states from whoever waits for them.
func Init() {
	if os.Getpid() != 1 {
		return
	}
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2)
	child, err := syscall.ForkExec(selfExe, os.Args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
		// A group of its own: else a terminal would signal it too, and it would be told twice.
		Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		os.Stderr.WriteString("gatewayd: start the server from process 1: " + err.Error() + "\n")
		os.Exit(1)
	}
	go forward(signals, child)
	os.Exit(reapUntil(child))
}

func forward(signals <-chan os.Signal, child int) {
	for sig := range signals {
		syscall.Kill(child, sig.(syscall.Signal))
	}
}

// reapUntil reaps every child until the one that counts has ended, and returns its exit status.
func reapUntil(child int) int {
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case err == unix.ECHILD:
			return 1
		case pid != child:
		case status.Signaled():
			return exitSignal + int(status.Signal())
		case status.Exited():
			return status.ExitStatus()
		}
	}
}
