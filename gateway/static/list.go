package static

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatewayd/gateway"
)

// maxListed is how many names a listing shows; it says so when there are more.
const maxListed = 10_000

// entry is one line of a listing.
type entry struct {
	Name     string    `json:"name"`
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

func (h *Handler) list(w http.ResponseWriter, r *http.Request, name string) {
	req := gateway.FromContext(r.Context())
	dir, info, err := h.opt.Root.Open(name)
	if err != nil {
		gateway.Fail(w, r, h.failed(name, err))
		return
	}
	defer dir.Close()
	if !info.IsDir() { // it has become a file since it was resolved
		gateway.Fail(w, r, h.failed(name, fs.ErrNotExist))
		return
	}
	l := listing{Path: req.Path}
	if l.Entries, l.More, err = h.entries(dir, name); err != nil {
		gateway.Fail(w, r, h.failed(name, err))
		return
	}
	page, contentType := l.html(req.Prefix), "text/html; charset=utf-8"
	if strings.Contains(r.Header.Get("Accept"), "application/json") {
		page, _ = json.Marshal(l)
		contentType = "application/json"
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	header.Set("Content-Length", strconv.Itoa(len(page)))
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Accept")
	if h.opt.CacheControl != "" {
		header.Set("Cache-Control", h.opt.CacheControl)
	}
	if r.Method != http.MethodHead {
		w.Write(page)
	}
}

// entries are the names in dir that a request could have, directories first. What a link leads to is judged as a
// request for it would be.
func (h *Handler) entries(dir *os.File, folder string) (found []entry, more bool, err error) {
	names, err := dir.Readdirnames(maxListed + 1)
	if err != nil && len(names) == 0 && !strings.Contains(err.Error(), "EOF") {
		return nil, false, err
	}
	if more = len(names) > maxListed; more {
		names = names[:maxListed]
	}
	found = []entry{}
	for _, name := range names {
		path := name
		if folder != "" {
			path = folder + "/" + name
		}
		if info, err := h.opt.Root.Stat(path); err == nil {
			found = append(found, entry{Name: name, Dir: info.IsDir(), Size: info.Size(), Modified: info.ModTime().UTC().Truncate(time.Second)})
		}
	}
	slices.SortFunc(found, func(a, b entry) int {
		if a.Dir != b.Dir {
			if a.Dir {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return found, more, nil
}

const listHead = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>%[1]s</title>
<style>
:root { color-scheme: light dark; --line: #8884 }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%% }
th, td { text-align: left; padding: .35rem .5rem; border-bottom: 1px solid var(--line) }
th { font-weight: 600; font-size: .85rem; opacity: .7 }
td:first-child { overflow-wrap: anywhere }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
a { text-decoration: none } a:hover { text-decoration: underline }
@media (max-width: 30rem) { .t { display: none } }
</style></head>
<body><main><h1>%[1]s</h1>
<table><thead><tr><th>Name</th><th class="n">Size</th><th class="n t">Modified (UTC)</th></tr></thead><tbody>
`

// html is the listing as a page. Links are relative; "./" in front keeps a name with a colon from being a scheme.
func (l *listing) html(prefix string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, listHead, html.EscapeString(strings.ToValidUTF8(l.Path, "\uFFFD")))
	if l.Path != prefix+"/" {
		b.WriteString("<tr><td><a href=\"../\">../</a></td><td></td><td class=\"t\"></td></tr>\n")
	}
	for _, e := range l.Entries {
		slash, size := "", sizeForPeople(e.Size)
		if e.Dir {
			slash, size = "/", ""
		}
		// A "/" in front keeps url.URL from adding "./" of its own.
		href := "." + (&url.URL{Path: "/" + e.Name}).EscapedPath() + slash
		fmt.Fprintf(&b, "<tr><td><a href=\"%s\">%s%s</a></td><td class=\"n\">%s</td><td class=\"n t\">%s</td></tr>\n",
			html.EscapeString(href), html.EscapeString(strings.ToValidUTF8(e.Name, "\uFFFD")), slash, size, e.Modified.Format("2006-01-02 15:04"))
	}
	b.WriteString("</tbody></table>\n")
	if l.More {
		fmt.Fprintf(&b, "<p>Only %d names are listed; there are more.</p>\n", maxListed)
	}
	b.WriteString("</main></body></html>\n")
	return b.Bytes()
}

func sizeForPeople(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f /= 1024; f < 1024 || unit == "TiB" {
			return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
		}
	}
	return ""
}
