// Package static serves files from a root: an http.Handler for requests that carry a gateway.Request. It runs nothing
// and decides nothing about scripts.
package static

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/docroot"
)

// Options is what a Handler is made of.
type Options struct {
	Root          *docroot.Root // the Handler closes it
	Index         []string      // file names that stand for their directory, the first that exists
	Browse        bool          // directories without an index are listed
	Precompressed bool          // NAME.br, NAME.zst and NAME.gz answer for NAME when the client takes them
	CacheControl  string        // Cache-Control of what is served; "" is none
}

// Handler serves files. Safe for concurrent use.
type Handler struct{ opt Options }

// New returns a Handler. The caller closes it.
func New(opt Options) *Handler { return &Handler{opt: opt} }

// Close lets go of the root.
func (h *Handler) Close() error { return h.opt.Root.Close() }

// Kind says what Resolve has found.
type Kind int

// The kinds of what a path can name.
const (
	File     Kind = iota + 1 // a file to serve
	List                     // a directory to list
	AddSlash                 // a directory asked for without its slash
)

// Resolve finds what rest, the path below the route, names: a name below the root ("" is the root itself) and what it
// is. exact says that the route is no prefix, so that there is no slash to add. The errors are *gateway.Error. ServeHTTP
// decides by it alone.
func (h *Handler) Resolve(rest string, exact bool) (name string, kind Kind, err error) {
	if exact && rest == "" {
		rest = "/"
	}
	name = strings.TrimPrefix(rest, "/")
	folder := name == "" || strings.HasSuffix(name, "/")
	name = strings.TrimSuffix(name, "/")
	info, err := h.opt.Root.Stat(name)
	switch {
	case err != nil:
		return name, 0, h.failed(name, err)
	case !info.IsDir() && folder:
		return name, 0, h.failed(name, errNotFolder)
	case !info.IsDir():
		return name, File, nil
	case !folder || rest == "":
		return name, AddSlash, nil
	}
	return h.index(name)
}

var (
	errNotFolder = fmt.Errorf("%w: it is a file, and a slash follows it in the URL", fs.ErrNotExist)
	errNoIndex   = errors.New("it is a directory without an index")
)

func (h *Handler) index(folder string) (name string, kind Kind, err error) {
	for _, index := range h.opt.Index {
		name := path.Join(folder, index)
		info, err := h.opt.Root.Stat(name)
		switch {
		case err == nil && !info.IsDir():
			return name, File, nil
		case err != nil && !errors.Is(err, fs.ErrNotExist):
			return name, 0, h.failed(name, err)
		}
	}
	if h.opt.Browse {
		return folder, List, nil
	}
	return folder, 0, &gateway.Error{
		Status: http.StatusForbidden, Op: "static: serve " + h.Path(folder), Err: errNoIndex,
		Hint: "put one of the `index` files there, or say `browse: true`", Public: "This folder has no index page.",
	}
}

// Path is the file system's path of a name below the root.
func (h *Handler) Path(name string) string { return filepath.Join(h.opt.Root.Path(), name) }

func (h *Handler) failed(name string, err error) error {
	e := &gateway.Error{Op: "static: open " + h.Path(name), Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Status = http.StatusNotFound
	case errors.Is(err, fs.ErrPermission):
		e.Status = http.StatusForbidden
		e.Hint = "only readable regular files inside the root are served; `symlinks: any` lets links lead out of it"
	case errors.Is(err, fs.ErrClosed):
		e.Status = http.StatusServiceUnavailable
	default:
		e.Status = http.StatusInternalServerError
		e.Hint = "if there are too many open files, raise the limit (ulimit -n, LimitNOFILE)"
	}
	return e
}

// ServeHTTP serves the file or the directory that the request names below the route.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	req := gateway.FromContext(r.Context())
	name, kind, err := h.Resolve(req.Rest(), req.Path == req.Prefix && !strings.HasSuffix(req.Route, "/*"))
	switch {
	case err != nil:
		gateway.Fail(w, r, err)
	case kind == AddSlash:
		redirect(w, r, SlashLocation(req.Path, r.URL))
	case kind == List:
		h.list(w, r, name)
	default:
		h.serve(w, r, name)
	}
}

// ServeName serves the file of a name below the root, which somebody has found to be one.
func (h *Handler) ServeName(w http.ResponseWriter, r *http.Request, name string) {
	if allowed(w, r) {
		h.serve(w, r, name)
	}
}

// allowed answers every method that files do not take.
func allowed(w http.ResponseWriter, r *http.Request) bool {
	const methods = "GET, HEAD, OPTIONS"
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		w.Header().Set("Allow", methods)
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", methods)
		gateway.Fail(w, r, gateway.Errorf(http.StatusMethodNotAllowed, "static: files do not take %s", r.Method))
	}
	return false
}

// SlashLocation is path with a slash behind it and the query of u, as a reference. path is a decoded canonical path: it
// begins with one slash, so it cannot name another host, and everything that could end a line is encoded.
func SlashLocation(path string, u *url.URL) string {
	to := url.URL{Path: path + "/", RawQuery: u.RawQuery, ForceQuery: u.ForceQuery}
	return to.String()
}

func redirect(w http.ResponseWriter, _ *http.Request, location string) {
	w.Header().Set("Location", location)
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMovedPermanently)
}

// openFile opens a regular file below the root.
func (h *Handler) openFile(name string) (*os.File, fs.FileInfo, error) {
	file, info, err := h.opt.Root.Open(name)
	if err != nil {
		return nil, nil, h.failed(name, err)
	}
	if info.IsDir() { // it has become one since it was resolved
		file.Close()
		return nil, nil, h.failed(name, fs.ErrNotExist)
	}
	return file, info, nil
}
