package responder

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// A Handler answers one request and returns its exit status. A panic with ErrBreak closes the connection without an
// orderly end; any other panic is the program's.
type Handler func(*Request) (exit uint32)

// ErrBreak is what a Handler panics with to break a request off.
var ErrBreak = errors.New("responder: the handler has broken the request off")

// Server serves a Handler, which must be set.
type Server struct {
	Handler Handler
	// Connections is how many are served at once; 0 is 1: the next one waits until the one before is closed. Each has at
	// most one request at a time.
	Connections int
	// Buffer is how many bytes of standard output are gathered before they are sent; 0: each Write is sent at once.
	Buffer int
	// MaxParams is how many bytes the parameters of a request may have; 0 is 1 MiB.
	MaxParams int
	// Log takes what is wrong with what came over a connection, from any goroutine; it may be nil.
	Log func(error)
}

// lingerTime is how long an answered connection that is not kept is read, so that what the peer still sends does not
// reset it before the peer has read the answer.
const lingerTime = 2 * time.Second

// Listener is the listening socket that whoever started this process has put on descriptor 0 (FCGI_LISTENSOCK_FILENO).
func Listener() (net.Listener, error) { return net.FileListener(os.Stdin) }

// Serve serves the connections of l until ctx ends or accepting fails. It closes l and all connections and has waited for
// every Handler when it returns: nil if that was because ctx has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	defer l.Close()
	places := make(chan struct{}, max(s.Connections, 1))
	for {
		places <- struct{}{}
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if err != nil {
			return err
		}
		all.Go(func() {
			defer func() { <-places }()
			s.serveConn(ctx, conn)
		})
	}
}

func (s *Server) log(err error) {
	if s.Log != nil {
		s.Log(err)
	}
}
