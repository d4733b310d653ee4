package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"
)

// A client whose body comes too slowly is still there, and gets its answer.
func TestSlowBodyIsAnswered(t *testing.T) {
	dir := tree(t, map[string]string{"cgi/hello": "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nhello\\n'\n"})
	_, addr := start(t, dir, "http: { body_timeout: 200ms }\nroutes: { /cgi/*: { cgi: ./cgi, timeout: 20s }, /short/*: { cgi: ./cgi, timeout: 100ms } }\n")
	for _, test := range []struct {
		request string
		want    int
	}{
		{"POST /cgi/hello HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", http.StatusRequestTimeout},
		{"POST /cgi/hello HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nabc", http.StatusRequestTimeout},
		{"POST /cgi/hello HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", http.StatusRequestTimeout},
		{"POST /short/hello HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc", http.StatusGatewayTimeout},
	} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		io.WriteString(conn, test.request)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%.40q: no answer: %v", test.request, err)
			continue
		}
		if resp.StatusCode != test.want {
			t.Errorf("%.40q: %s, want %d", test.request, resp.Status, test.want)
		}
	}
}
