package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatewayd/gateway/loadclient"
)

// brokenConfig is a config that must be refused, and what must be said about it.
type brokenConfig struct{ text, why string }

// brokenConfigs are ways to break a config, in its text or by what it wants of the machine.
func brokenConfigs(taken string) []brokenConfig {
	routes := func(lines string) string { return reloadingHead + oneListener + "routes:\n" + lines }
	return []brokenConfig{
		{routes(`  /content: { respond: { body: "half of a fl`), "gatewayd.yaml:"},
		{routes("  /content: { respond: { body: none } }\nrouts: {}\n"), "routs"},
		{routes("  \"/app/*\": { fastcgi: ./nothing }\n"), "nothing"},
		{routes("  \"/app/*\": { cgi: ./app, timeout: 10 }\n"), "timeout"},
		{reloadingHead + fmt.Sprintf("listen: [%q, %q]\nroutes:\n%s", "127.0.0.1:0", taken, content(0)), "another program listens there"},
		{routes("  \"/app/*\": { fastcgi: { run: [/bin/false], workers: 6 } }\n" + content(1)), "/bin/false"},
		{routes("  \"/*\": { static: ./nowhere }\n"), "nowhere"},
		{reloadingHead + oneListener + "log: { output: ./no/such/folder/log }\n", "log"},
	}
}

// appAndContent is a config of app.c with workers that no round touches, and the content of round n.
func appAndContent(n int) string {
	return oneListener + "routes:\n  \"/app/*\": { fastcgi: { run: ./app, workers: 6 } }\n" + content(n)
}

// TestBrokenConfigs saves a broken config after each good one: each is refused whole, counted and told, and no request
// notices.
func TestBrokenConfigs(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	r := serveReloading(t, appAndContent)
	get(t, r.url+"/app", 200)
	before := r.status(t)
	workers := r.workers()
	stop := r.crowds(programAsks("/app").and([]loadclient.Request{contentAsk}))
	broken := rounds(300, 300)
	configs := brokenConfigs(other.Addr().String())
	for n := range broken {
		r.refuse(configs[n%len(configs)])
		r.next()
		r.awaitRequests(1)
	}
	r.awaitRequests(50)
	after := r.status(t)
	r.judge(stop, fmt.Sprintf("%d broken configs, each before a good one", broken))
	if after.Generation != before.Generation+uint64(broken) || after.Reloads.Applied != broken || after.Reloads.Refused < broken {
		t.Errorf("generation %d after %d, %+v after %d broken and as many good configs", after.Generation, before.Generation, after.Reloads, broken)
	}
	if now := r.workers(); fmt.Sprint(now) != fmt.Sprint(workers) {
		t.Errorf("workers %v, before %v", now, workers)
	}
}

// refuse saves a config that must be refused.
func (r *reloading) refuse(c brokenConfig) {
	r.t.Helper()
	replaceTestFile(r.t, filepath.Join(r.dir, "gatewayd.yaml"), c.text)
	summary, err := r.reload()
	if err == nil || !strings.Contains(err.Error(), c.why) {
		r.t.Fatalf("%q, %v for\n%s", summary, err, c.text)
	}
	if text, err := r.ask("GET", "/healthz"); err != nil {
		r.t.Fatalf("healthz after a broken config: %q, %v", text, err)
	}
	if status := r.status(r.t); len(status.Reloads.LastProblems) == 0 {
		r.t.Fatalf("status does not tell why %+v", status.Reloads)
	}
}

// writtenSize is how long the config is that is written byte by byte.
const writtenSize = 2048

// writtenConfig is a config that is one flow mapping, so that nothing but the whole of it means anything.
func writtenConfig(t *testing.T) string {
	t.Helper()
	head := `{ admin: "unix:./admin.sock", log: { access: off }, listen: "127.0.0.1:0", x-padding: "`
	tail := fmt.Sprintf(`", routes: { "/app/*": { fastcgi: { run: ./app, workers: 6 } }, /content: { respond: { body: %q } } } }`, contents[1])
	text := head + strings.Repeat(".", writtenSize-len(head)-len(tail)) + tail
	if len(text) != writtenSize {
		t.Fatalf("%d bytes", len(text))
	}
	return text
}

// TestWrittenByteByByte reloads after each byte of a config that is written in place: all but the last are refused whole.
func TestWrittenByteByByte(t *testing.T) {
	r := serveReloading(t, appAndContent)
	get(t, r.url+"/app", 200)
	before := r.status(t)
	stop := r.crowds(programAsks("/app").and([]loadclient.Request{contentAsk}))
	r.awaitRequests(20)
	text := writtenConfig(t)
	file, err := os.OpenFile(filepath.Join(r.dir, "gatewayd.yaml"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for n := range text {
		if _, err := file.WriteString(text[n : n+1]); err != nil {
			t.Fatal(err)
		}
		if summary, err := r.reload(); (err == nil) != (n == len(text)-1) {
			t.Fatalf("%d bytes: %q, %v", n+1, summary, err)
		}
	}
	r.awaitRequests(50)
	after := r.status(t)
	r.judge(stop, fmt.Sprintf("%d states of a file", len(text)))
	if after.Generation != before.Generation+1 || after.Reloads.Applied != 1 || after.Reloads.Refused < len(text)-1 {
		t.Errorf("generation %d after %d, %+v", after.Generation, before.Generation, after.Reloads)
	}
}
