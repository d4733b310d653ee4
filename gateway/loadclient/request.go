package loadclient

import (
	"io"
	"net/http"
	"slices"
	"time"
)

// Request is one thing to ask. The zero value is GET / and wants a 200 with any body.
type Request struct {
	Method string   // "" is GET
	Target string   // "" is /
	Header []string // further fields, "Name: value"

	// Body returns the body to send, from its start; nil is none. It is sent while the answer is awaited, and no further
	// once that has come.
	Body    func() io.Reader
	Length  int64         // announced as Content-Length, and sent; -1: in chunks
	Expect  bool          // ask for 100 Continue, and send the body after it
	Trickle time.Duration // pause between two pieces of 1 KiB of the body; 0 is none

	// Leave, if > 0, is how many bytes of the body of the answer to wait for before the client leaves, content with
	// them: for streams.
	Leave int64

	Want Want
}

// Want is the answer that is no failure.
type Want struct {
	Status []int     // any of them; empty is 200
	Length int64     // bytes of the body; 0 is any
	Sum    *[32]byte // SHA-256 of the body; nil is any
	Body   []byte    // the body itself; nil is any
	OneOf  [][]byte  // the body is one of these: for what changes meanwhile; nil is any
}

// Result is what became of one request.
type Result struct {
	Request *Request
	Failure Failure
	Err     error // why it is a failure
	Status  int   // of the answer; 0 if there was none
	Header  http.Header
	Bytes   int64         // of the body that came
	Body    int           // which of Want.OneOf it was
	Kept    bool          // the connection had been used before
	Dropped bool          // the server had closed the connection that was kept for this request; a new one was opened
	Took    time.Duration // from the first byte sent, or the attempt to connect, to the end of the answer
	Pause   time.Duration // the longest wait for bytes of the answer
}

func (w *Want) takes(status int) bool {
	if len(w.Status) == 0 {
		return status == http.StatusOK
	}
	return slices.Contains(w.Status, status)
}

// bodies are those that the answer may have; nil is any.
func (w *Want) bodies() [][]byte {
	if w.Body != nil {
		return [][]byte{w.Body}
	}
	return w.OneOf
}

// length is what the body of the answer must have, -1 if that is not known.
func (w *Want) length() int64 {
	switch bodies := w.bodies(); {
	case len(bodies) == 1:
		return int64(len(bodies[0]))
	case w.Length > 0:
		return w.Length
	}
	return -1
}
