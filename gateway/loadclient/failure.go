package loadclient

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Failure is how a request failed.
type Failure int

// The kinds of failure. None is the request that was answered as wanted.
const (
	None      Failure = iota
	Connect           // no connection
	Reset             // the connection was reset, or closed before the head of the answer was whole
	Timeout           // not done within the deadline
	Status            // a whole answer with a status that was not wanted
	Length            // the answer ended early, or has not the wanted length
	Content           // the wanted length, but other bytes
	Malformed         // no HTTP/1.1, or bytes behind the answer that nobody asked for
	numFailures
)

// String names the failure for people.
func (f Failure) String() string {
	names := [...]string{"ok", "connect error", "reset", "timeout", "unexpected status", "wrong length", "wrong content", "malformed"}
	return names[f]
}

// failed is an error that knows its kind.
type failed struct {
	kind Failure
	err  error
}

func (f *failed) Error() string { return f.kind.String() + ": " + f.err.Error() }

func (f *failed) Unwrap() error { return f.err }

// failureOf is the kind of err: what err itself says, else what the connection's errors mean, else other.
func failureOf(err error, other Failure) Failure {
	var f *failed
	switch {
	case err == nil:
		return None
	case errors.As(err, &f):
		return f.kind
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Timeout
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	}
	return other
}

// early is err, or what an end of the connection means that came too early.
func early(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
