package middleware

import (
	"io"
	"net/http"
	"time"
)

// How long a body is read that nobody wants, as nginx's lingering_time and lingering_timeout.
const (
	lingerTime = 30 * time.Second
	lingerIdle = 5 * time.Second
)

// Linger reads on, for a while, what a client still sends after it has been answered: if the connection were closed with
// bytes unread, the reset would overtake the answer, and a client that was told 413 would only see a broken pipe.
func Linger(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &notedBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(w, r)
		switch {
		case body.ended:
		case !body.begun && r.Header.Get("Expect") != "":
			// The client waits for 100 Continue, got its answer instead, and sends no body. net/http would wait for one.
			ctl := http.NewResponseController(w)
			ctl.Flush()
			ctl.SetReadDeadline(time.Unix(1, 0))
		default:
			linger(w, body)
		}
	})
}

// notedBody notes whether a body was read, and to its end.
type notedBody struct {
	io.ReadCloser
	begun, ended bool
}

func (b *notedBody) Read(p []byte) (int, error) {
	b.begun = true
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.ended = true
	}
	return n, err
}

func linger(w http.ResponseWriter, body io.Reader) {
	ctl := http.NewResponseController(w)
	ctl.Flush()
	if Discard(body, ctl.SetReadDeadline) == io.EOF {
		ctl.SetReadDeadline(time.Time{}) // the connection is good for another request
	}
}

// Discard reads on to the end of what a client sends, as long as something comes within lingerIdle and for no longer
// than lingerTime. It returns what ended it; a deadline stays behind.
func Discard(src io.Reader, setDeadline func(time.Time) error) (err error) {
	buf := make([]byte, 512) // most send nothing more, and they may be many
	for end := time.Now().Add(lingerTime); err == nil && time.Now().Before(end); {
		setDeadline(time.Now().Add(lingerIdle))
		var n int
		if n, err = src.Read(buf); n == len(buf) && n < 32<<10 {
			buf = make([]byte, 4*n)
		}
	}
	return err
}
