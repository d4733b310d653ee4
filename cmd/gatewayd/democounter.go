package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gatewayd/gateway/responder"
)

// counterName is the name under which this executable is the demo's FastCGI program: one that runs wherever gatewayd
// does.
const counterName = "counter.fcgi"

// counterConnections is how many requests it answers at once, as the demo's config says too.
const counterConnections = 8

// counterMain does not return if this process was started as the demo's FastCGI program.
func counterMain() {
	if filepath.Base(os.Args[0]) != counterName {
		return
	}
	err := serveCounter()
	fmt.Fprintln(os.Stderr, counterName+":", err)
	os.Exit(1)
}

func serveCounter() error {
	l, err := responder.Listener()
	if err != nil {
		return fmt.Errorf("descriptor 0 is no listening socket, so that this was not started as a FastCGI program: %w", err)
	}
	c := &counter{started: time.Now()}
	s := responder.Server{Handler: c.answer, Connections: counterConnections, Buffer: 4 << 10}
	return s.Serve(context.Background(), l)
}

// counter is what the program remembers from one request to the next, which a CGI program cannot.
type counter struct {
	started  time.Time
	requests atomic.Int64
	visits   atomic.Int64
}

func (c *counter) answer(r *responder.Request) uint32 {
	number := c.requests.Add(1)
	switch r.Param("PATH_INFO") {
	case "", "/":
		counterHead(r, http.StatusOK)
		fmt.Fprintf(r.Stdout, "Visit number %d. Reload to count on: the number is in this program's memory.\n\n", c.visits.Add(1))
		fmt.Fprintf(r.Stdout, "process %d, running for %v, request number %d\n", os.Getpid(), time.Since(c.started).Round(time.Second), number)
	case "/clock":
		counterHead(r, http.StatusOK)
		c.clock(r)
	case "/crash":
		fmt.Fprintln(r.Stderr, "somebody has asked this program to crash")
		os.Exit(1)
	default:
		counterHead(r, http.StatusNotFound)
		fmt.Fprintln(r.Stdout, "There is /, /clock and /crash.")
	}
	return 0
}

func counterHead(r *responder.Request, status int) {
	fmt.Fprintf(r.Stdout, "Status: %d\nContent-Type: text/plain; charset=utf-8\nCache-Control: no-store\n\n", status)
}

// clock tells the time each second, as often as the query says, ten times without it, or until nobody listens.
func (c *counter) clock(r *responder.Request) {
	ticks, err := strconv.Atoi(strings.TrimSpace(r.Param("QUERY_STRING")))
	if err != nil || ticks < 1 || ticks > 100 {
		ticks = 10
	}
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for i := range ticks {
		fmt.Fprintf(r.Stdout, "%s  %d of %d, process %d has run for %v\n", time.Now().Format(time.TimeOnly), i+1, ticks, os.Getpid(), time.Since(c.started).Round(time.Second))
		r.Stdout.Flush()
		if i == ticks-1 {
			return
		}
		select {
		case <-second.C:
		case <-r.Context().Done():
			return
		}
	}
}
