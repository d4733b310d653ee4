package relay

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"gatewayd/gateway"
)

// sendfileKept are the fields of a program's answer that go with a file which it has sent by name; what else it said
// was about its own body.
var sendfileKept = []string{"Set-Cookie", "Content-Type", "Content-Disposition", "Cache-Control", "Expires", "Content-Language", "Link", "Vary"}

// sendfilePath is the file that a program's answer names, as an absolute path: in X-Sendfile as it is, in
// X-Accel-Redirect percent-encoded, with a query that means nothing for a file. ok is false if it names none.
func sendfilePath(h http.Header) (path string, ok bool, err error) {
	if path := h.Get("X-Sendfile"); path != "" {
		return path, true, nil
	}
	encoded := h.Get("X-Accel-Redirect")
	if encoded == "" {
		return "", false, nil
	}
	encoded, _, _ = strings.Cut(encoded, "?")
	path, err = url.PathUnescape(encoded)
	return path, true, err
}

// sendfile answers with the file that the program has named; false if it has named none. The file answers as a GET, or
// a HEAD, with ranges and preconditions.
func (h *Handler) sendfile(w http.ResponseWriter, r *http.Request, resp *http.Response) bool {
	if h.opt.Sendfile == nil {
		return false
	}
	path, ok, err := sendfilePath(resp.Header)
	if !ok {
		return false
	}
	discard(resp.Body)
	resp.Body.Close()
	for _, name := range sendfileKept {
		if values, ok := resp.Header[name]; ok {
			w.Header()[name] = values
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		r = r.Clone(r.Context())
		r.Method = http.MethodGet
	}
	if err != nil || !h.opt.Sendfile(w, r, path) {
		for _, name := range sendfileKept {
			w.Header().Del(name)
		}
		gateway.Fail(w, r, &gateway.Error{
			Status: http.StatusBadGateway, Op: "send the file that the program named, " + path, Err: errors.Join(errNotInRoots, err),
			Hint: "add its directory to `sendfile`, or correct the path in X-Sendfile",
		})
	}
	return true
}

var errNotInRoots = errors.New("it is in none of the directories of `sendfile`")
