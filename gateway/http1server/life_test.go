package http1server

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A request's context ends when its client leaves, once it has been at work for a while.
func TestClientLeaves(t *testing.T) {
	for name, behind := range map[string]string{"": "", "half a head": "GET /half", "an empty line": "\r\n", "whole requests": get + get, "more than is read ahead": strings.Repeat("x", 2*bufferSize)} {
		synctest.Test(t, func(t *testing.T) {
			var cause atomic.Value
			c := connect(t, Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				select {
				case <-r.Context().Done():
					cause.Store(context.Cause(r.Context()))
				case <-time.After(time.Hour):
				}
			})})
			go io.WriteString(c, get+behind)
			time.Sleep(time.Second)
			if cause.Load() != nil {
				t.Fatalf("%s: the client was taken for gone", name)
			}
			c.Close()
			synctest.Wait()
			if want := len(behind) <= bufferSize; (cause.Load() == context.Canceled) != want {
				t.Errorf("%s: the context ended for %v", name, cause.Load())
			}
		})
	}
}

// What is read ahead belongs to the next requests.
func TestReadAheadIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(10 * watchDelay)
			if err := r.Context().Err(); err != nil {
				t.Error(err)
			}
			describe(w, r)
		})})
		const requests = 50
		text := strings.Repeat("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello", requests)
		if answer := c.exchange(t, text+final, 700); strings.Count(answer, `"hello" <nil>`) != requests || strings.Count(answer, "HTTP/1.1 200") != requests+1 {
			t.Errorf("%q", answer)
		}
	})
}

// Many requests that end soon never have anybody look after their client; a later one has.
func TestWatchIsForTheRequestAtHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work, left := time.Duration(0), false
		c := connect(t, Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
				left = true
			case <-time.After(work):
			}
		})})
		buf := make([]byte, bufferSize)
		for i := range 100 {
			work = time.Duration(i%8) * time.Millisecond
			io.WriteString(c, get)
			if n, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 200") {
				t.Fatalf("request %d: %q, %v", i, buf[:n], err)
			}
		}
		work = time.Hour
		io.WriteString(c, get)
		time.Sleep(2 * watchDelay)
		c.Close()
		synctest.Wait()
		if !left {
			t.Error("nobody noticed")
		}
	})
}

// A context that is derived from a request's ends with it, with the handler at the latest.
func TestContextEndsWithTheHandler(t *testing.T) {
	var before, derived, late context.Context
	c := connect(t, Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		before = r.Context()
		var cancel context.CancelCauseFunc
		derived, cancel = context.WithCancelCause(before)
		t.Cleanup(func() { cancel(nil) })
		if before.Err() != nil || derived.Err() != nil || before.Value(http.LocalAddrContextKey) == nil || before.Value("x") != nil {
			t.Error("not as it should be")
		}
		late = r.Clone(before).Context()
	})})
	c.exchange(t, final, len(final))
	c.server.Shutdown(t.Context())
	for _, ctx := range []context.Context{before, derived, late} {
		select {
		case <-ctx.Done():
			if ctx.Err() != context.Canceled {
				t.Error(ctx.Err())
			}
		case <-time.After(10 * time.Second):
			t.Fatal("it goes on")
		}
	}
}

// A handler may bound the reading of a body, end it from outside, and go on.
func TestReadDeadlineOfABody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := connect(t, Options{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Body == http.NoBody {
				return
			}
			ctl, buf := http.NewResponseController(w), make([]byte, 100)
			for i, deadline := range []time.Time{began.Add(3 * time.Second), began.Add(2 * time.Second), began.Add(time.Hour), {}} {
				ctl.SetReadDeadline(deadline)
				if i == 2 {
					time.AfterFunc(time.Second, func() { ctl.SetReadDeadline(time.Unix(1, 0)) })
				}
				n, err := r.Body.Read(buf)
				switch {
				case i == 3:
					if n != 5 || err != io.EOF {
						t.Errorf("%d, %v", n, err)
					}
				case n != 0 || !errors.Is(err, os.ErrDeadlineExceeded):
					t.Errorf("%d: %d, %v", i, n, err)
				}
			}
			if took := time.Since(began); took != 10*time.Second {
				t.Errorf("%v", took)
			}
			ctl.SetReadDeadline(time.Unix(1, 0)) // for nobody
			time.Sleep(time.Second)
			if err := r.Context().Err(); err != nil {
				t.Error(err)
			}
		})})
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n")
		time.Sleep(10 * time.Second)
		if answer := c.exchange(t, "hello"+final, 100); strings.Count(answer, "HTTP/1.1 200") != 2 {
			t.Errorf("%q", answer)
		}
	})
}

// The connection is told only of deadlines that come earlier than those it has.
func TestDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, client := net.Pipe()
		defer client.Close()
		count := &countingConn{Conn: server}
		in := newInput(count, &deadline{conn: count})
		for range 1000 {
			in.deadline.set(time.Now().Add(time.Minute), false)
			time.Sleep(10 * time.Millisecond)
			in.deadline.set(time.Time{}, true)
		}
		began := time.Now()
		in.deadline.setByHandler(began.Add(time.Minute))
		if err := in.fill(); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if count.told > 3 {
			t.Errorf("the connection was told %d times", count.told)
		}
		in.deadline.set(time.Time{}, false)
		in.deadline.setByHandler(time.Now())
		go io.WriteString(client, "x")
		if err := in.fill(); err != nil || string(in.bytes()) != "x" {
			t.Errorf("%v, %q", err, in.bytes())
		}
	})
}

type countingConn struct {
	net.Conn
	told int
}

func (c *countingConn) SetReadDeadline(t time.Time) error {
	c.told++
	return c.Conn.SetReadDeadline(t)
}

func TestShutdown(t *testing.T) {
	for _, test := range []struct {
		name   string
		sent   string
		before time.Duration // until Shutdown begins
		later  string        // sent a second after Shutdown has begun
		answer string        // the last one
		took   time.Duration
	}{
		{"a client that has said nothing", "", 0, "", "", newGrace},
		{"a client that has just come", "", 0, get, "Connection: close", 3 * time.Second},
		{"idle", get, 3 * time.Second, "", "Content-Length: 0", 0},
		{"half a head", "GET / HT", 0, "TP/1.1\r\nHost: h\r\n\r\n", "Connection: close", 3 * time.Second},
		{"at work", get + get, 3 * time.Second, "", "Connection: close", time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := connect(t, Options{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(2 * time.Second) })})
			var answer string
			over := make(chan struct{})
			go func() {
				defer close(over)
				io.WriteString(c, test.sent)
				answer, _ = readToEnd(c)
			}()
			time.Sleep(test.before)
			synctest.Wait()
			began := time.Now()
			go func() { time.Sleep(time.Second); io.WriteString(c, test.later) }()
			if err := c.server.Shutdown(context.Background()); err != nil || time.Since(began) != test.took {
				t.Errorf("%s: %v after %v", test.name, err, time.Since(began))
			}
			if server, client := net.Pipe(); c.server.Serve(server) {
				t.Error("a connection was taken after that")
			} else {
				client.Close()
			}
			<-over
			if !strings.Contains(answer, test.answer) || (answer == "") != (test.answer == "") {
				t.Errorf("%s: %q", test.name, answer)
			}
			time.Sleep(time.Second)
		})
	}
}

// Shutdown breaks off what takes too long, and closes what waits for idle clients at once when asked to.
func TestShutdownBreaksOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, Options{Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })})
		io.WriteString(c, get)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := c.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if answer, _ := readToEnd(c); answer != "" {
			t.Errorf("%q", answer)
		}
	})
}

// TestSetBounds: other bounds are those of the next request of a connection that waits for it, which stays open.
func TestSetBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, Options{
			Bounds: Bounds{Limits: testLimits, IdleTimeout: time.Hour},
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if err := FromContext(r.Context()).Refusal(); err != nil {
					w.WriteHeader(431)
				}
			}),
		})
		ask := func(want string) {
			t.Helper()
			go io.WriteString(c, "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n")
			buf := make([]byte, bufferSize)
			if n, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:n]), "HTTP/1.1 "+want) {
				t.Errorf("%q, %v; want %s", buf[:n], err, want)
			}
			synctest.Wait()
		}
		ask("200")
		c.server.SetBounds(Bounds{Limits: testLimits, IdleTimeout: time.Minute})
		time.Sleep(30 * time.Minute) // it has begun to wait under the old ones
		ask("200")
		narrow := testLimits
		narrow.Fields = 2
		c.server.SetBounds(Bounds{Limits: narrow, IdleTimeout: time.Minute})
		ask("431")
	})
}

// TestSetIdleTimeout: a connection waits for as long as the bounds say that are there when it begins to.
func TestSetIdleTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, Options{Bounds: Bounds{Limits: testLimits, IdleTimeout: time.Hour}, Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})})
		c.server.SetBounds(Bounds{Limits: testLimits, IdleTimeout: time.Minute})
		io.WriteString(c, get)
		began := time.Now()
		if answer, err := readToEnd(c); err != nil || !strings.HasPrefix(answer, "HTTP/1.1 200") || time.Since(began) != time.Minute {
			t.Errorf("%q, %v after %v", answer, err, time.Since(began))
		}
	})
}

func TestCloseIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := connect(t, Options{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(time.Second) })})
		buf := make([]byte, bufferSize)
		for i := range 3 {
			io.WriteString(c, get)
			synctest.Wait()
			c.server.CloseIdle() // it is at work
			if _, err := c.Read(buf); err != nil {
				t.Errorf("request %d: %v", i, err)
			}
		}
		synctest.Wait()
		c.server.CloseIdle()
		if n, err := c.Read(buf); err != io.EOF {
			t.Errorf("%q, %v", buf[:n], err)
		}
	})
}

// idleMemory is what a connection that waits may cost, its client's side in this process included.
const idleMemory = 9 << 10

func TestIdleConnectionsAreSmall(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector needs memory of its own")
	}
	const conns = 500
	s := New(Options{Bounds: Bounds{Limits: testLimits}, Handler: http.HandlerFunc(nothing)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	buf, before := make([]byte, bufferSize), inUse()
	for range conns {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil || !s.Serve(server) {
			t.Fatal(err)
		}
		io.WriteString(client, get)
		if _, err := client.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	each := (inUse() - before) / conns
	t.Logf("%d bytes for each of %d", each, conns)
	if each > idleMemory {
		t.Errorf("want at most %d", idleMemory)
	}
	s.CloseIdle()
	s.Shutdown(t.Context())
}

// inUse is how much of the heap and of the stacks is.
func inUse() int {
	var m runtime.MemStats
	for range 3 {
		runtime.GC() // what was pooled goes only the second time
	}
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc + m.StackInuse)
}

// Requests that end just when somebody begins to look after their clients, or a little before or after.
func TestRequestsThatEndWhenTheWatchBegins(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		time.Sleep(watchDelay - time.Millisecond + rand.N(2*time.Millisecond))
		if err := r.Context().Err(); err != nil {
			t.Error(err)
		}
	})
	var clients sync.WaitGroup
	for range 16 {
		c := connectTCP(t, Options{Handler: handler, Bounds: Bounds{IdleTimeout: time.Minute, HeaderTimeout: time.Minute}})
		clients.Go(func() {
			buf := make([]byte, bufferSize)
			for i := range 100 {
				io.WriteString(c, []string{get, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"}[i%2])
				if n, err := c.Read(buf); err != nil {
					t.Errorf("request %d: %q, %v", i, buf[:n], err)
					return
				}
			}
		})
	}
	clients.Wait()
}
