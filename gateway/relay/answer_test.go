package relay

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
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
				fired := false
				clock := startIdleClock(time.Minute, func() { fired = true })
				defer clock.stop()
				body := io.MultiReader(strings.NewReader("body"), readerFunc(func([]byte) (int, error) {
					time.Sleep(c.silent)
					return 0, io.EOF
				}))
				resp := response(200, body, "Content-Type", "text/event-stream")
				err := answer(slowClient{httptest.NewRecorder(), time.Hour}, httptest.NewRequest("GET", "/", nil), resp, clock)
				if err != nil || fired != c.fires {
					t.Errorf("%v, the clock has struck: %t", err, fired)
				}
			})
		})
	}
}
