package loadclient

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"testing"
)

// FuzzAnswer holds what is taken for a whole answer against net/http: it must see the same status and the same body.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		whole,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n\r\nuntil the end",
		"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
		"HTTP/1.0 404 Not Found\r\nContent-Length: 3\r\nX: y\r\n\r\nabcdef",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReader(bytes.NewReader(data))
		a, err := readAnswer(in, "GET", func(int) {})
		if err != nil {
			return
		}
		got, err := io.ReadAll(a.body(in))
		if err != nil {
			return
		}
		other := bufio.NewReader(bytes.NewReader(data))
		for {
			resp, err := http.ReadResponse(other, nil)
			if err != nil {
				t.Fatalf("%q is status %d here, and there: %v", data, a.status, err)
			}
			if resp.StatusCode < 200 {
				continue
			}
			want, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != a.status || !bytes.Equal(got, want) {
				t.Fatalf("%q is %d %q here, and there %d %q (%v)", data, a.status, got, resp.StatusCode, want, err)
			}
			return
		}
	})
}
