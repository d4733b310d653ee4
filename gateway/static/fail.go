package static

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"syscall"

	"gatewayd/gateway"
	"gatewayd/gateway/docroot"
)

// failed is the error for a name that cannot be served. A hint makes a line in the log at the default level: what
// anybody can cause by asking for a name has none.
func (h *Handler) failed(name string, err error) error {
	e := &gateway.Error{Op: "static: open " + h.Path(name), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Status = http.StatusNotFound
		if _, err := os.Stat(h.opt.Root.Path()); err != nil {
			e.Hint = "the root itself cannot be reached: " + err.Error()
		}
	case errors.Is(err, docroot.ErrOutside):
		e.Status = http.StatusForbidden
		e.Hint = "a symbolic link leads out of the root, or has an absolute target; `symlinks: any` lets links lead anywhere"
	case errors.Is(err, docroot.ErrSpecial):
		e.Status = http.StatusForbidden
	case errors.Is(err, fs.ErrPermission):
		e.Status = http.StatusForbidden
		e.Hint = "the user that gatewayd runs as must be able to read the file and to search the directories above it"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		e.Status = http.StatusServiceUnavailable
		e.Hint = "there are too many open files; raise the limit (ulimit -n, LimitNOFILE)"
	case errors.Is(err, syscall.ENOMEM), errors.Is(err, fs.ErrClosed):
		e.Status = http.StatusServiceUnavailable
	default:
		e.Status = http.StatusInternalServerError
	}
	return e
}

func (h *Handler) noIndex(folder string) error {
	return &gateway.Error{
		Status: http.StatusForbidden, Op: "static: serve " + h.Path(folder), Err: errNoIndex,
		Hint: "put one of the `index` files there, or say `browse: true`", Public: "This folder has no index page.",
	}
}
