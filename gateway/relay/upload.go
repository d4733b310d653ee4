package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"gatewayd/gateway"
)

// leftPoll is how often a client whose body is streamed is looked after: while the program does not read, nobody reads
// from the connection either, and its end shows nowhere else.
const leftPoll = 200 * time.Millisecond

// errUploadOver is what a program's writer gets of a body that is over for this side.
var errUploadOver = errors.New("the request has been answered")

// upload is a request body on its way to the program. Read is for one goroutine, Close for another.
type upload struct {
	src  io.Reader
	ctl  *http.ResponseController
	size int64
	left int64 // bytes that it may still have, and one more; -1 is no limit
	over *gateway.Error

	mu      sync.Mutex
	closed  bool
	reading chan struct{} // closed when the read that is under way returns; nil if there is none
}

// newUpload makes an upload of r's body; over is the error of one with more than limit bytes, 0 for any number. That the
// answer may begin before the body ends is middleware.Linger's doing.
func newUpload(w http.ResponseWriter, r *http.Request, limit int64, over *gateway.Error) *upload {
	u := &upload{src: r.Body, ctl: http.NewResponseController(w), size: r.ContentLength, left: -1, over: over}
	if limit > 0 {
		u.left = limit + 1
	}
	return u
}

// Len is the announced length.
func (u *upload) Len() int64 { return u.size }

// Read implements io.Reader.
func (u *upload) Read(p []byte) (int, error) {
	done, ok := u.begin()
	if !ok {
		return 0, errUploadOver
	}
	if u.left >= 0 && int64(len(p)) > u.left {
		p = p[:u.left]
	}
	n, err := u.src.Read(p)
	if u.left >= 0 {
		u.left -= int64(n)
	}
	if !u.end(done) {
		return 0, errUploadOver
	}
	if u.left == 0 {
		return 0, u.over
	}
	return n, err
}

func (u *upload) begin() (done chan struct{}, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closed {
		return nil, false
	}
	u.reading = make(chan struct{})
	return u.reading, true
}

func (u *upload) end(done chan struct{}) (ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	close(done)
	u.reading = nil
	return !u.closed
}

// Close ends the reading, also one that is under way: after that the body can no longer be read to its end.
func (u *upload) Close() error {
	u.mu.Lock()
	u.closed = true
	reading := u.reading
	u.mu.Unlock()
	for reading != nil {
		u.ctl.SetReadDeadline(time.Unix(1, 0))
		select {
		case <-reading:
			return nil
		case <-time.After(expireAgain):
		}
	}
	return nil
}

// watch cancels a request whose client has left. The caller stops it.
func (u *upload) watch(left func() bool, cancel context.CancelCauseFunc) (stop func()) {
	if left == nil {
		return func() {}
	}
	over := make(chan struct{})
	go func() {
		ticker := time.NewTicker(leftPoll)
		defer ticker.Stop()
		for !left() {
			select {
			case <-ticker.C:
			case <-over:
				return
			}
		}
		cancel(context.Canceled)
	}()
	return func() { close(over) }
}
