package relay

import (
	"io"
	"net/http"
	"strings"
	"testing"

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
