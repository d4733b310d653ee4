package middleware

import (
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// How long a body is read that nobody wants, as nginx's lingering_time and lingering_timeout.
const (
	lingerTime = 30 * time.Second
	lingerIdle = 5 * time.Second
)

// Linger reads on, for a while, what a client still sends after it has been answered: if the connection were closed with
// bytes unread, the reset would overtake the answer, and a client that was told 413 would only see a broken pipe. Where
// the answer ends only with its handler, it must not wait: giveUp is told to do the same once it has been sent, for a
// connection that is no good for another request.
func Linger(giveUp func(*http.Request), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		body := &notedBody{ReadCloser: r.Body}
		r.Body = body
		ctl := http.NewResponseController(w)
		ctl.EnableFullDuplex() // else net/http's server itself reads on, without a bound in time, before it sends the head
		next.ServeHTTP(&Response{ResponseWriter: w, body: body}, r)
		switch {
		case body.ended:
		case !body.broken.Load() && endsByItself(w.Header(), r):
			linger(ctl, body)
		default:
			ctl.SetReadDeadline(time.Unix(1, 0)) // the server must not wait for the rest
			giveUp(r)
		}
	})
}

// endsByItself says whether the client knows where the answer ends before the handler has returned. One that waits for
// 100 Continue and got its answer instead sends no body that could be read.
func endsByItself(h http.Header, r *http.Request) bool {
	return r.Header.Get("Expect") == "" && (h.Get("Content-Length") != "" || r.Method == http.MethodHead)
}

// notedBody notes how the reading of a body has ended.
type notedBody struct {
	io.ReadCloser
	ended  bool        // nothing is left of it
	broken atomic.Bool // the rest will never come; the head of an answer under way looks at it
}

func (b *notedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	switch {
	case err == io.EOF:
		b.ended = true
	case err != nil:
		b.broken.Store(true)
	}
	return n, err
}

func linger(ctl *http.ResponseController, body io.Reader) {
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
