package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Watch has the end of the process noticed from now on. To call it again does nothing.
func (p *Process) Watch() {
	if p.watched.CompareAndSwap(false, true) {
		go p.wait()
	}
}

// Await waits a Moment for the end of a process that is not watched, and reaps it; false if that was not enough, or it
// is watched.
func (p *Process) Await() bool {
	if p.pidfd < 0 || p.watched.Load() || !ReadySoon(p.pidfd) || !p.watched.CompareAndSwap(false, true) {
		return false
	}
	unix.Close(p.pidfd)
	p.end()
	return true
}

// wait reaps the process when it has ended.
func (p *Process) wait() {
	if p.pidfd < 0 || !waitPolled(p.pidfd) {
		waitBlocked(p.pid)
	}
	p.end()
}

// end takes note of a process that has ended.
func (p *Process) end() {
	p.state = p.reap()
	if p.onExit != nil {
		p.onExit(p.state)
	}
	close(p.done)
}

// waitPolled returns when the process has ended, and leaves it to be reaped. It gives up, false, where a pidfd cannot
// be polled.
func waitPolled(pidfd int) bool {
	if _, err := unix.FcntlInt(uintptr(pidfd), unix.F_SETFL, unix.O_NONBLOCK); err != nil {
		unix.Close(pidfd)
		return false
	}
	f := os.NewFile(uintptr(pidfd), "pidfd")
	defer f.Close()
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	ended := false
	err = conn.Read(func(fd uintptr) bool {
		var failed error
		ended, failed = hasEnded(unix.P_PIDFD, int(fd), unix.WNOHANG)
		return ended || failed != nil
	})
	return err == nil && ended
}

// waitBlocked is waitPolled at the price of a thread.
func waitBlocked(pid int) { hasEnded(unix.P_PID, pid, 0) }

func hasEnded(idType, id, flags int) (bool, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(idType, id, &info, unix.WEXITED|unix.WNOWAIT|flags, nil)
		if err != unix.EINTR {
			return err == nil && info.Signo != 0, err
		}
	}
}

// endedBySignal is about a process that has ended and was not reaped yet.
func endedBySignal(pid int) bool {
	const exited = 1 // CLD_EXITED of siginfo_t
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return err == nil && info.Signo != 0 && info.Code != exited
}

// reap takes the state of the process, which has ended. Whatever is left of a group that was to be stopped is killed
// first, while the group's number is still its own.
func (p *Process) reap() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.killed && (p.asked || p.one && endedBySignal(p.pid)) {
		p.kill()
	}
	if p.timer != nil {
		p.timer.Stop()
	}
	p.guard.remove(p.guarded)
	var s State
	for {
		_, err := syscall.Wait4(p.pid, &s.Status, 0, &s.Usage)
		if err != syscall.EINTR {
			break
		}
	}
	p.reaped = true
	return s
}
