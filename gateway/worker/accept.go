package worker

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// A look at the socket costs one system call; the first follow each other closely, for quick programs.
const (
	firstLook = time.Millisecond
	lastLook  = 10 * time.Millisecond
)

// awaitAccept waits until nobody waits in the socket's queue any more: then the worker has taken the connection that was
// made before. No program minds that, whatever it speaks, and one that is none of its kind never does it.
func (w *worker) awaitAccept(ctx context.Context) error {
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		queued, err := w.queued()
		if err != nil || !queued {
			return err
		}
		w.dropKept()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return errNotAccepted
		}
	}
}

// dropKept closes the connections that are kept to the worker: while it reads from one, as most programs do that serve one
// request at a time, it accepts no other, and minds no SIGTERM. Requests that waited in the socket for a new worker leave
// theirs, too.
func (w *worker) dropKept() {
	w.slot.pool.mu.Lock()
	peer := w.slot.peer
	w.slot.pool.mu.Unlock()
	peer.Drop()
}

// queued says whether connections wait to be accepted.
func (w *worker) queued() (queued bool, err error) {
	conn, err := w.socket.SyscallConn()
	if err != nil {
		return false, err
	}
	cerr := conn.Control(func(fd uintptr) {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			_, err = unix.Poll(poll, 0)
			if err != unix.EINTR {
				break
			}
		}
		queued = poll[0].Revents != 0
	})
	if cerr != nil {
		return false, cerr
	}
	return queued, err
}
