package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatewayd/gateway/loadclient"
)

func TestSection(t *testing.T) {
	for _, test := range []struct{ old, want string }{
		{"", "<!-- a -->\nnew\n<!-- /a -->\n"},
		{"# Title\n", "# Title\n\n<!-- a -->\nnew\n<!-- /a -->\n"},
		{"one\n<!-- a -->\nold\nold\n<!-- /a -->\ntwo\n", "one\n<!-- a -->\nnew\n<!-- /a -->\ntwo\n"},
		{"<!-- b -->\nother\n<!-- /b -->\n", "<!-- b -->\nother\n<!-- /b -->\n\n<!-- a -->\nnew\n<!-- /a -->\n"},
		{"<!-- a -->\nnever closed\n", "<!-- a -->\nnever closed\n\n<!-- a -->\nnew\n<!-- /a -->\n"},
	} {
		if got := withSection(test.old, "a", "new\n\n"); got != test.want {
			t.Errorf("%q: %q", test.old, got)
		}
	}
}

func TestRoundsSeen(t *testing.T) {
	var seen roundsSeen
	for _, value := range []string{"0", "0", "2", "2", "3", "", "x"} {
		seen.note(loadclient.Result{Header: http.Header{roundField: {value}}})
	}
	if seen.count() != 2 || !seen.has(3) || seen.has(1) {
		t.Errorf("%v", seen.times)
	}
}

func TestReloadTable(t *testing.T) {
	failed := func(kinds ...loadclient.Failure) *loadclient.Report {
		r := loadclient.Sum()
		for _, kind := range kinds {
			r.Requests++
			r.Failed[kind]++
		}
		return r
	}
	table := reloadTable([]*shaken{{
		peer: &peer{spec: spec{name: "a server"}, released: "1.2"}, seen: 19, calm: failed(),
		kept:  failed(loadclient.Reset, loadclient.Reset, loadclient.Length, loadclient.Malformed),
		fresh: failed(loadclient.Connect),
	}})
	if want := "| a server | 1.2 | 19 | 5 | **5** | 1 | 2 | 0 | 0 | 2 | 0 | 0 ms | 0 ms | 0 ms | 0 ms |\n"; !strings.HasSuffix(table, want) {
		t.Errorf("%q is not in\n%s", want, table)
	}
	lines := strings.Split(table, "\n")
	if n := strings.Count(lines[0], "|"); strings.Count(lines[1], "|") != n || strings.Count(lines[2], "|") != n {
		t.Errorf("columns differ in\n%s", table)
	}
}

func TestChange(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "conf"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := &peer{dir: dir, spec: spec{name: "a server", conf: "round $ROUND of $ROUND\n", reload: []string{"false"}}}
	if err := p.change(7); err == nil {
		t.Error("a reload that fails is none")
	}
	text, err := os.ReadFile(filepath.Join(dir, "conf", "a-server.conf"))
	if p.reload = []string{"true"}; errors.Join(err, p.change(8)) != nil || string(text) != "round 7 of 7\n" {
		t.Errorf("%q, %v", text, err)
	}
}
