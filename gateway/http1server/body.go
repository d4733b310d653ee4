package http1server

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"gatewayd/gateway/http1"
)

// body is the content of a request. What is wrong with its framing is a *http1.Refusal. It may be read by another
// goroutine than the handler's.
type body struct {
	exchange *exchange

	mu      sync.Mutex
	framing http1.Body
	awaited bool  // the client wants to hear that it may send
	err     error // what every further Read returns
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err != nil {
		return 0, b.err
	}
	if b.awaited {
		b.awaited = false
		b.exchange.response.sendContinue()
	}
	for n == 0 && err == nil && len(p) > 0 {
		n, err = b.advance(p)
	}
	return n, err
}

// advance reads some of the content, or what comes before it.
func (b *body) advance(p []byte) (n int, err error) {
	in := b.exchange.conn.in
	if want := b.framing.Content(); want > 0 {
		n, err = in.take(p[:min(int64(len(p)), want)])
		b.framing.Take(n)
	} else if len(in.bytes()) == 0 {
		err = in.fill()
	}
	if err != nil {
		return n, b.failed(err)
	}
	b.takeFraming()
	if n > 0 && b.err != nil && b.err != io.EOF { //nolint:errorlint // it is as takeFraming has set it
		return n, nil
	}
	return n, b.err
}

// takeFraming takes what has come of it, and notes where it is wrong or at its end.
func (b *body) takeFraming() {
	in := b.exchange.conn.in
	n, refusal := b.framing.Framing(in.bytes())
	in.use(n)
	switch {
	case refusal != nil:
		b.err = refusal
		b.exchange.conn.GiveUp()
	case b.framing.Done():
		b.err = io.EOF
		b.exchange.conn.watch.begin(time.Now(), b.exchange.ctx.end)
	}
}

// failed is what a read of the connection has come to. A deadline is no end: a handler may set another.
func (b *body) failed(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if err == io.EOF { //nolint:errorlint // as every reader's
		err = io.ErrUnexpectedEOF
	}
	b.err = err
	b.exchange.ctx.end() // the client has left
	return err
}

// Close implements io.Closer.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.err = http.ErrBodyReadAfterClose
	}
	return nil
}

// end ends the reading, also one that is under way, and says whether the whole body has been read.
func (b *body) end() bool {
	if !b.mu.TryLock() {
		b.exchange.conn.until.set(time.Unix(1, 0), false)
		b.mu.Lock()
	}
	defer b.mu.Unlock()
	if b.err == nil && !b.framing.Done() {
		b.takeFraming() // its end may have come with the last of the content
	}
	b.err = http.ErrBodyReadAfterClose
	return b.framing.Done()
}
