package responder_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/responder"
)

// rec is a record in bytes, written down here once more so that the package does not check itself by itself.
func rec(kind, id int, content string) string {
	n := len(content)
	return string([]byte{1, byte(kind), byte(id >> 8), byte(id), byte(n >> 8), byte(n), 0, 0}) + content
}

// padded is rec as the package sends it.
func padded(kind, id int, content string) string {
	padding := (8 - len(content)%8) % 8
	r := []byte(rec(kind, id, content) + strings.Repeat("\x00", padding))
	r[6] = byte(padding)
	return string(r)
}

func pair(name, value string) string {
	return string([]byte{byte(len(name)), byte(len(value))}) + name + value
}

const (
	keep = "\x00\x01\x01\x00\x00\x00\x00\x00"
	once = "\x00\x01\x00\x00\x00\x00\x00\x00"
)

// whole is a request with a body.
func whole(id int, flags, body string) string {
	r := rec(1, id, flags) + rec(4, id, pair("A", "b")) + rec(4, id, "")
	if body != "" {
		r += rec(5, id, body)
	}
	return r + rec(5, id, "")
}

// end is FCGI_END_REQUEST.
func end(id int, exit byte, status byte) string {
	return padded(3, id, string([]byte{0, 0, 0, exit, status, 0, 0, 0}))
}

func echo(r *responder.Request) uint32 {
	body, err := io.ReadAll(r.Stdin)
	if err != nil {
		fmt.Fprintf(r.Stderr, "%v", err)
		return 2
	}
	fmt.Fprintf(r.Stdout, "%v %s", r.Params, body)
	return 7
}

// serve serves s on a unix socket and returns its path. When the test ends, everything must have ended.
func serve(t *testing.T, s *responder.Server) string {
	t.Helper()
	before := runtime.NumGoroutine()
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for deadline := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
			}
		}
	})
	return path
}

func dial(t *testing.T, path string) *net.UnixConn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	return c.(*net.UnixConn)
}

func expect(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	n, err := io.ReadFull(c, got)
	if string(got) != want {
		t.Fatalf("answered (%v)\n%s\nwant\n%s", err, hex.Dump(got[:n]), hex.Dump([]byte(want)))
	}
}

func ended(t *testing.T, c net.Conn) {
	t.Helper()
	rest, err := io.ReadAll(c)
	if err != nil && !strings.Contains(err.Error(), "reset") || len(rest) > 0 {
		t.Fatalf("the connection was not closed: %v, %q", err, rest)
	}
}

func TestConversations(t *testing.T) {
	answer := func(id int, body string) string {
		return padded(6, id, "[{A b}] "+body) + padded(6, id, "") + end(id, 7, 0)
	}
	long := strings.Repeat("v", 300)
	for _, c := range []struct {
		name string
		turn []string // what is sent and what is answered, in turns
	}{
		{"request", []string{whole(1, once, "body"), answer(1, "body")}},
		{"no body", []string{whole(1, once, ""), answer(1, "")}},
		{"high request id", []string{whole(0xfffe, once, "x"), answer(0xfffe, "x")}},
		{"kept connection", []string{whole(1, keep, "one"), answer(1, "one"), whole(1, keep, "two"), answer(1, "two"), whole(2, once, "three"), answer(2, "three")}},
		{"padding is junk", []string{whole(1, once, "")[:16] + "\x01\x04\x00\x01\x00\x04\x03\x00" + pair("A", "b") + "\x01\x05\x00" + rec(4, 1, "") + rec(5, 1, ""), answer(1, "")}},
		{"parameters in several records", []string{rec(1, 1, once) + rec(4, 1, "\x01") + rec(4, 1, "\x01A") + rec(4, 1, "b") + rec(4, 1, "") + rec(5, 1, ""), answer(1, "")}},
		{"long value", []string{rec(1, 1, once) + rec(4, 1, "\x01\x80\x00\x01\x2cA"+long) + rec(4, 1, "") + rec(5, 1, ""), padded(6, 1, "[{A "+long+"}] ") + padded(6, 1, "") + end(1, 7, 0)}},
		{"four bytes for a short length", []string{rec(1, 1, once) + rec(4, 1, "\x80\x00\x00\x01\x80\x00\x00\x01Ab") + rec(4, 1, "") + rec(5, 1, ""), answer(1, "")}},
		{"no parameters", []string{rec(1, 1, once) + rec(4, 1, "") + rec(5, 1, ""), padded(6, 1, "[] ") + padded(6, 1, "") + end(1, 7, 0)}},
		{"abort before the parameters end", []string{rec(1, 1, keep) + rec(2, 1, "") + whole(1, once, "next"), end(1, 0, 0) + answer(1, "next")}},
		{"abort of an unknown request", []string{rec(2, 9, "") + whole(1, once, ""), answer(1, "")}},
		{"leftovers of an ended request", []string{whole(1, keep, ""), answer(1, ""), rec(5, 1, "late") + rec(4, 1, "late") + whole(2, once, ""), answer(2, "")}},
		{"second request at once", []string{rec(1, 1, once) + rec(1, 2, keep) + whole(1, once, "")[16:], end(2, 0, 1) + answer(1, "")}},
		{"unknown role", []string{rec(1, 1, "\x00\x02\x01\x00\x00\x00\x00\x00") + whole(2, once, ""), end(1, 0, 3) + answer(2, "")}},
		{"unknown role, not kept", []string{rec(1, 1, "\x00\x03\x00\x00\x00\x00\x00\x00"), end(1, 0, 3)}},
		{"values", []string{rec(9, 0, pair("FCGI_MPXS_CONNS", "")+pair("OTHER", "")+pair("FCGI_MAX_CONNS", "")+pair("FCGI_MAX_CONNS", "")) + whole(1, once, ""),
			padded(10, 0, pair("FCGI_MPXS_CONNS", "0")+pair("FCGI_MAX_CONNS", "1")) + answer(1, "")}},
		{"unknown management record", []string{rec(77, 0, "abc") + whole(1, once, ""), padded(11, 0, "\x4d\x00\x00\x00\x00\x00\x00\x00") + answer(1, "")}},
		{"dropped after the answer", []string{whole(1, once, ""), answer(1, ""), rec(5, 1, "late"), ""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := serve(t, &responder.Server{Handler: echo, Buffer: 4096, Log: func(err error) { t.Error(err) }})
			conn := dial(t, path)
			for i := 0; i < len(c.turn); i += 2 {
				io.WriteString(conn, c.turn[i])
				expect(t, conn, c.turn[i+1])
			}
			conn.CloseWrite()
			ended(t, conn)
		})
	}
}

func TestRefused(t *testing.T) {
	for _, c := range []struct{ name, send, log string }{
		{"version", "\x02" + whole(1, once, "")[1:], "version 2: 02 01 00 01 00 08 00 00"},
		{"cut in a head", whole(1, once, "")[:4], "unexpected EOF"},
		{"cut in a record", whole(1, once, "")[:12], "cut short"},
		{"short begin", rec(1, 1, "\x00\x01\x01"), "FCGI_BEGIN_REQUEST"},
		{"begins twice", rec(1, 1, keep) + rec(1, 1, keep), "begins twice"},
		{"unknown type", rec(1, 1, keep) + rec(99, 1, ""), "type 99"},
		{"an application's record", rec(1, 1, keep) + rec(6, 1, "x"), "type 6"},
		{"body before the parameters", rec(1, 1, keep) + rec(5, 1, "x"), "before or after the body"},
		{"body after its end", rec(1, 1, keep) + rec(4, 1, "") + rec(5, 1, "") + rec(5, 1, "x"), "before or after the body"},
		{"parameters after their end", rec(1, 1, keep) + rec(4, 1, "") + rec(4, 1, "x"), "after the end of the parameters"},
		{"lengths whose sum is more than 32 bits", rec(1, 1, keep) + rec(4, 1, "\xff\xff\xff\xff\xff\xff\xff\xffA") + rec(4, 1, ""), "longer than what was sent"},
		{"length cut", rec(1, 1, keep) + rec(4, 1, "\x01\x80\x00\x00") + rec(4, 1, ""), "longer than what was sent"},
		{"value cut", rec(1, 1, keep) + rec(4, 1, "\x01\x02Ab") + rec(4, 1, ""), "longer than what was sent"},
		{"many parameters", rec(1, 1, keep) + rec(4, 1, strings.Repeat("x", 1001)), "more than 1000 bytes"},
		{"values cut", rec(9, 0, "\x05"), "longer than what was sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			logged := make(chan error, 1)
			release := make(chan struct{})
			path := serve(t, &responder.Server{MaxParams: 1000, Log: func(err error) { logged <- err }, Handler: func(r *responder.Request) uint32 {
				<-release // so that the record comes while the request is at work
				return 0
			}})
			conn := dial(t, path)
			io.WriteString(conn, c.send)
			conn.CloseWrite()
			if err := <-logged; !strings.Contains(err.Error(), c.log) {
				t.Errorf("%v does not say %q", err, c.log)
			}
			ended(t, conn)
			close(release)
		})
	}
}

func TestStreams(t *testing.T) {
	t.Run("input and output at once", func(t *testing.T) {
		path := serve(t, &responder.Server{Handler: func(r *responder.Request) uint32 {
			io.CopyBuffer(struct{ io.Writer }{r.Stdout}, struct{ io.Reader }{r.Stdin}, make([]byte, 10))
			return 0
		}})
		conn := dial(t, path)
		io.WriteString(conn, rec(1, 1, once)+rec(4, 1, ""))
		for range 3 {
			io.WriteString(conn, rec(5, 1, "ping"))
			expect(t, conn, padded(6, 1, "ping"))
		}
		io.WriteString(conn, rec(5, 1, ""))
		expect(t, conn, padded(6, 1, "")+end(1, 0, 0))
	})
	t.Run("errors", func(t *testing.T) {
		path := serve(t, &responder.Server{Buffer: 100, Handler: func(r *responder.Request) uint32 {
			fmt.Fprint(r.Stdout, "out")
			fmt.Fprint(r.Stderr, "err")
			return 0
		}})
		conn := dial(t, path)
		io.WriteString(conn, whole(1, once, ""))
		expect(t, conn, padded(7, 1, "err")+padded(6, 1, "out")+padded(6, 1, "")+padded(7, 1, "")+end(1, 0, 0))
	})
	t.Run("flush, and more than a record", func(t *testing.T) {
		big := strings.Repeat("b", 70000)
		path := serve(t, &responder.Server{Buffer: 100, Handler: func(r *responder.Request) uint32 {
			fmt.Fprint(r.Stdout, "one")
			r.Stdout.Flush()
			fmt.Fprint(r.Stdout, "two")
			fmt.Fprint(r.Stdout, big)
			return 0
		}})
		conn := dial(t, path)
		io.WriteString(conn, whole(1, once, ""))
		expect(t, conn, padded(6, 1, "one")+padded(6, 1, "two")+padded(6, 1, big[:65535])+padded(6, 1, big[65535:])+padded(6, 1, "")+end(1, 0, 0))
	})
	t.Run("an answer before the body was read", func(t *testing.T) {
		path := serve(t, &responder.Server{Handler: func(r *responder.Request) uint32 {
			fmt.Fprint(r.Stdout, "early")
			return 0
		}})
		conn := dial(t, path)
		io.WriteString(conn, rec(1, 1, keep)+rec(4, 1, ""))
		block := rec(5, 1, strings.Repeat("x", 60000))
		for range 20 {
			io.WriteString(conn, block)
		}
		answer := func(id int) string { return padded(6, id, "early") + padded(6, id, "") + end(id, 0, 0) }
		expect(t, conn, answer(1))
		io.WriteString(conn, rec(5, 1, "")+whole(2, once, ""))
		expect(t, conn, answer(2))
	})
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		cause error
		leave func(*net.UnixConn)
	}{
		{"aborted", responder.ErrAborted, func(c *net.UnixConn) { io.WriteString(c, rec(2, 1, "")) }},
		{"gone", responder.ErrGone, func(c *net.UnixConn) { c.Close() }},
	} {
		t.Run(c.name, func(t *testing.T) {
			started, seen := make(chan struct{}), make(chan error, 3)
			path := serve(t, &responder.Server{Handler: func(r *responder.Request) uint32 {
				close(started)
				<-r.Context().Done()
				seen <- context.Cause(r.Context())
				_, err := r.Stdin.Read(make([]byte, 1))
				seen <- err
				_, err = r.Stdout.Write([]byte("x"))
				seen <- err
				return 3
			}})
			conn := dial(t, path)
			io.WriteString(conn, rec(1, 1, keep)+rec(4, 1, ""))
			<-started
			c.leave(conn)
			for _, what := range []string{"cause", "input", "output"} {
				if err := <-seen; err != c.cause {
					t.Errorf("%s: %v, want %v", what, err, c.cause)
				}
			}
			if c.cause == responder.ErrAborted {
				expect(t, conn, padded(6, 1, "")+end(1, 3, 0))
			}
		})
	}
	t.Run("broken off", func(t *testing.T) {
		path := serve(t, &responder.Server{Handler: func(r *responder.Request) uint32 {
			fmt.Fprint(r.Stdout, "half")
			panic(responder.ErrBreak)
		}})
		conn := dial(t, path)
		io.WriteString(conn, whole(1, keep, ""))
		expect(t, conn, padded(6, 1, "half"))
		ended(t, conn)
	})
}

func TestConnectionsAtOnce(t *testing.T) {
	for _, connections := range []int{0, 1, 3} {
		t.Run(fmt.Sprint(connections), func(t *testing.T) {
			working, release := make(chan struct{}, 10), make(chan struct{})
			path := serve(t, &responder.Server{Connections: connections, Handler: func(r *responder.Request) uint32 {
				working <- struct{}{}
				<-release
				return 0
			}})
			for range 4 {
				conn := dial(t, path)
				io.WriteString(conn, whole(1, once, ""))
				go func() {
					io.Copy(io.Discard, conn)
					conn.Close()
				}()
			}
			for range max(connections, 1) {
				<-working
			}
			select {
			case <-working:
				t.Error("more connections at once than allowed")
			case <-time.After(20 * time.Millisecond):
			}
			for range 4 {
				release <- struct{}{}
			}
		})
	}
}

func TestParam(t *testing.T) {
	r := &responder.Request{Params: []responder.Param{{"A", "1"}, {"B", ""}, {"A", "2"}}}
	if r.Param("A") != "1" || r.Param("C") != "" {
		t.Errorf("A is %q, C is %q", r.Param("A"), r.Param("C"))
	}
	if got := strings.Join(r.Environ(), " "); got != "A=1 B= A=2" {
		t.Error(got)
	}
}

// FuzzConn: whatever comes, the connection ends when it does, and what was answered is records.
func FuzzConn(f *testing.F) {
	f.Add([]byte(whole(1, keep, "one") + whole(2, once, "two")))
	f.Add([]byte(rec(9, 0, pair("FCGI_MAX_CONNS", "")) + rec(1, 1, keep) + rec(4, 1, "\x80\x00\x00\x01\x80\x00\x00\x01Ab") + rec(4, 1, "") + rec(2, 1, "")))
	f.Add([]byte(rec(1, 1, keep) + rec(4, 1, "") + rec(5, 1, strings.Repeat("x", 5000)) + rec(1, 2, keep) + rec(77, 0, "")))
	f.Fuzz(func(t *testing.T, in []byte) {
		here, there := net.Pipe()
		l := &oneConn{conn: there, ended: make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- (&responder.Server{Handler: echo, MaxParams: 10000}).Serve(ctx, l) }()
		go func() {
			here.Write(in)
			time.AfterFunc(time.Millisecond, func() { here.Close() })
		}()
		out, _ := io.ReadAll(here)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for len(out) >= 8 {
			if out[0] != 1 {
				t.Fatalf("not a record: % x", out[:8])
			}
			out = out[min(len(out), 8+int(out[4])<<8+int(out[5])+int(out[6])):]
		}
	})
}

// oneConn is a listener of one connection.
type oneConn struct {
	conn  net.Conn
	ended chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c := l.conn; c != nil {
		l.conn = nil
		return c, nil
	}
	<-l.ended
	return nil, net.ErrClosed
}

func (l *oneConn) Close() error {
	select {
	case <-l.ended:
	default:
		close(l.ended)
	}
	return nil
}

func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }
