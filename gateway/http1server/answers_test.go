package http1server

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	get   = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	get10 = "GET / HTTP/1.0\r\n\r\n"
	keep  = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
	final = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	head  = "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
)

// say writes pieces and flushes at each "".
func say(pieces ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for _, p := range pieces {
			if p == "" {
				http.NewResponseController(w).Flush()
			} else if _, err := io.WriteString(w, p); err != nil {
				panic(err)
			}
		}
	}
}

// with sets header fields and a status before it goes on.
func with(status int, next http.HandlerFunc, fields ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for i := 0; i < len(fields); i += 2 {
			w.Header()[fields[i]] = append(w.Header()[fields[i]], fields[i+1])
		}
		w.WriteHeader(status)
		w.Header().Set("X-Too-Late", "1")
		next(w, r)
	}
}

func nothing(http.ResponseWriter, *http.Request) {}

// The bytes of answers, Date aside.
func TestAnswers(t *testing.T) {
	long := strings.Repeat("x", 5000)
	text := "Content-Type: text/plain; charset=utf-8"
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		sent    string
		want    string
	}{
		{"nothing", nothing, final, lines("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 0", "", "")},
		{"small", say("hello"), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Content-Length: 5", "", "hello")},
		{"kept", say("hello"), get + final, lines("HTTP/1.1 200 OK", text, "Content-Length: 5", "", "helloHTTP/1.1 200 OK", "Connection: close", text, "Content-Length: 5", "", "hello")},
		{"large", say(long), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Transfer-Encoding: chunked", "", "1388", long, "0", "", "")},
		{"small, then large", say("abc", long), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Transfer-Encoding: chunked", "", "138b", "abc"+long, "0", "", "")},
		{"as much as is held", say(long[:1000], long[:1048]), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Content-Length: 2048", "", long[:2048])},
		{"a byte more", say(long[:1000], long[:1049]), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Transfer-Encoding: chunked", "", "801", long[:2049], "0", "", "")},
		{"flushed", say("", "a", "", "b", "c"), final, lines("HTTP/1.1 200 OK", "Connection: close", "Transfer-Encoding: chunked", "", "1", "a", "2", "bc", "0", "", "")},
		{"flushed twice", say("a", "", "", ""), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Transfer-Encoding: chunked", "", "1", "a", "0", "", "")},
		{"announced", with(201, say("a", "", "b"), "Content-Length", "2"), final, lines("HTTP/1.1 201 Created", "Connection: close", text, "Content-Length: 2", "", "ab")},
		{"announced and large", with(200, say(long), "Content-Length", "5000"), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Content-Length: 5000", "", long)},
		{"announced more than comes", with(200, say("a"), "Content-Length", "2"), get + get, lines("HTTP/1.1 200 OK", text, "Content-Length: 2", "", "a")},
		{"announced nonsense", with(200, say("a"), "Content-Length", "-2"), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Content-Length: 1", "", "a")},
		{"fields", with(200, nothing, "B", "1", "A", " 2 ", "B", "3", "Content-Type", "x"), final, lines("HTTP/1.1 200 OK", "A: 2", "B: 1", "B: 3", "Content-Type: x", "Connection: close", "Content-Length: 0", "", "")},
		{"no field in a field", with(200, nothing, "A", "1\r\nB: 2", "C:\r\nD", "3", "", "4"), final, lines("HTTP/1.1 200 OK", "A: 1  B: 2", "Connection: close", "Content-Length: 0", "", "")},
		{"its own framing", with(200, say("a"), "Transfer-Encoding", "gzip", "Trailer", "X"), final, lines("HTTP/1.1 200 OK", "Connection: close", text, "Content-Length: 1", "", "a")},
		{"its own date", with(200, nothing, "Date", "today"), final, lines("HTTP/1.1 200 OK", "Date: today", "Connection: close", "Content-Length: 0", "", "")},
		{"compressed", with(200, say("a"), "Content-Encoding", "gzip"), final, lines("HTTP/1.1 200 OK", "Content-Encoding: gzip", "Connection: close", "Content-Length: 1", "", "a")},
		{"a page", say("<ht", "ml>"), final, lines("HTTP/1.1 200 OK", "Connection: close", "Content-Type: text/html; charset=utf-8", "Content-Length: 6", "", "<html>")},
		{"closing", with(200, nothing, "Connection", "close"), get + get, lines("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 0", "", "")},
		{"closing in other words", with(200, nothing, "Connection", "x, Close"), get + get, lines("HTTP/1.1 200 OK", "Connection: x, Close", "Content-Length: 0", "", "")},
		{"204", with(204, nothing, "Content-Length", "5"), get + final, lines("HTTP/1.1 204 No Content", "", "HTTP/1.1 204 No Content", "Connection: close", "", "")},
		{"304", with(304, nothing, "Content-Length", "5", "Content-Type", "x", "Etag", "y"), final, lines("HTTP/1.1 304 Not Modified", "Etag: y", "Connection: close", "", "")},
		{"499", with(499, nothing), final, lines("HTTP/1.1 499 status code 499", "Connection: close", "Content-Length: 0", "", "")},
		{"HEAD", say("hello"), head, lines("HTTP/1.1 200 OK", "Connection: close", text, "Content-Length: 5", "", "")},
		{"HEAD of nothing", nothing, head, lines("HTTP/1.1 200 OK", "Connection: close", "", "")},
		{"HEAD, announced", with(200, nothing, "Content-Length", "7"), head, lines("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 7", "", "")},
		{"HEAD of much", say(long), strings.Replace(head, "Connection: close\r\n", "", 1) + final[:0] + head, lines("HTTP/1.1 200 OK", text, "", "HTTP/1.1 200 OK", "Connection: close", text, "", "")},
		{"HTTP/1.0", say("hello"), get10 + get10, lines("HTTP/1.0 200 OK", text, "Content-Length: 5", "", "hello")},
		{"HTTP/1.0, large", say(long), keep + get10, lines("HTTP/1.0 200 OK", text, "", long)},
		{"HTTP/1.0, flushed", say("a", "", "b"), get10, lines("HTTP/1.0 200 OK", text, "", "ab")},
		{"HTTP/1.0, kept", say("a"), keep + get10, lines("HTTP/1.0 200 OK", "Connection: keep-alive", text, "Content-Length: 1", "", "aHTTP/1.0 200 OK", text, "Content-Length: 1", "", "a")},
		{"early hints", with(103, with(200, say("a")), "Link", "<x>"), final, lines("HTTP/1.1 103 Early Hints", "Link: <x>", "", "HTTP/1.1 200 OK", "Link: <x>", "X-Too-Late: 1", "Connection: close", text, "Content-Length: 1", "", "a")},
		{"early hints for HTTP/1.0", with(103, with(200, say("a"))), get10, lines("HTTP/1.0 200 OK", "X-Too-Late: 1", text, "Content-Length: 1", "", "a")},
	} {
		t.Run(test.name, func(t *testing.T) {
			for name, connect := range map[string]func(testing.TB, Options) *oneConn{"pipe": connect, "TCP": connectTCP} {
				c := connect(t, Options{Handler: test.handler})
				if got := dateless(c.exchange(t, test.sent, len(test.sent))); got != test.want {
					t.Errorf("over %s: %q\nwant %q", name, got, test.want)
				}
			}
		})
	}
}

// Parts of files, in each kind of answer.
func TestFiles(t *testing.T) {
	file, data := testFile(t, 100_000)
	part := func(from, n int64) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			file.Seek(from, io.SeekStart)
			if sent, err := io.Copy(w, io.LimitReader(file, n)); err != nil && !errors.Is(err, http.ErrContentLength) || sent > n {
				t.Error(sent, err)
			}
		}
	}
	announced := func(n string, next http.HandlerFunc) http.HandlerFunc {
		return with(200, next, "Content-Length", n, "Content-Type", "x")
	}
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		sent    string
		body    []byte
	}{
		"whole":               {announced("100000", part(0, 100_000)), final, data},
		"middle":              {announced("70000", part(10, 70_000)), final, data[10:70_010]},
		"behind something":    {announced("70003", func(w http.ResponseWriter, r *http.Request) { say("abc")(w, r); part(10, 70_000)(w, r) }), final, append([]byte("abc"), data[10:70_010]...)},
		"HEAD":                {announced("70000", part(10, 70_000)), head, nil},
		"HTTP/1.0, no length": {part(10, 70_000), get10, data[10:70_010]},
		"no type":             {with(200, part(10, 70_000), "Content-Length", "70000"), final, data[10:70_010]},
		"more than announced": {announced("10", part(0, 20)), final, nil},
	} {
		c := connectTCP(t, Options{Handler: test.handler, Bounds: Bounds{SendTimeout: time.Minute}})
		_, body, _ := strings.Cut(c.exchange(t, test.sent, len(test.sent)), "\r\n\r\n")
		if body != string(test.body) {
			t.Errorf("%s: %d bytes of body, want %d", name, len(body), len(test.body))
		}
	}
}

func TestWriteErrors(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		fields []string
		write  string
		want   error
	}{
		"more than announced": {200, []string{"Content-Length", "2"}, "abc", http.ErrContentLength},
		"no content":          {204, nil, "a", http.ErrBodyNotAllowed},
		"not modified":        {304, nil, "a", http.ErrBodyNotAllowed},
	} {
		var got error
		c := connect(t, Options{Handler: with(test.status, func(w http.ResponseWriter, _ *http.Request) { _, got = io.WriteString(w, test.write) }, test.fields...)})
		c.exchange(t, final, len(final))
		c.server.Shutdown(t.Context())
		if !errors.Is(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

// A handler that breaks off its answer breaks the connection.
func TestBrokenOff(t *testing.T) {
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		want    string
		logs    bool
	}{
		"before the head":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "", false},
		"kept and not sent": {with(200, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a"); panic(http.ErrAbortHandler) }), "", false},
		"in the middle": {func(w http.ResponseWriter, r *http.Request) { say("a", "")(w, r); panic(http.ErrAbortHandler) },
			lines("HTTP/1.1 200 OK", "Content-Type: text/plain; charset=utf-8", "Transfer-Encoding: chunked", "", "1", "a", ""), false},
		"a fault": {func(http.ResponseWriter, *http.Request) { panic("fault") }, "", true},
	} {
		logged := ""
		c := connect(t, Options{Handler: test.handler, Log: func(err error) { logged += err.Error() }})
		if got := dateless(c.exchange(t, get+get, len(get+get))); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		c.server.Shutdown(t.Context())
		if strings.Contains(logged, "fault") != test.logs {
			t.Errorf("%s: logged %q", name, logged)
		}
	}
}

func TestExpectContinue(t *testing.T) {
	const post = "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
	read := func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) }
	for _, test := range []struct {
		name    string
		handler http.HandlerFunc
		sent    string
		want    string
	}{
		{"read", read, post, lines("HTTP/1.1 100 Continue", "", "HTTP/1.1 200 OK", "Connection: close", "Content-Type: text/plain; charset=utf-8", "Content-Length: 5", "", "hello")},
		{"not read", nothing, strings.Replace(post, "Connection: close\r\n", "", 1), lines("HTTP/1.1 200 OK", "Connection: close", "Content-Length: 0", "", "")},
		{"answered before", func(w http.ResponseWriter, r *http.Request) { say("a", "")(w, r); read(w, r) }, post,
			lines("HTTP/1.1 200 OK", "Connection: close", "Content-Type: text/plain; charset=utf-8", "Transfer-Encoding: chunked", "", "1", "a", "5", "hello", "0", "", "")},
		{"said by the handler", with(100, read), post, lines("HTTP/1.1 100 Continue", "", "HTTP/1.1 200 OK", "X-Too-Late: 1", "Connection: close", "Content-Type: text/plain; charset=utf-8", "Content-Length: 5", "", "hello")},
		{"HTTP/1.0", read, strings.Replace(post, "1.1", "1.0", 1), lines("HTTP/1.0 200 OK", "Content-Type: text/plain; charset=utf-8", "Content-Length: 5", "", "hello")},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := connect(t, Options{Handler: test.handler})
			if got := dateless(c.exchange(t, test.sent+"hello", len(test.sent))); got != test.want {
				t.Errorf("%q\nwant %q", got, test.want)
			}
		})
	}
}

func TestDateIsThatOfTheSecond(t *testing.T) {
	s := New(Options{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 999, time.FixedZone("", 3600))
	for i, want := range []string{"Date: Fri, 02 Jan 2026 02:04:05 GMT\r\n", "Date: Fri, 02 Jan 2026 02:04:06 GMT\r\n"} {
		for range 2 {
			if got := s.dateLine(at.Add(time.Duration(i) * time.Second)); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
}
