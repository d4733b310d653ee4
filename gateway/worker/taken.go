package worker

import (
	"context"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// answerTime is how long a worker that has taken the question whether it is ready may think about it. Most have the
	// answer at once, some never.
	answerTime = time.Second

	// A look at the connection costs two system calls; the first follow each other closely, for quick programs.
	firstLook = time.Millisecond
	lastLook  = 20 * time.Millisecond
)

// question is a connection on which a worker is asked.
type question struct {
	*net.UnixConn
	once sync.Once
	sent chan struct{} // closed when something has been said
}

func (q *question) Write(b []byte) (int, error) {
	n, err := q.UnixConn.Write(b)
	if n > 0 {
		q.once.Do(func() { close(q.sent) })
	}
	return n, err
}

// asked says whether anything has been said.
func (q *question) asked() bool {
	select {
	case <-q.sent:
		return true
	default:
		return false
	}
}

// limit gives up when the worker has taken what was said and answerTime has passed. Until a worker is so far that it
// takes something there is no such limit.
func (q *question) limit(ctx context.Context, giveUp func()) {
	select {
	case <-q.sent:
	case <-ctx.Done():
		return
	}
	for wait := firstLook; !q.taken(); wait = min(2*wait, lastLook) {
		if !sleep(ctx, wait) {
			return
		}
	}
	if sleep(ctx, answerTime) {
		giveUp()
	}
}

// taken says whether the program at the other end has done anything with it: read what was said, answered, or
// closed it. A connection that waits to be accepted gives no sign, not even when the program ends. That nothing is unread
// is no sign where nothing was said: a program may end before that.
func (q *question) taken() bool {
	raw, err := q.SyscallConn()
	if err != nil {
		return false
	}
	done := false
	raw.Control(func(fd uintptr) {
		unread, err := unix.IoctlGetInt(int(fd), unix.SIOCOUTQ)
		done = q.asked() && (unread == 0 || err != nil) // where nobody can tell, it is assumed
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, 0); err == nil && poll[0].Revents != 0 {
			done = true
		}
	})
	return done
}

// sleep is false if ctx has ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
