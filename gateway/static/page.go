package static

import (
	"bytes"
	"html"
	"strconv"
	"strings"
	"unicode"
)

const pageStyle = `:root { color-scheme: light dark; --line: #8883; --soft: #8881 }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.25rem; font-weight: 600; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .35rem .5rem; border-bottom: 1px solid var(--line) }
th { font-weight: 600; font-size: .85rem; opacity: .7 }
tbody tr:hover { background: var(--soft) }
td:first-child { overflow-wrap: anywhere }
.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
a { text-decoration: none }
a:hover { text-decoration: underline }
p { opacity: .7 }
@media (max-width: 30rem) { .t { display: none } }
`

// html is the listing as a page. prefix is the route's: its parent belongs to another route.
func (l *listing) html(prefix string) []byte {
	var b bytes.Buffer
	b.Grow(2048 + 256*len(l.Entries))
	title := showable(l.Path)
	b.WriteString(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>` + title + `</title>
<style>
` + pageStyle + `</style></head>
<body><main><h1>` + title + `</h1>
<table><thead><tr><th>Name</th><th class="n">Size</th><th class="n t">Modified (UTC)</th></tr></thead><tbody>
`)
	if l.Path != prefix+"/" && l.Path != prefix {
		b.WriteString(`<tr><td><a href="../">../</a></td><td></td><td class="t"></td></tr>` + "\n")
	}
	for i := range l.Entries {
		l.Entries[i].row(&b)
	}
	b.WriteString("</tbody></table>\n")
	switch {
	case l.More:
		b.WriteString("<p>Only the first " + strconv.Itoa(maxListed) + " names are listed; there are more.</p>\n")
	case len(l.Entries) == 0:
		b.WriteString("<p>The folder is empty.</p>\n")
	}
	b.WriteString("</main></body></html>\n")
	return b.Bytes()
}

func (e *entry) row(b *bytes.Buffer) {
	slash, size, date := "/", "", ""
	if !e.Dir {
		slash, size = "", sizeForPeople(e.Size)
	}
	if !e.Modified.IsZero() {
		date = e.Modified.Format("2006-01-02 15:04")
	}
	b.WriteString(`<tr><td><a href="`)
	b.WriteString(html.EscapeString(e.Href))
	b.WriteString(`"><bdi>`)
	b.WriteString(showable(e.Name))
	b.WriteString(`</bdi>` + slash + `</a></td><td class="n">` + size + `</td><td class="n t">` + date + "</td></tr>\n")
}

// showable is a name as HTML text. What is not UTF-8 or not printable is replaced: a line end or a mark that turns the
// direction of writing would make one name look like another.
func showable(name string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name))
}

func sizeForPeople(n int64) string {
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f /= 1024; f < 1023.95 || unit == "TiB" { // 1023.95 would be shown as 1024.0
			return strconv.FormatFloat(f, 'f', 1, 64) + " " + unit
		}
	}
	return ""
}
