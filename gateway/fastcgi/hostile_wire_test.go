package fastcgi_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/cgispec"
)

// judge is what the specification says of an answer that ends with its connection: what is in STDOUT, and whether the
// application has ended the request. It is written for the sake of being clear.
func judge(b []byte) (text []byte, whole bool) {
	ended, management := false, 0
	for len(b) >= 8 {
		version, kind, id := b[0], b[1], int(b[2])<<8|int(b[3])
		size, padding := int(b[4])<<8|int(b[5]), int(b[6])
		if version != 1 || kind >= 9 && id != 0 || kind < 9 && id != 1 || kind == 3 && size != 8 || len(b) < 8+size {
			return text, false
		}
		content := b[8 : 8+size]
		switch {
		case kind >= 9: // of which the client takes so many
			if management += 8 + size + padding; size > 8<<10 || management > 64<<10 {
				return text, false
			}
		case kind == 3:
			return text, content[4] == 0
		case kind == 6 && ended && size > 0:
			return text, false
		case kind == 6:
			text, ended = append(text, content...), size == 0
		case kind != 7:
			return text, false
		}
		if len(b) < 8+size+padding {
			return text, false
		}
		b = b[8+size+padding:]
	}
	return text, false
}

// FuzzAnswer: whatever an application sends, it is taken for an answer if and only if it is one; and the next request
// is served.
func FuzzAnswer(f *testing.F) {
	for _, c := range append(append(append(append(garbage(), wrongRecords()...), lies()...), disorder()...), badHeads()...) {
		if len(c.says) < 10<<10 {
			f.Add([]byte(c.says))
		}
	}
	f.Add([]byte(stdout("Content-Length: 3\n\n") + stdout("abc") + done()))
	var says atomic.Pointer[[]byte]
	v := newVillain(f, "unix", func(k *talk) {
		if k.request() {
			k.Write(*says.Load())
			k.end(closes)
		}
	})
	s := newStage(f, 1, v.address())
	f.Cleanup(func() {
		s.close()
		v.close()
	})
	f.Fuzz(func(t *testing.T, answer []byte) {
		says.Store(&answer)
		s.TB = t
		a := s.ask("POST", nil, patience)
		text, whole := judge(answer)
		rest := bufio.NewReader(bytes.NewReader(text))
		resp, err := cgispec.ReadResponse(rest, cgispec.ResponseOptions{MaxHeader: 64 << 10})
		if err != nil || !whole {
			if a.err == nil {
				t.Fatalf("taken for an answer (%v): %d %q", err, a.status, a.body)
			}
			return
		}
		body, _ := io.ReadAll(rest)
		if a.err != nil || a.status != resp.StatusCode || a.body != string(body) {
			t.Fatalf("%d %q, %s; want %d %q", a.status, a.body, a.log(), resp.StatusCode, body)
		}
	})
}

// TestCutAnywhere: an answer that ends at any byte is not taken for whole.
func TestCutAnywhere(t *testing.T) {
	before := backendtest.Measure()
	answer := stderr("a line\n") + record(6, 1, "Content-Type: te", 3) + record(6, 1, "xt/plain\n\nbo", 0) + stdout("dy") + done()
	for _, how := range []then{closes, resets} {
		var at atomic.Int64
		v := newVillain(t, "tcp", func(k *talk) {
			if k.request() {
				k.Write([]byte(answer[:at.Load()]))
				k.end(how)
			}
		})
		s := newStage(t, 1, v.address())
		for cut := range len(answer) {
			at.Store(int64(cut))
			a := s.ask("POST", nil, patience)
			if a.err == nil || a.err.Status != 502 || !strings.HasPrefix("body", a.body) {
				t.Errorf("cut after %d bytes of %d: %d %q, %s", cut, len(answer), a.status, a.body, a.log())
			}
		}
		s.close()
		v.close()
	}
	backendtest.NoMore(t, before)
}

// TestBabel lets an application do evil to some requests while it answers others: each gets its own answer or an error,
// never what belongs to another.
func TestBabel(t *testing.T) {
	before := backendtest.Measure()
	nobody := page("token-of-nobody") + done()
	evils := []string{"garbage", nobody[1:], "\x00" + nobody[1:], record(6, 2, "token-of-nobody", 0), record(3, 2, "\x00\x00\x00\x00\x00\x00\x00\x00", 0), record(5, 1, "token-of-nobody", 0), record(99, 1, "", 0), record(3, 1, "", 0)}
	v := newVillain(t, "unix", func(k *talk) { babel(k, evils) })
	s := newStage(t, 4, v.address())
	s.gate.SetLimits(unlimited)
	var served atomic.Int64
	var clients sync.WaitGroup
	for i := range 16 {
		clients.Go(func() {
			for j := range 60 {
				token := fmt.Sprintf("token-%d-%d", i, j)
				a := s.request(httptest.NewRequest(http.MethodPost, "/app/x", strings.NewReader(token)), patience)
				if a.err == nil && a.body != token || !strings.HasPrefix(token, a.body) {
					t.Errorf("%s got %q", token, a.body)
				}
				if a.err == nil {
					served.Add(1)
				}
			}
		})
	}
	clients.Wait()
	if n := served.Load(); n < 100 {
		t.Errorf("only %d of 960 requests were served", n)
	}
	s.rest()
	s.close()
	v.close()
	backendtest.NoMore(t, before)
}

// babel answers requests with their own body, and some with anything else.
func babel(k *talk, evils []string) {
	for {
		body, ok := k.body()
		if !ok {
			return
		}
		switch evil := evils[rand.N(len(evils))]; rand.N(8) {
		case 0:
			k.Write([]byte(evil))
		case 1:
			k.Write([]byte(page(body[:len(body)/2]) + evil))
		case 2:
			k.Write([]byte(page(body) + done() + evil))
			time.Sleep(time.Millisecond) // or it may come so late that it begins the next answer
		case 3:
			k.Write([]byte(page(body[:len(body)/2])))
			k.end(closes)
			return
		default:
			k.Write([]byte(page(body) + done()))
		}
	}
}
