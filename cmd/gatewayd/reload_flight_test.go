package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestWorkersStay: a reload that does not touch a route leaves it its workers.
func TestWorkersStay(t *testing.T) {
	t.Parallel()
	r := serveReloading(t, func(n int) string {
		return fmt.Sprintf(oneListener+`
drain_timeout: %ds
http: { max_headers: %d }
routes:
  "/app/*": { fastcgi: { run: ./app, workers: 3 } }
  "/more/%d": { respond: 204 }
`, 10+n, 100+n, n) + content(n)
	})
	get(t, r.url+"/app", 200)
	before := r.workers()
	for range 20 {
		r.next()
		get(t, r.url+"/app", 200)
		if now := r.workers(); len(now) != 3 || !slices.Equal(now, before) {
			t.Fatalf("round %d: workers %v, before %v", r.round, now, before)
		}
	}
}

// stream is an answer that comes line by line, without end.
type stream struct {
	*http.Response
	in *bufio.Reader
}

// openStream returns when the stream has begun.
func openStream(t *testing.T, url string) *stream {
	t.Helper()
	answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s: %v, %v", url, answer, err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	s := &stream{answer, bufio.NewReader(answer.Body)}
	s.tick(t)
	return s
}

// tick takes the next line, which must have been sent later than what is buffered.
func (s *stream) tick(t *testing.T) {
	t.Helper()
	s.in.Discard(s.in.Buffered())
	if line, err := s.in.ReadString('\n'); err != nil || line != "tick\n" {
		t.Fatalf("%s: %q, %v", s.Request.URL, line, err)
	}
}

// slowUpload is a request whose body the test sends piece by piece.
type slowUpload struct {
	conn net.Conn
	sent int
}

const uploadPiece = "a piece of a body\n"

// openUpload begins a POST to path, which must answer with what it is sent.
func (r *reloading) openUpload(path string) *slowUpload {
	r.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { conn.Close() })
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n", path)
	u := &slowUpload{conn: conn}
	u.piece(r.t)
	return u
}

func (u *slowUpload) piece(t *testing.T) {
	t.Helper()
	u.sent++
	if _, err := fmt.Fprintf(u.conn, "%x\r\n%s\r\n", len(uploadPiece), uploadPiece); err != nil {
		t.Fatalf("an upload after %d pieces: %v", u.sent, err)
	}
}

func (u *slowUpload) end() error {
	_, err := io.WriteString(u.conn, "0\r\n\r\n")
	return err
}

// answer is an error unless it is what was sent.
func (u *slowUpload) answer() error {
	answer, err := http.ReadResponse(bufio.NewReader(u.conn), nil)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err == nil && (answer.StatusCode != 200 || string(text) != strings.Repeat(uploadPiece, u.sent)) {
		err = fmt.Errorf("status %d, %.200q for %d pieces", answer.StatusCode, text, u.sent)
	}
	return err
}

// inFlight are routes with requests that a test keeps in flight: programs of both kinds, with bodies that are received
// first and such that are passed on at once.
const inFlight = `
  "/cgi/*": { cgi: ./app, env: { FLIGHT: "%[1]d" } }
  "/fastcgi/*": { fastcgi: { run: ./app, workers: 3 }, env: { FLIGHT: "%[1]d" } }
  "/at-once/*": { fastcgi: { run: ./app, workers: 3 }, buffer: none, env: { FLIGHT: "%[1]d of at-once" } }
`

// TestInFlight has streams and uploads under way during reloads that do not touch their routes: they go on.
func TestInFlight(t *testing.T) {
	t.Parallel()
	const reloads = 100
	r := serveReloading(t, func(n int) string {
		drain := "10ms"
		if n == reloads { // nor is it short at the end
			drain = "20s"
		}
		return oneListener + "drain_timeout: " + drain + "\nroutes:\n" + fmt.Sprintf(inFlight, 0) + content(n)
	})
	var streams []*stream
	var uploads []*slowUpload
	for _, route := range []string{"/cgi", "/fastcgi", "/at-once"} {
		streams = append(streams, openStream(t, r.url+route+"/ticks?1000000"))
		uploads = append(uploads, r.openUpload(route+"/echo"))
	}
	for range reloads {
		r.next()
		for _, u := range uploads {
			u.piece(t)
		}
	}
	for _, s := range streams {
		s.tick(t)
		s.Body.Close()
	}
	for _, u := range uploads {
		if err := errors.Join(u.end(), u.answer()); err != nil {
			t.Error(err)
		}
	}
	r.settled(t, func(now remains) bool {
		return now.requests == 0 && now.children == 6 && len(r.status(t).Draining) == 0
	})
}

// TestInFlightOnChangedRoutes has the same under way on routes that a reload changes: they end after drain_timeout, not
// before.
func TestInFlightOnChangedRoutes(t *testing.T) {
	t.Parallel()
	const limit = 1500 * time.Millisecond
	r := serveReloading(t, func(n int) string {
		return oneListener + "drain_timeout: 1500ms\nroutes:\n" + fmt.Sprintf(inFlight, n) + content(n)
	})
	var streams []*stream
	var uploads []*slowUpload
	for _, route := range []string{"/cgi", "/fastcgi", "/at-once"} {
		streams = append(streams, openStream(t, r.url+route+"/ticks?1000000"))
		uploads = append(uploads, r.openUpload(route+"/echo"))
	}
	began := time.Now()
	r.next()
	over := make(chan time.Duration, len(streams)+len(uploads))
	for _, s := range streams {
		s.tick(t)
		go func() {
			io.Copy(io.Discard, s.in)
			over <- time.Since(began)
		}()
	}
	for _, u := range uploads {
		u.piece(t)
		go func() {
			if err := u.answer(); err == nil {
				t.Error("an upload was answered that was not whole")
			}
			over <- time.Since(began)
		}()
	}
	if n := len(r.status(t).Leaving); n != 3 {
		t.Errorf("status tells of %d routes that drain", n)
	}
	for range cap(over) {
		select {
		case after := <-over:
			if after < limit || after > inTime(limit+2*time.Second) {
				t.Errorf("ended %v after the reload", after)
			}
		case <-time.After(patience):
			t.Fatal("requests go on, on routes that are no more")
		}
	}
	r.settled(t, func(now remains) bool {
		status := r.status(t)
		return now.requests == 0 && now.children == 6 && len(status.Draining)+len(status.Leaving) == 0
	})
}
