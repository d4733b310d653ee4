package responder

import (
	"slices"
	"testing"
)

// FuzzParams: what is decoded is all that was sent, and no more.
func FuzzParams(f *testing.F) {
	f.Add([]byte("\x01\x01Ab"))
	f.Add([]byte("\x00\x00\x80\x00\x00\x01\x00A"))
	f.Add([]byte("\xff\xff\xff\xff\xff\xff\xff\xffA"))
	f.Add([]byte("\x80\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		params, err := decodeParams(data)
		if err != nil {
			return
		}
		var again []byte
		for _, p := range params {
			again = appendParam(again, p)
		}
		if len(again) > len(data) {
			t.Fatalf("%d bytes have come of %d", len(again), len(data))
		}
		if same, err := decodeParams(again); err != nil || !slices.Equal(same, params) {
			t.Fatalf("%q and then %q, %v", params, same, err)
		}
	})
}
