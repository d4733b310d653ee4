package relay

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"gatewayd/gateway"
	"gatewayd/gateway/spool"
)

// received is a request body that a program can be started for. Close lets go of it; once that has returned nobody
// reads from the connection any more.
type received interface {
	io.ReadCloser
	Len() int64 // -1 if nobody knows yet
}

// nothing is the body of a request that has none.
type nothing struct{}

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }
func (nothing) Close() error             { return nil }
func (nothing) Len() int64               { return 0 }

// receive waits for the whole body, unless it is to be streamed.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request) (received, error) {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return nothing{}, nil
	case !h.opt.Stream:
		return h.spoolBody(r)
	}
	if h.opt.Spool.Max > 0 && r.ContentLength > h.opt.Spool.Max {
		return nil, h.tooLarge()
	}
	return newUpload(w, r, h.opt.Spool.Max, h.tooLarge()), nil
}

func (h *Handler) tooLarge() *gateway.Error {
	return &gateway.Error{
		Status: http.StatusRequestEntityTooLarge,
		Op:     "take the request body",
		Err:    fmt.Errorf("it is larger than max_body: %s", size(h.opt.Spool.Max)),
		Hint:   "raise `max_body` for this route if such bodies are welcome",
		Public: fmt.Sprintf("The request body is larger than %s, the most this address takes (max_body).", size(h.opt.Spool.Max)),
	}
}

// spoolBody receives the whole body.
func (h *Handler) spoolBody(r *http.Request) (received, error) {
	body, err := spool.Read(r.Body, r.ContentLength, h.opt.Spool)
	var store *spool.StoreError
	var status *gateway.Error
	switch {
	case err == nil:
		return body, nil
	case errors.Is(err, spool.ErrTooLarge):
		return nil, h.tooLarge()
	case errors.As(err, &store):
		return nil, &gateway.Error{
			Status: http.StatusInsufficientStorage,
			Op:     "spool",
			Err:    store,
			Hint:   "make room there, or point `temp` at a directory with more",
		}
	case errors.As(err, &status):
		return nil, status
	}
	return nil, &gateway.Error{
		Status: http.StatusBadRequest,
		Op:     "read the request body",
		Err:    fmt.Errorf("%w: %w", errCutOff, err),
		Public: "The request body ended before it was complete.",
	}
}

// errCutOff is a body that the connection did not bring to its end.
var errCutOff = errors.New("it was cut off")

// withBody gives r the body and its exact length, as far as that is known. That the client announced a body at all still
// shows in Content-Length or TransferEncoding.
func withBody(r *http.Request, body received) *http.Request {
	r.ContentLength = body.Len()
	if body.Len() == 0 {
		r.Body = http.NoBody
		return r
	}
	r.Body = body
	return r
}

func size(n int64) string {
	for _, unit := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= unit.bytes && n%unit.bytes == 0 {
			return fmt.Sprintf("%d%s", n/unit.bytes, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
