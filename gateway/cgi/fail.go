package cgi

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/process"
)

// startError is the error of a request whose program could not be started.
func startError(s process.Spec, err error, req *gateway.Request) *gateway.Error {
	d := process.Explain(s, err)
	e := startFailure(s, d, fmt.Errorf("%s (%w)", d.Cause, errnoOf(err)))
	if status := tooBig(req); errors.Is(err, unix.E2BIG) && status != 0 {
		e.Status, e.Public = status, ""
	}
	return e
}

// blameless is a size up to which no request can be the reason that variables are more than the system takes.
const blameless = 8 << 10

// tooBig is the status for the larger part of a request, 0 if neither is large.
func tooBig(req *gateway.Request) (status int) {
	header := 0
	for name, values := range req.Header {
		for _, v := range values {
			header += len(name) + len(v)
		}
	}
	switch target := len(req.RequestURI); {
	case target+header <= blameless:
		return 0
	case target > header:
		return http.StatusRequestURITooLong
	}
	return http.StatusRequestHeaderFieldsTooLarge
}

// startFailure is the error of a program that was not started because of err, or would not be.
func startFailure(s process.Spec, d process.Diagnosis, err error) *gateway.Error {
	e := &gateway.Error{
		Status: http.StatusBadGateway,
		Op:     "cgi: start " + s.Path,
		Err:    err,
		Hint:   d.Hint,
		Public: "The program behind this address could not be started.",
	}
	switch {
	case d.NotExecutable:
		e.Status, e.Public = http.StatusForbidden, ""
	case d.Busy:
		e.Status, e.Public, e.RetryAfter, e.Overload = http.StatusServiceUnavailable, "", time.Second, true
	}
	return e
}

// errnoOf is the system's part of err: what surrounds it repeats the path.
func errnoOf(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// failed is the error of a request whose program gave no valid head. It ends the program.
func (r *run) failed(err error) error {
	defer r.release(false)
	how, hint := "", ""
	if r.atEOF.Load() {
		how, hint = r.ending()
	}
	if why := r.brokenOff(); why != nil {
		return why
	}
	var bad *cgispec.ResponseError
	if hint == "" && errors.As(err, &bad) {
		hint = bad.Hint()
	}
	return &gateway.Error{
		Status: http.StatusBadGateway,
		Op:     "cgi: read the answer of " + r.script,
		Err:    fmt.Errorf("%w%s%s", err, how, r.lastWords()),
		Hint:   hint,
	}
}

// brokenOff is why the request was ended from this side, nil if it was not.
func (r *run) brokenOff() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.bodyErr != nil:
		return r.bodyErr
	case r.ctx.Err() != nil:
		return ended(r.ctx, r.script)
	}
	return nil
}

// ending says how a program ended that has closed its output too early. The hint may be empty.
func (r *run) ending() (how, hint string) {
	s, ok := r.outcome()
	if !ok {
		return "; the program closed its output and went on", ""
	}
	r.awaitLastWords()
	how = "; the program ended with " + s.String()
	if s.Signal() != 0 {
		how = "; the program was " + s.String()
	}
	d := process.ExplainEnd(r.spec, r.script, s)
	if d.Cause != "" {
		how += ": " + d.Cause
	}
	return how, d.Hint
}

// awaitLastWords waits a moment for standard error to end, once the program has.
func (r *run) awaitLastWords() {
	timer := time.NewTimer(lastWordsTime)
	defer timer.Stop()
	select {
	case <-r.stderr.done:
	case <-timer.C:
	}
}

// lastWords is a clause for the log, empty if there are none.
func (r *run) lastWords() string {
	words := r.stderr.lastWords()
	if words == "" {
		return ""
	}
	return fmt.Sprintf("; its last words: %q", words)
}

// statField is field n, counted from 1, of a line of /proc/PID/stat; n is beyond the command's name, which may hold
// anything.
func statField(stat []byte, n int) (uint64, bool) {
	i := bytes.LastIndexByte(stat, ')')
	if i < 0 {
		return 0, false
	}
	fields := bytes.Fields(stat[i+1:])
	if n-3 < 0 || n-3 >= len(fields) {
		return 0, false
	}
	v, err := strconv.ParseUint(string(fields[n-3]), 10, 64)
	return v, err == nil
}
