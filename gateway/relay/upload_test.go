package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/spool"
)

// echo answers with the body while it comes.
func echo(r *gateway.Request) (*http.Response, error) {
	ours, theirs := io.Pipe()
	go func() {
		_, err := io.Copy(theirs, r.Body)
		theirs.CloseWithError(err)
	}()
	return response(200, ours, "X-Length", fmt.Sprint(r.ContentLength)), nil
}

// talk opens a connection and sends the beginning of a request.
func talk(t *testing.T, s *service, head string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	io.WriteString(conn, head)
	return conn, bufio.NewReader(conn)
}

func TestUploadIsStreamedBothWays(t *testing.T) {
	s := serve(t, Options{Stream: true, Backend: backend(echo)})
	conn, in := talk(t, s, "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n")
	resp, err := http.ReadResponse(in, nil) // before a byte of the body was sent
	if err != nil || resp.Header.Get("X-Length") != "-1" {
		t.Fatal(resp, err)
	}
	for i := range 5 {
		piece := fmt.Sprintf("piece %d", i)
		fmt.Fprintf(conn, "%x\r\n%s\r\n", len(piece), piece)
		got := make([]byte, len(piece))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != piece {
			t.Fatalf("%q, %v", got, err)
		}
	}
	io.WriteString(conn, "0\r\n\r\n")
	if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	// The connection is in step.
	io.WriteString(conn, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nok")
	if resp, err = http.ReadResponse(in, nil); err != nil || resp.Header.Get("X-Length") != "2" {
		t.Fatal(resp, err)
	}
	if body, err := io.ReadAll(resp.Body); string(body) != "ok" || err != nil {
		t.Errorf("%q, %v", body, err)
	}
}

func TestUploadWithoutBody(t *testing.T) {
	s := serve(t, Options{Stream: true, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		if r.Body != http.NoBody || r.ContentLength != 0 {
			t.Errorf("body %v, length %d", r.Body, r.ContentLength)
		}
		return response(200, strings.NewReader("ok")), nil
	})})
	if _, body := get(t, s, "/"); body != "ok" {
		t.Errorf("%q", body)
	}
}

func TestUploadTooLarge(t *testing.T) {
	begun := atomic.Int64{}
	s := serve(t, Options{Stream: true, Spool: spool.Options{Max: 10}, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		begun.Add(1)
		got, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		return response(200, strings.NewReader(string(got))), nil
	})})
	for _, tt := range []struct {
		request string
		status  string
	}{
		{"Content-Length: 11\r\n\r\n12345678901", "413"},
		{"Transfer-Encoding: chunked\r\n\r\nb\r\n12345678901\r\n0\r\n\r\n", "413"},
		{"Transfer-Encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n", "413"},
		{"Content-Length: 10\r\n\r\n1234567890", "200"},
		{"Transfer-Encoding: chunked\r\n\r\na\r\n1234567890\r\n0\r\n\r\n", "200"},
	} {
		got := raw(t, s, "POST / HTTP/1.1\r\nHost: h\r\n"+tt.request)
		if !strings.HasPrefix(got, "HTTP/1.1 "+tt.status+" ") || tt.status == "413" && !strings.Contains(got, "max_body") || tt.status == "200" && !strings.Contains(got, "1234567890") {
			t.Errorf("%q: %q", tt.request, got)
		}
	}
	if begun.Load() != 4 {
		t.Errorf("%d programs were started: the one with too large a length need not have been", begun.Load())
	}
}

// A program that answers early is not held up by a body that nobody reads, be it by a read that is under way.
func TestUploadIsLeftByTheProgram(t *testing.T) {
	s := serve(t, Options{Stream: true, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		first := make([]byte, 4)
		if _, err := io.ReadFull(r.Body, first); err != nil {
			return nil, err
		}
		if r.Header.Get("X-Reads-On") != "" {
			go r.Body.Read(make([]byte, 4))
			time.Sleep(20 * time.Millisecond)
		}
		return response(413, strings.NewReader("enough: "+string(first))), nil
	})})
	for _, more := range []string{"", "X-Reads-On: 1\r\n"} {
		conn, in := talk(t, s, "POST / HTTP/1.1\r\nHost: h\r\n"+more+"Content-Length: 100000\r\n\r\nbody")
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, len("enough: body"))
		if _, err := io.ReadFull(resp.Body, body); resp.StatusCode != 413 || string(body) != "enough: body" || err != nil {
			t.Errorf("%d %q %v", resp.StatusCode, body, err)
		}
		conn.Close()
		s.failure(t)
	}
}

// The client of a streamed body that the program does not read is missed by nobody but Left.
func TestUploaderLeaves(t *testing.T) {
	gone := atomic.Bool{}
	var opt Options
	ended := make(chan error, 1)
	opt = Options{Stream: true, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		<-r.Context().Done()
		ended <- context.Cause(r.Context())
		return nil, r.Context().Err()
	})}
	s := serveWith(t, opt, func(r *gateway.Request) { r.Left = gone.Load })
	talk(t, s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100000\r\n\r\nbody")
	select {
	case err := <-ended:
		t.Fatal("ended before the client left:", err)
	case <-time.After(2 * leftPoll):
	}
	gone.Store(true)
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the request goes on")
	}
	if e := s.failure(t); e == nil || e.Status != gateway.StatusClientClosed {
		t.Errorf("logged %v", e)
	}
}

func TestTimeoutEndsAStalledUpload(t *testing.T) {
	s := serve(t, Options{Stream: true, Timeout: 100 * time.Millisecond, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		_, err := io.ReadAll(r.Body)
		return nil, err
	})})
	began := time.Now()
	got := raw(t, s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
	if e := s.failure(t); e == nil || e.Status != 504 || !strings.HasPrefix(got, "HTTP/1.1 504") {
		t.Errorf("%q, logged %v", got, e)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestUploadBreaksOff(t *testing.T) {
	failed := make(chan error, 1)
	s := serve(t, Options{Stream: true, Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		_, err := io.ReadAll(r.Body)
		failed <- err
		return nil, err
	})})
	conn, _ := talk(t, s, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf")
	conn.Close()
	if err := <-failed; err == nil {
		t.Error("half a body looked whole")
	}
}
