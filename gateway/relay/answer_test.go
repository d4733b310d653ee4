package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatewayd/gateway"
)

func TestHintsSayNothingForTheServer(t *testing.T) {
	s := serve(t, Options{Backend: backend(func(r *gateway.Request) (*http.Response, error) {
		r.EarlyHints(http.Header{"Link": {"</a.css>"}, "Date": {"yesterday"}, "Server": {"mine"}})
		return response(200, strings.NewReader("done")), nil
	})})
	got := raw(t, s, "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(got, "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\n") {
		t.Errorf("%q", got)
	}
}

// What a program says of a file goes with the file or with nothing.
func TestSendfileRefused(t *testing.T) {
	for _, field := range []string{"X-Sendfile", "X-Accel-Redirect"} {
		s := serve(t, Options{
			Backend: backend(func(*gateway.Request) (*http.Response, error) {
				return response(200, strings.NewReader("its own body"), field, "/etc/passwd", "Set-Cookie", "a=1", "Expires", "never", "Content-Disposition", "attachment", "Link", "<x>", "Content-Type", "a/b"), nil
			}),
			Sendfile: func(http.ResponseWriter, *http.Request, string) bool { return false },
		})
		resp, body := get(t, s, "/")
		for _, name := range []string{"Set-Cookie", "Expires", "Content-Disposition", "Link"} {
			if value, ok := resp.Header[name]; ok {
				t.Errorf("%s: the error page has %s: %q", field, name, value)
			}
		}
		if resp.StatusCode != 502 || !strings.HasPrefix(body, "502") || resp.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
			t.Errorf("%s: %d %v %q", field, resp.StatusCode, resp.Header, body)
		}
	}
}

func TestSendfileKeepsWhatIsSaidOfTheFile(t *testing.T) {
	s := serve(t, Options{
		Backend: backend(func(*gateway.Request) (*http.Response, error) {
			return response(201, strings.NewReader("its own body"), "X-Sendfile", "/a", "Set-Cookie", "a=1", "Content-Type", "a/b", "X-Other", "1"), nil
		}),
		Sendfile: func(w http.ResponseWriter, r *http.Request, path string) bool {
			io.WriteString(w, r.Method+" "+path)
			return true
		},
	})
	for _, method := range []string{"GET", "POST"} {
		req, _ := http.NewRequest(method, s.URL, nil)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != 200 || string(body) != "GET /a" || resp.Header.Get("Set-Cookie") != "a=1" || resp.Header.Get("Content-Type") != "a/b" || resp.Header.Get("X-Other") != "" {
			t.Errorf("%s: %d %v %q", method, resp.StatusCode, resp.Header, body)
		}
	}
}

func TestHintsTakeNothingFromTheAnswer(t *testing.T) {
	w := &headWriter{ResponseRecorder: httptest.NewRecorder()}
	w.Header().Set("X-Ours", "1")
	w.Header().Set("Link", "</ours>")
	earlyHints(w, httptest.NewRequest("GET", "/", nil))(http.Header{"Link": {"</a.css>"}, "X-Theirs": {"1"}})
	if w.status != 103 || w.sent.Get("Link") != "</a.css>" {
		t.Errorf("sent %d %v", w.status, w.sent)
	}
	if h := w.Header(); len(h) != 2 || h.Get("X-Ours") != "1" || h.Get("Link") != "</ours>" {
		t.Errorf("left for the answer: %v", h)
	}
}

// headWriter notes the last head that was written.
type headWriter struct {
	*httptest.ResponseRecorder
	status int
	sent   http.Header
}

func (w *headWriter) WriteHeader(status int) { w.status, w.sent = status, w.Header().Clone() }

// The client has all that it gets before the program is done with what nobody gets.
func TestClientNeedNotWaitForTheRest(t *testing.T) {
	for name, c := range map[string]struct {
		method string
		status int
		length int64
	}{"HEAD": {"HEAD", 200, -1}, "204": {"GET", 204, -1}, "a length": {"GET", 200, 4}} {
		t.Run(name, func(t *testing.T) {
			rest := make(pieces)
			defer close(rest)
			s := serve(t, Options{Backend: backend(func(*gateway.Request) (*http.Response, error) {
				resp := response(c.status, io.MultiReader(strings.NewReader("body"), rest))
				resp.ContentLength = c.length
				return resp, nil
			})})
			req, _ := http.NewRequest(c.method, s.URL, nil)
			resp, err := (&http.Client{Timeout: 4 * time.Second}).Do(req) // less than drainTime
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || c.length > 0 && string(body) != "body" {
				t.Errorf("%q, %v", body, err)
			}
		})
	}
}

// deliverTo answers a GET.
func deliverTo(w http.ResponseWriter, resp *http.Response, clock *idleClock) error {
	return New(Options{}).answer(context.Background(), w, httptest.NewRequest("GET", "/", nil), resp, clock)
}

// slowClient takes its time for each piece.
type slowClient struct {
	*httptest.ResponseRecorder
	takes time.Duration
}

func (c slowClient) Write(p []byte) (int, error) {
	time.Sleep(c.takes)
	return len(p), nil
}

func TestIdleClockRestsWhileTheClientTakes(t *testing.T) {
	for name, c := range map[string]struct {
		silent time.Duration // of the program, after the client has taken what there was
		fires  bool
	}{"a slow client": {30 * time.Second, false}, "a slow client and a silent program": {3 * time.Minute, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var fired atomic.Bool
				clock := startIdleClock(time.Minute, func() { fired.Store(true) })
				defer clock.stop()
				body := io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
					time.Sleep(c.silent)
					return 0, io.EOF
				}))
				resp := response(200, body, "Content-Type", "text/event-stream")
				err := deliverTo(slowClient{httptest.NewRecorder(), time.Hour}, resp, clock)
				if err != nil || fired.Load() != c.fires {
					t.Errorf("%v, the clock has struck: %t", err, fired.Load())
				}
			})
		})
	}
}

// flushCounter notes how often it was flushed.
type flushCounter struct {
	*httptest.ResponseRecorder
	flushes int
}

func (c *flushCounter) FlushError() error { c.flushes++; return nil }

// inPieces is a body that gives the pieces one by one, without any time between them.
func inPieces(pieces ...string) io.Reader {
	return readerFunc(func(p []byte) (n int, err error) {
		if len(pieces) == 0 {
			return 0, io.EOF
		}
		n, pieces = copy(p, pieces[0]), pieces[1:]
		return n, nil
	})
}

func TestWhatIsSentAtOnce(t *testing.T) {
	for _, c := range []struct {
		name, value string
		flushes     int // of the head and three pieces
	}{
		{"Content-Type", "text/event-stream", 4}, {"Content-Type", "Text/Event-Stream; charset=utf-8", 4}, {"X-Accel-Buffering", "no", 4},
		{"X-Accel-Buffering", "yes", 0}, {"Content-Type", "text/plain", 0},
	} {
		synctest.Test(t, func(t *testing.T) { // where no time passes, nothing is sent because of its age
			w := &flushCounter{ResponseRecorder: httptest.NewRecorder()}
			err := deliverTo(w, response(200, inPieces("a", "b", "c"), c.name, c.value), startIdleClock(0, nil))
			if err != nil || w.flushes != c.flushes || w.Body.String() != "abc" {
				t.Errorf("%s: %s: %d flushes, want %d; %q %v", c.name, c.value, w.flushes, c.flushes, w.Body, err)
			}
		})
	}
}

// closingBody can be closed under its reader.
type closingBody struct {
	io.Reader
	closed chan struct{}
}

func (b *closingBody) Close() error {
	close(b.closed)
	return nil
}

// A program may finish what nobody gets, and not for ever.
func TestDiscardIsBounded(t *testing.T) {
	t.Run("in bytes", func(t *testing.T) {
		for size, want := range map[int64]int64{1 << 20: 1 << 20, drainBytes: drainBytes, 2 * drainBytes: drainBytes} {
			taken := int64(0)
			discard(io.NopCloser(readerFunc(func(p []byte) (int, error) {
				n := min(int64(len(p)), size-taken)
				if taken += n; n == 0 {
					return 0, io.EOF
				}
				return int(n), nil
			})))
			if taken != want {
				t.Errorf("%d bytes of %d were read, want %d", taken, size, want)
			}
		}
	})
	t.Run("in time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			body := &closingBody{closed: make(chan struct{})}
			body.Reader = readerFunc(func([]byte) (int, error) { <-body.closed; return 0, io.ErrClosedPipe })
			begun := time.Now()
			discard(body)
			if took := time.Since(begun); took != drainTime {
				t.Errorf("%v, want %v", took, drainTime)
			}
		})
	})
}

// Once the announced bytes are out the flusher is done: it would flush beside the drain.
func TestNoFlushBesideTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &flushCounter{ResponseRecorder: httptest.NewRecorder()}
		resp := response(200, io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
			time.Sleep(time.Second)
			return 0, io.EOF
		})))
		resp.ContentLength = 4
		if err := deliverTo(w, resp, startIdleClock(0, nil)); err != nil || w.flushes != 1 {
			t.Errorf("%d flushes, %v", w.flushes, err)
		}
	})
}

// brokenClient takes the head and no more.
type brokenClient struct{ *httptest.ResponseRecorder }

func (brokenClient) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// A client that takes no more ends the reading, and the request has failed.
func TestClientThatTakesNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		err := deliverTo(brokenClient{httptest.NewRecorder()}, response(200, inPieces("a", "b")), startIdleClock(0, nil))
		if e := gateway.AsError(err); e == nil || e.Status != gateway.StatusClientClosed || !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("error %v", err)
		}
	})
}
