package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"gatewayd/gateway/loadclient"
)

// freeAddress is an address of 127.0.0.2 that nobody listens on, and that connections to 127.0.0.1 do not begin at.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// extra is a listener that comes and goes.
type extra struct{ network, address, config string }

// once asks it one thing.
func (e extra) once(target string) *loadclient.Report {
	return loadclient.Load{
		Network: e.network, Address: e.address, Host: "h", Requests: 1, Deadline: patience,
		Next: func(int) *loadclient.Request { return &loadclient.Request{Target: target} },
	}.Run(context.Background())
}

// begin asks it for target and returns when the answer has begun.
func (e extra) begin(t *testing.T, target string) *http.Response {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, e.network, e.address)
	}}
	answer, err := (&http.Client{Timeout: patience, Transport: transport}).Get("http://h" + target)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s: %v, %v", e.config, answer, err)
	}
	return answer
}

// TestListenersComeAndGo adds listeners and removes them again: one that is kept never refuses, one that is new serves as
// soon as the reload is over, one that is removed refuses from then on, but answers what it has taken.
func TestListenersComeAndGo(t *testing.T) {
	var extras []extra
	r := serveReloading(t, func(n int) string {
		more := ""
		for _, e := range extras[:n%2*len(extras)] {
			more += fmt.Sprintf(", %q", e.config)
		}
		return `listen: ["127.0.0.1:0"` + more + `]
routes:
  "/app/*": { fastcgi: { run: ./app, workers: 6 } }
` + content(n)
	})
	address, socket := freeAddress(t), filepath.Join(r.dir, "extra.sock")
	extras = []extra{{"tcp", address, address}, {"unix", socket, "unix:" + socket}}
	stop := r.crowds(programAsks("/app").and([]loadclient.Request{contentAsk}))
	times := rounds(100, 200)
	for range times {
		r.next()
		for _, e := range extras {
			if report := e.once("/content"); report.OK() != 1 {
				t.Fatalf("round %d: a new listener: %v", r.round, report)
			}
		}
		var taken []*http.Response
		for _, e := range extras {
			taken = append(taken, e.begin(t, "/app/ticks?5"))
		}
		r.next()
		for _, e := range extras {
			if report := e.once("/content"); report.Failed[loadclient.Connect] != 1 {
				t.Fatalf("round %d: a listener that was removed: %v", r.round, report)
			}
		}
		for _, answer := range taken {
			if text, err := io.ReadAll(answer.Body); err != nil || string(text) != strings.Repeat("tick\n", 5) {
				t.Fatalf("round %d: an answer that a listener had begun: %q, %v", r.round, text, err)
			}
			answer.Body.Close()
		}
	}
	r.judge(stop, fmt.Sprintf("listeners added and removed %d times", times))
}

// TestReloadedLimits changes the limits of connections again and again: those that are kept go on.
func TestReloadedLimits(t *testing.T) {
	r := serveReloading(t, func(n int) string {
		return fmt.Sprintf("%shttp: { max_headers: %d }\nroutes:\n%s", oneListener, 100+n%2, `  "/app/*": { fastcgi: { run: ./app, workers: 6 } }`+"\n"+content(n))
	})
	stop := r.crowds(programAsks("/app").and([]loadclient.Request{contentAsk}))
	times := rounds(200, 1000)
	for range times {
		r.next()
		r.awaitRequests(4)
	}
	r.judge(stop, fmt.Sprintf("limits changed %d times", times))
}
