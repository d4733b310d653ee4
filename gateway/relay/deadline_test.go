package relay

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/spool"
)

// deadlined is a connection of which a read waits for its deadline.
type deadlined struct {
	http.ResponseWriter
	mu      sync.Mutex
	passed  chan struct{} // closed once the deadline has
	expired bool
}

func newDeadlined() *deadlined {
	return &deadlined{ResponseWriter: httptest.NewRecorder(), passed: make(chan struct{})}
}

func (d *deadlined) SetReadDeadline(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	past := !t.IsZero() && !t.After(time.Now())
	if d.expired && !past {
		d.passed = make(chan struct{})
	} else if past && !d.expired {
		close(d.passed)
	}
	d.expired = past
	return nil
}

// paced is a body as middleware paces it: it moves the deadline before it reads, and moves away one that was set a moment
// before.
type paced struct {
	conn  *deadlined
	moved func() // called before the deadline is moved
}

func (p *paced) Read([]byte) (int, error) {
	p.moved()
	p.conn.SetReadDeadline(time.Now().Add(time.Hour))
	p.conn.mu.Lock()
	passed := p.conn.passed
	p.conn.mu.Unlock()
	<-passed
	return 0, os.ErrDeadlineExceeded
}

func (p *paced) Close() error { return nil }

// A deadline that ends a read must hold even if the reader sets another one in the same moment.
func TestUploadIsClosedWhoeverMovesTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := newDeadlined()
		begun, goOn := make(chan struct{}), make(chan struct{})
		r := httptest.NewRequest("POST", "/", nil)
		r.Body = &paced{conn, func() { close(begun); <-goOn }}
		u := newUpload(conn, r, 0, nil)
		go u.Read(make([]byte, 10))
		<-begun
		closed := make(chan struct{})
		began := time.Now()
		go func() { u.Close(); close(closed) }()
		synctest.Wait() // Close has set its deadline
		close(goOn)
		<-closed
		if took := time.Since(began); took > time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestTimeoutHoldsWhoeverMovesTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := newDeadlined()
		h := New(Options{Timeout: time.Second, Spool: spool.Options{Dir: t.TempDir()}, Resolver: resolver(anyScript)})
		r := httptest.NewRequest("POST", "/", nil)
		r.ContentLength = -1
		r.Body = &paced{conn, func() { time.Sleep(1500 * time.Millisecond) }} // the time is over in between
		req := &gateway.Request{Request: r, Timing: gateway.Timing{Begun: time.Now()}}
		began := time.Now()
		h.ServeHTTP(conn, r.WithContext(gateway.NewContext(context.Background(), req)))
		var e *gateway.Error
		if !errors.As(req.Err, &e) || e.Status != http.StatusGatewayTimeout {
			t.Errorf("got %v", req.Err)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("took %s", took)
		}
	})
}
