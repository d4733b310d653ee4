package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/responder"
)

const answersFastCGIConfig = `
admin: off
log: { format: json }
routes:
  "/cgi/*":   { fastcgi: { connect: "unix:%[1]s", keepalive: 4, sendfile: [./files] } }
  "/plain/*": { fastcgi: { connect: "unix:%[1]s" } }
  "/files/*": { static: ./files }
`

// TestAnswersByFastCGI: what is right and wrong in an answer does not depend on how a program is run, nor on how its
// answer is cut into records.
func TestAnswersByFastCGI(t *testing.T) {
	cases := slices.Concat(badAnswers(), goodAnswers())
	for _, buffer := range []int{0, 100_000} { // records as they are written, and all of an answer in one packet
		t.Run(fmt.Sprintf("buffer %d", buffer), func(t *testing.T) {
			dir := t.TempDir()
			writeAnswerFiles(t, dir)
			socket := filepath.Join(dir, "app.sock")
			answerByFastCGI(t, socket, buffer, func(r *responder.Request) uint32 { return printAnswer(r, dir, cases) })
			s := serveConfig(t, dir, fmt.Sprintf(answersFastCGIConfig, socket))
			s.loggedReasons(t, runAnswers(t, s, cases))
		})
	}
}

// answerByFastCGI serves a handler until the end of the test.
func answerByFastCGI(t *testing.T, socket string, buffer int, handler responder.Handler) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	s := &responder.Server{Handler: handler, Connections: 16, Buffer: buffer, Log: func(err error) { t.Error(err) }}
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

// printAnswer prints what the case that the query names says, in the way of the programs in answerPrograms.
func printAnswer(r *responder.Request, dir string, cases []answerCase) (exit uint32) {
	how, query := strings.TrimPrefix(r.Param("PATH_INFO"), "/"), r.Param("QUERY_STRING")
	if how == "target" {
		fmt.Fprintf(r.Stdout, "Content-Type: text/plain\nX-Target: yes\n\n%s", query)
		return 0
	}
	number, err := strconv.Atoi(query)
	if err != nil {
		fmt.Fprintf(r.Stdout, "Status: 400\n\n%v", err)
		return 0
	}
	says := cases[number].text(dir, number)
	switch name, code, _ := strings.Cut(how, "-"); name {
	case "halves":
		first, rest, _ := strings.Cut(says, "\n")
		io.WriteString(r.Stdout, first+"\n")
		r.Stdout.Flush()
		time.Sleep(50 * time.Millisecond)
		says = rest
	case "noisy":
		io.WriteString(r.Stderr, strings.Repeat("x", 1_000_000))
		defer io.WriteString(r.Stderr, "the end\n")
	case "exit":
		n, _ := strconv.Atoi(code)
		exit = uint32(n)
	case "kill":
		io.WriteString(r.Stdout, says)
		r.Stdout.Flush()
		panic(responder.ErrBreak)
	}
	io.WriteString(r.Stdout, says)
	return exit
}
