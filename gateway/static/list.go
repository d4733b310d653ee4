package static

import (
	"cmp"
	"encoding/json"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatewayd/gateway"
)

// maxListed is how many names of a directory a listing looks at; it says so when there are more.
const maxListed = 10_000

// entry is one line of a listing.
type entry struct {
	Name     string    `json:"name"` // bytes that are not UTF-8 are replaced: Href is the name for programs
	Href     string    `json:"href"` // relative to the directory
	Dir      bool      `json:"dir"`
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
}

// listing is a directory as its reader sees it.
type listing struct {
	Path    string  `json:"path"`
	Entries []entry `json:"entries"`
	More    bool    `json:"more"` // there are more than are listed
}

// list answers with what is in the directory name: a page, or JSON for a client that asks for it.
func (h *Handler) list(w http.ResponseWriter, r *http.Request, name string) {
	req := gateway.FromContext(r.Context())
	infos, more, err := h.opt.Root.ReadDir(name, maxListed)
	if err != nil {
		gateway.Fail(w, r, h.failed(name, err))
		return
	}
	l := listing{Path: req.Path, Entries: entriesOf(infos), More: more}
	page, contentType := []byte(nil), "text/html; charset=utf-8"
	if prefersJSON(r.Header["Accept"]) {
		page, _ = json.Marshal(l) // strings, numbers and dates of this age always marshal
		page, contentType = append(page, '\n'), "application/json"
	} else {
		page = l.html(req.Prefix)
	}
	v := variant{validators: validators{etag: hashTag(page, "")}}
	header := w.Header()
	header.Set("Vary", "Accept")
	header.Set("Etag", v.etag)
	if h.opt.CacheControl != "" {
		header.Set("Cache-Control", h.opt.CacheControl)
	}
	switch check(r, v.validators, time.Now()) {
	case preconditionFailed:
		gateway.Fail(w, r, &gateway.Error{Status: http.StatusPreconditionFailed, Op: "static: a precondition of the request does not hold for " + h.Path(name)})
		return
	case notModified:
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", contentType)
	header.Set("X-Content-Type-Options", "nosniff")
	// Should a name ever get through as markup, it can do nothing.
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
	header.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(page)
	}
}

// entriesOf are the entries in the order of the listing: directories first, then by name, byte by byte.
func entriesOf(infos []fs.FileInfo) []entry {
	entries := make([]entry, len(infos))
	for i, info := range infos {
		entries[i] = entry{Name: info.Name(), Href: hrefOf(info.Name()), Dir: info.IsDir(), Modified: dateOf(info)}
		if info.IsDir() {
			entries[i].Href += "/"
		} else {
			entries[i].Size = info.Size()
		}
	}
	slices.SortFunc(entries, func(a, b entry) int {
		if a.Dir != b.Dir {
			if a.Dir {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return entries
}

// dateOf is the modification time in whole seconds. JSON has no dates beyond the year 9999, which a file may have.
func dateOf(info fs.FileInfo) time.Time {
	t := info.ModTime().UTC().Truncate(time.Second)
	if t.Year() < 0 || t.Year() > 9999 {
		return time.Time{}
	}
	return t
}

// hrefOf is a relative reference to a name. "./" in front keeps a colon from making a scheme of what stands before it,
// and everything but the unreserved characters of RFC 3986 is encoded.
func hrefOf(name string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(name)+8)
	b = append(b, "./"...)
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0:
			b = append(b, c)
		default:
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
