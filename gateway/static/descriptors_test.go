package static

import (
	"net/http"
	"net/http/httptest"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/docroot"
)

// TestNothingIsLeftOpen asks for everything that opens a file, without a garbage collector that would close what was
// forgotten.
func TestNothingIsLeftOpen(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	dir := t.TempDir()
	for _, name := range []string{"file.txt", "file.txt.br", "old.txt", "old.txt.gz", "odd.txt", "empty.txt", "empty.txt.br", "with/index.html", "list/a", "trap/index.html/x"} {
		text := alphabet
		if name == "empty.txt.br" {
			text = ""
		}
		must(t, os.MkdirAll(dir+"/"+name[:strings.LastIndexByte("/"+name, '/')], 0o755))
		must(t, os.WriteFile(dir+"/"+name, []byte(text), 0o644))
	}
	must(t, os.Mkdir(dir+"/odd.txt.gz", 0o755))
	must(t, os.Chtimes(dir+"/old.txt.gz", time.Time{}, time.Unix(1e9, 0)))
	h := New(Options{Root: docroot.New(dir, docroot.Options{}), Index: []string{"index.html"}, Browse: true, Precompressed: true})
	const every = "Accept-Encoding: gzip, br, zstd"
	tests := []struct {
		method, path, field string
		status              int
	}{
		{"GET", "/file.txt", "", 200},
		{"HEAD", "/file.txt", "", 200},
		{"GET", "/file.txt", every, 200},
		{"GET", "/old.txt", every, 200},
		{"GET", "/odd.txt", every, 200},
		{"GET", "/empty.txt", every, 200},
		{"GET", "/file.txt", "Range: bytes=0-1", 206},
		{"GET", "/file.txt", "Range: bytes=0-1,5-6", 206},
		{"GET", "/file.txt", "Range: bytes=99-", 416},
		{"GET", "/file.txt", "If-None-Match: *", 304},
		{"GET", "/file.txt", `If-Match: "x"`, 412},
		{"GET", "/file.txt/", "", 404},
		{"GET", "/file.txt/x", "", 404},
		{"GET", "/with", "", 301},
		{"GET", "/with/", "", 200},
		{"GET", "/list/", "", 200},
		{"GET", "/trap/", "", 200},
	}
	for _, test := range tests {
		r := httptest.NewRequest(test.method, test.path, nil)
		if name, value, ok := strings.Cut(test.field, ": "); ok {
			r.Header.Set(name, value)
		}
		r = r.WithContext(gateway.NewContext(r.Context(), &gateway.Request{Request: r, Path: test.path, Route: "/*"}))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.status || test.field == every && (w.Header().Get("Content-Encoding") != "") != (test.path == "/file.txt") {
			t.Errorf("%s %s, %s: %d, encoding %q", test.method, test.path, test.field, w.Code, w.Header().Get("Content-Encoding"))
		}
		for _, path := range heldBelow(t, dir) {
			if path != dir { // the root itself
				t.Errorf("%s %s, %s: %s is still open", test.method, test.path, test.field, path)
			}
		}
	}
	h.ServeName(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil), "list")
	h.Resolve("/file.txt", false)
	must(t, h.Close())
	if paths := heldBelow(t, dir); len(paths) > 0 {
		t.Errorf("after Close: %q are still open", paths)
	}
}

// heldBelow are the paths of this process's descriptors that lead to dir or below it.
func heldBelow(t *testing.T, dir string) (paths []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	for _, e := range entries {
		if path, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && (path == dir || strings.HasPrefix(path, dir+"/")) {
			paths = append(paths, path)
		}
	}
	return paths
}
