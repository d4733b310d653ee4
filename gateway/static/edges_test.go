package static

import (
	"testing"
	"time"

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

func TestWeightOfCapitalQ(t *testing.T) {
	if w := parseAcceptEncoding([]string{"gzip;Q=0, br"}); w.coding[codingIndex("gzip")] != 0 || w.coding[codingIndex("br")] != 1000 {
		t.Errorf("%+v", w)
	}
}

// JSON has no way to write these dates, and a listing with one of them would be empty.
func TestDatesThatJSONDoesNotHave(t *testing.T) {
	for _, year := range []int{-1, 10000, 200000} {
		if got := dateOf(facts{modified: time.Date(year, 6, 1, 0, 0, 0, 0, time.UTC)}); !got.IsZero() {
			t.Errorf("year %d: %v", year, got)
		}
	}
	if got := dateOf(facts{modified: time.Date(9999, 6, 1, 0, 0, 0, 5, time.UTC)}); got.Year() != 9999 || got.Nanosecond() != 0 {
		t.Errorf("year 9999: %v", got)
	}
}

func TestReferenceHasNoQuote(t *testing.T) {
	if got := hrefOf("a\"'<&>b"); got != "./a%22%27%3C%26%3Eb" {
		t.Error(got)
	}
}
