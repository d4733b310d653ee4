package http1server

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"testing"
)

// A request that has begun to arrive when the server begins to end is answered, however little of it has been read by
// then.
func TestShutdownAnswersWhatHasArrived(t *testing.T) {
	for _, test := range []struct{ name, sent, rest string }{
		{"a head", get, ""},
		{"a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", ""},
		{"half a head", "GET / HT", "TP/1.1\r\nHost: h\r\n\r\n"},
		{"half a body", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhe", "llo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 100 {
				c := connectTCP(t, Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) })})
				answers := bufio.NewReader(c)
				io.WriteString(c, get)
				if resp, err := http.ReadResponse(answers, nil); err != nil || resp.Close {
					t.Fatal(err)
				}
				io.WriteString(c, test.sent)
				over := make(chan error)
				go func() { over <- c.server.Shutdown(context.Background()) }()
				io.WriteString(c, test.rest)
				if resp, err := http.ReadResponse(answers, nil); err != nil || resp.StatusCode != 200 {
					t.Fatalf("%+v, %v", resp, err)
				}
				if err := <-over; err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A client that has sent nothing but an empty line has no request on its way.
func TestShutdownWaitsForNoEmptyLine(t *testing.T) {
	c := connectTCP(t, Options{Handler: http.NotFoundHandler()})
	answers := bufio.NewReader(c)
	io.WriteString(c, get)
	if _, err := http.ReadResponse(answers, nil); err != nil {
		t.Fatal(err)
	}
	io.WriteString(c, "\r\n")
	if err := c.server.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
