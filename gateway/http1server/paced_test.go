package http1server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// pair is a paced server side and a plain client side of one loopback connection. The client's receive buffer is
// small, so that the server feels a slow reader soon.
func pair(t *testing.T, span time.Duration) (server *pacedConn, client net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			close(accepted)
			return
		}
		conn.(*net.TCPConn).SetWriteBuffer(16 << 10)
		accepted <- conn
	}()
	client, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client.(*net.TCPConn).SetReadBuffer(16 << 10)
	conn, ok := <-accepted
	if !ok {
		t.Fatal("not accepted")
	}
	server = paced(conn, span)
	t.Cleanup(func() { server.Close(); client.Close() })
	return server, client
}

// testFile is a file of n bytes that are different everywhere.
func testFile(t *testing.T, n int) (*os.File, []byte) {
	t.Helper()
	data := make([]byte, n)
	for i := range data {
		data[i] = byte(i*7 + i>>8*13 + i>>16)
	}
	path := t.TempDir() + "/file"
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file, data
}

// sends are the ways in which bytes reach a connection.
func sends(t *testing.T, n int) map[string]func(*pacedConn) error {
	return map[string]func(*pacedConn) error{
		"Write": func(c *pacedConn) error {
			_, data := testFile(t, n)
			_, err := c.Write(data)
			return err
		},
		"pieces": func(c *pacedConn) error {
			_, data := testFile(t, n)
			_, err := c.send([][]byte{data[:10], nil, data[10 : n/2], data[n/2:]})
			return err
		},
		"file": func(c *pacedConn) error {
			file, _ := testFile(t, n)
			_, err := c.ReadFrom(file)
			return err
		},
		"part of a file": func(c *pacedConn) error {
			file, data := testFile(t, n+100)
			os.WriteFile(file.Name(), append(bytes.Repeat([]byte("x"), 50), data[:n]...), 0o644)
			file.Seek(50, io.SeekStart)
			_, err := c.ReadFrom(io.LimitReader(file, int64(n)))
			return err
		},
		"other reader": func(c *pacedConn) error {
			_, data := testFile(t, n)
			_, err := c.ReadFrom(struct{ io.Reader }{bytes.NewReader(data)})
			return err
		},
	}
}

func TestPacedConnSendsEverythingToASlowReader(t *testing.T) {
	const size = 4 << 20
	_, want := testFile(t, size)
	for name, send := range sends(t, size) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// The whole takes several spans, each of which brings much more than it must.
			server, client := pair(t, time.Second)
			sent := make(chan error, 1)
			go func() {
				err := send(server)
				server.Close()
				sent <- err
			}()
			var got bytes.Buffer
			for {
				_, err := io.CopyN(&got, client, 256<<10)
				if err != nil {
					break
				}
				time.Sleep(150 * time.Millisecond)
			}
			if err := <-sent; err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("%d bytes arrived, and not those that were sent", got.Len())
			}
		})
	}
}

func TestPacedConnBreaksOffAReaderThatTakesNothing(t *testing.T) {
	for name, send := range sends(t, 8<<20) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const span = 200 * time.Millisecond
			server, _ := pair(t, span)
			began := time.Now()
			err := send(server)
			took := time.Since(began)
			if !errors.Is(err, os.ErrDeadlineExceeded) || took < span*9/10 || took > 60*span {
				t.Errorf("%v after %v, want a timeout after about %v", err, took, span)
			}
		})
	}
}

func TestPacedConnDrippingDoesNotHelp(t *testing.T) {
	server, client := pair(t, 300*time.Millisecond)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		one := make([]byte, 1)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				client.Read(one)
			}
		}
	}()
	began := time.Now()
	_, err := server.Write(make([]byte, 8<<20))
	if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took > 10*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}
