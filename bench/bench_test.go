package main

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatewayd/gateway/loadclient"
)

// fake measures nothing: it has these rates, round after round, and fails when there are no more.
func fake(name, family string, rates ...float64) spec {
	return spec{name: name, family: family, measure: func(*bench, string) (s sample, err error) {
		if len(rates) == 0 {
			return s, errors.New("no more figures")
		}
		s = sample{rate: rates[0], own: rates[0] / 2, cpu: time.Millisecond}
		rates = rates[1:]
		return s, nil
	}}
}

func fakeSuite(servers ...spec) suite {
	return suite{
		base: "nginx", relative: "of nginx's", by: rateOf, columns: []column{rateColumn, relativeColumn, p99Column},
		goals:     []goal{{workload: "1", least: 0.8, over: []string{"nginx"}}, {workload: "1", least: 1, over: []string{"h2o", "Caddy"}}},
		workloads: []workload{{name: "1 <KiB>", servers: servers}},
	}
}

func runFakes(t *testing.T, s suite) (report, picture string) {
	t.Helper()
	b := bench{dir: t.TempDir(), rounds: 3, clients: 1}
	results, err := b.run(s.workloads)
	if err != nil {
		t.Fatal(err)
	}
	return b.report(s, results), plot(s, results)
}

func TestReport(t *testing.T) {
	report, picture := runFakes(t, fakeSuite(
		fake("gatewayd", "gatewayd", 90, 900, 80),
		fake("gatewayd, otherwise", "gatewayd", 1, 1, 1),
		fake("nginx, slow", "nginx", 10, 10, 10),
		fake("nginx, fast", "nginx", 100, 1000, 100),
		fake("h2o", "h2o", 100, 850, 85),
		fake("Caddy", "Caddy", 5000, 5000), // wrong in the last round
	))
	for _, want := range []string{
		"| 1 <KiB> | nginx, fast | 0.80 | 0.90 | reached |\n",
		"| 1 <KiB> | h2o | 1.00 | 0.94 | **missed** |\n",
		"| server | version | requests/s | of nginx's | p99 |\n",
		"| nginx, slow |  | 10 | 0.10 |  |\n",
		"| gatewayd |  | 90 | 0.90 |  |\n",
		"| Caddy |  | void: no more figures |\n",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("%q is missing in\n%s", want, report)
		}
	}
	if strings.Contains(picture, "Caddy") || !strings.Contains(picture, `class="ours"`) {
		t.Errorf("the plot shows void figures, or not ours:\n%s", picture)
	}
	wellFormed(t, picture)
}

func TestReportWithoutPeers(t *testing.T) {
	report, picture := runFakes(t, fakeSuite(fake("gatewayd", "gatewayd", 1, 2, 3)))
	if want := "| 1 <KiB> | nginx | 0.80 | not measured | |\n"; !strings.Contains(report, want) {
		t.Errorf("%q is missing in\n%s", want, report)
	}
	wellFormed(t, picture)
}

func wellFormed(t *testing.T, picture string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, picture)
		}
	}
}

func TestWrk(t *testing.T) {
	const length, clients = 1000, 8
	for _, tt := range []struct {
		out  string
		good bool
	}{
		{"Running ...\ncounted: 2000000 50 55000 0\n", true},
		{"counted: 2000000 50 50000 0\n", true},
		{"counted: 2000000 50 49999 0\n", false}, // a short answer
		{"counted: 2000000 50 55000 1\n", false},
		{"counted: 2000000 50 117393 0\n", false}, // longer ones
		{"counted: 2000000 0 0 0\n", false},
		{"counted: 2000000 50\n", false},
		{"unable to connect\n", false},
	} {
		c, err := parseWrk([]byte(tt.out))
		if err == nil {
			err = c.judge(length, clients)
		}
		if (err == nil) != tt.good {
			t.Errorf("%q: %v", tt.out, err)
		}
		if tt.good && (c.took != 2*time.Second || c.requests != 50) {
			t.Errorf("%q: %+v", tt.out, c)
		}
	}
}

func TestParseBusy(t *testing.T) {
	for _, tt := range []struct {
		stat string
		want time.Duration
	}{
		{"cpu  1 2 4 1000 1000 8 16 32 1000 1000\ncpu0 1 2 4\n", 63 * tick},
		{"cpu  1 2 4 1000 1000 8 16 32\n", 63 * tick},
		{"cpu  1 2 4 1000 1000 8 16\n", -1},
		{"cpu  1 2 x 1000 1000 8 16 32\n", -1},
		{"cpu0 1 2 4 1000 1000 8 16 32\n", -1},
		{"", -1},
	} {
		got, err := parseBusy([]byte(tt.stat))
		if tt.want >= 0 && (got != tt.want || err != nil) || tt.want < 0 && err == nil {
			t.Errorf("%q: %v (%v), want %v", tt.stat, got, err, tt.want)
		}
	}
}

func TestExpand(t *testing.T) {
	b := bench{dir: "/bin-dir", clients: 8}
	s := spec{name: "nginx, not buffering", command: []string{"$BIN/nginx", "-c", "$CONF", "$APPCONF"}, conf: "$SOCKET $CLIENTS $PORT $fastcgi_script_name $NAME"}.expand(&b, "/dir", 80)
	const name = "nginx-not-buffering"
	if got, want := strings.Join(s.command, " "), "/bin-dir/nginx -c /dir/conf/"+name+".conf /dir/conf/"+name+"-app.conf"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if want := "/dir/" + name + ".sock 8 80 $fastcgi_script_name " + name; s.conf != want {
		t.Errorf("%s, want %s", s.conf, want)
	}
}

// Every name is a file of its own in the folder of the workload.
func TestNames(t *testing.T) {
	for _, s := range []suite{cgiSuite(), fastcgiSuite()} {
		for _, w := range s.workloads {
			seen := map[string]bool{}
			for _, server := range w.servers {
				if seen[slug(server.name)] {
					t.Errorf("%s: two are %s", w.name, server.name)
				}
				seen[slug(server.name)] = true
			}
		}
	}
}

// The whole of it in short, with gatewayd and the worker in C alone.
func TestSmoke(t *testing.T) {
	dir := t.TempDir()
	build(t, "gcc", "-O2", "-o", filepath.Join(dir, "fcgi_lean"), "c/fcgi_lean.c")
	build(t, "go", "build", "-ldflags", "-s -w", "-o", filepath.Join(dir, "gatewayd"), "gatewayd/cmd/gatewayd")
	b := bench{dir: dir, rounds: 2, clients: 4, time: 100 * time.Millisecond, only: regexp.MustCompile(": gatewayd")}
	s := fastcgiSuite()
	s.workloads = []workload{
		helloWorkload("1 KiB", "", "fcgi_lean", 1<<10),
		helloWorkload("1 MiB", "", "fcgi_lean", 1<<20),
	}
	results, err := b.run(s.workloads)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if len(r.peers) != 2 {
			t.Errorf("%s: %d servers, want own workers and connect", r.name, len(r.peers))
		}
		for _, p := range r.peers {
			if p.void != nil || len(p.samples) != b.rounds || p.median(rateOf) <= 0 || p.median(cpuOf) <= 0 {
				t.Errorf("%s: %s: %+v (%v)", r.name, p.name, p.samples, p.void)
			}
		}
	}
	wellFormed(t, plot(s, results))
	nothingLeft(t, dir)

	s.workloads[1].servers = []spec{{name: "gatewayd in no/folder"}}
	if _, err := b.run(s.workloads); err == nil {
		t.Error("a server that cannot be started is no error")
	}
	nothingLeft(t, dir)
}

// nothingLeft fails if a program of the directory runs, or one that was told of it.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(lines) == 0 {
		t.Fatal("no processes", err)
	}
	for _, name := range lines {
		if line, _ := os.ReadFile(name); strings.Contains(string(line), dir) {
			t.Errorf("still there: %q", line)
		}
	}
}

func build(t *testing.T, command ...string) {
	t.Helper()
	if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
}

// One wrong answer is enough.
func TestWrongAnswer(t *testing.T) {
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) == 20 {
			io.WriteString(w, "hallo")
			return
		}
		io.WriteString(w, "hello")
	}))
	defer server.Close()
	w := workload{ask: loadclient.Request{Want: loadclient.Want{Body: []byte("hello")}}}
	b := bench{clients: 1, time: 50 * time.Millisecond}
	p := &peer{address: server.Listener.Addr().String()}
	s, first := b.measure(p, &w)
	if _, err := b.measure(p, &w); first == nil || err != nil {
		t.Errorf("%+v, %v; then %v", s, first, err)
	}
}
