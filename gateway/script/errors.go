package script

import (
	"errors"
	"io/fs"
	"net/http"
	"strconv"
	"syscall"

	"gatewayd/gateway"
)

var (
	errFolder    = errors.New("it is a folder")
	errNotFolder = errors.New("it is a file and no script, and the path goes on below it")
	errNoExec    = errors.New("it is not executable")
	errPath      = errors.New("the path is not canonical")
)

// failed is the error for a name that could not be had, or not be used.
func (t *tree) failed(name string, cause error) error {
	file := quoted(t.path(name))
	e := &gateway.Error{Op: "script: find " + file, Err: cause}
	switch {
	case missing(cause), cause == errNotFolder:
		e.Status = http.StatusNotFound
	case cause == errFolder:
		e.Status = http.StatusForbidden
	case cause == errNoExec:
		e.Status = http.StatusForbidden
		e.Hint = "chmod +x " + file + ", or name an interpreter for its extension"
	case errors.Is(cause, fs.ErrPermission):
		e.Status = http.StatusForbidden
		e.Hint = "it has to be a regular file that gatewayd may reach, and no link that leads out of " + quoted(t.root.Path()) + " unless symlinks is any"
	case errors.Is(cause, syscall.EMFILE), errors.Is(cause, syscall.ENFILE), errors.Is(cause, syscall.ENOMEM):
		e.Status = http.StatusServiceUnavailable
	default:
		e.Status = http.StatusInternalServerError
	}
	return e
}

func notCanonical(prefix, rest string) error {
	return &gateway.Error{Status: http.StatusNotFound, Op: "script: resolve " + quoted(prefix+rest), Err: errPath}
}

// quoted makes a path fit for a log line: bounded, with quotes only where it needs them.
func quoted(path string) string {
	const max = 300
	cut := ""
	if len(path) > max {
		path, cut = path[:max], "..."
	}
	if q := strconv.QuoteToASCII(path); q != `"`+path+`"` {
		return q + cut
	}
	return path + cut
}
