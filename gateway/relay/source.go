package relay

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"gatewayd/gateway"
)

// What is read of an answer whose rest nobody gets (HEAD, 204, bytes behind Content-Length), so that the program can
// finish its work, before it is stopped.
const (
	drainBytes = 16 << 20
	drainTime  = 5 * time.Second
)

// source is a program's answer: of its bytes, as many as the client gets.
type source struct {
	body   io.ReadCloser
	length int64 // that the program announced; -1 if none
	left   int64 // bytes that the client still gets; -1 if nobody knows
}

// Read implements io.Reader. Once there is nothing left for the client it lets the program finish, and is io.EOF.
func (s *source) Read(p []byte) (n int, err error) {
	if s.left == 0 {
		discard(s.body)
		return 0, io.EOF
	}
	n, err = s.body.Read(p)
	if s.left < 0 {
		return n, err
	}
	n = int(min(int64(n), s.left))
	s.left -= int64(n)
	switch {
	case s.left == 0 && err != io.EOF:
		return n, nil
	case s.left > 0 && err == io.EOF:
		return n, s.tooShort()
	}
	return n, err
}

func (s *source) tooShort() error {
	return &gateway.Error{
		Status: http.StatusBadGateway, Op: "read the program's answer",
		Err:  fmt.Errorf("it announced Content-Length: %d and ended after %d bytes", s.length, s.length-s.left),
		Hint: "the program must write as many bytes as it announces, or announce none",
	}
}

// discard reads what nobody gets, within drainBytes and drainTime. To close body instead would stop a program that has
// said where to go on and is still at work.
func discard(body io.ReadCloser) {
	timer := time.AfterFunc(drainTime, func() { body.Close() })
	defer timer.Stop()
	io.CopyN(io.Discard, body, drainBytes)
}
