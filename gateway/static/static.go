package static

import (
	"net/http"

	"gatewayd/gateway"
	"gatewayd/gateway/docroot"
)

// Options is what a Handler is made of. Without a word on index, listing and siblings it serves files alone.
type Options struct {
	Root          *docroot.Root // the Handler closes it
	Index         []string      // file names that stand for their directory, the first that exists
	Browse        bool          // directories without an index are listed
	Precompressed bool          // NAME.br, NAME.zst and NAME.gz answer for NAME when the client takes them
	CacheControl  string        // Cache-Control of 200, 206 and 304; "" is none
}

// Handler serves files. Safe for concurrent use.
type Handler struct{ opt Options }

// New returns a Handler. The caller closes it.
func New(opt Options) *Handler { return &Handler{opt: opt} }

// Close lets go of the root. What is being sent is sent to its end; requests that come afterwards get 503.
func (h *Handler) Close() error { return h.opt.Root.Close() }

// ServeHTTP serves the file or the directory that the gateway.Request in the context names below its route.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !allowed(w, r) {
		return
	}
	req := gateway.FromContext(r.Context())
	found, err := h.find(req.Rest(), IsExact(req.Route))
	if err != nil {
		gateway.Fail(w, r, err)
		return
	}
	switch found.kind {
	case AddSlash:
		gateway.RedirectToSlash(w, r, req.Path)
	case List:
		h.list(w, r, found.name)
	default:
		h.serve(w, r, found)
	}
}

// ServeName serves the file of a name below the root, which somebody has found to be one.
func (h *Handler) ServeName(w http.ResponseWriter, r *http.Request, name string) {
	if !allowed(w, r) {
		return
	}
	found, err := h.open(name)
	if err == nil && found.kind != File { // it has become a directory since
		err = h.failed(name, errFolder)
	}
	if err != nil {
		gateway.Fail(w, r, err)
		return
	}
	h.serve(w, r, found)
}

const methods = "GET, HEAD, OPTIONS"

// CheckMethod is the error for a method that files do not take; nil for GET, HEAD and OPTIONS.
func CheckMethod(method string) error {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		return nil
	}
	return gateway.Errorf(http.StatusMethodNotAllowed, "static: files do not take %s", method)
}

// allowed says whether a file is asked for; every other request it answers itself.
func allowed(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", methods)
	if err := CheckMethod(r.Method); err != nil {
		gateway.Fail(w, r, err)
		return false
	}
	w.WriteHeader(http.StatusNoContent)
	return false
}
