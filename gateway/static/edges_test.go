package static

import (
	"testing"

	"gatewayd/gateway/docroot"
)

// Faults that were put into the code on purpose, and that nothing else had found.

func TestRangeEdges(t *testing.T) {
	for field, want := range map[string]string{
		"bytes=5-6,20-21,3-4": "3+4 20+2", // joined ranges stand where the first of them stood
		"bytes=0005-6":        "5+2",
		"bytes=5-0006":        "5+2",
		"bytes=0006-5":        "",
		"bytes=6-0005":        "",
	} {
		if spans, _ := parseRange(field, 26); show(spans) != want {
			t.Errorf("%s: %q, want %q", field, show(spans), want)
		}
	}
}

// A field that must stand alone and does not, says nothing.
func TestRepeatedFields(t *testing.T) {
	s := serve(t, Options{}, docroot.Options{}, map[string]string{"file": alphabet})
	etag := s.get(t, "/file").header.Get("Etag")
	s.get(t, "/file", "Range: bytes=0-1", "If-Range: "+etag).want(t, "one If-Range", 206, "ab")
	s.get(t, "/file", "Range: bytes=0-1", "If-Range: "+etag, "If-Range: "+etag).want(t, "two If-Range", 200, alphabet)
	s.get(t, "/file", "If-None-Match: *", `If-None-Match: "a"`).want(t, "a star in a list", 200, alphabet)
}
