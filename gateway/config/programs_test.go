package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// optionsOf loads a file of the corpus and gives the options of its routes by site and pattern.
func optionsOf(t *testing.T, file string) map[string]Options {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Options{}
	for _, s := range mustLoad(t, newWorld(t), string(text)).Sites {
		for _, r := range s.Routes {
			out[strings.TrimSpace(s.Key+" "+r.Pattern)] = r.Options
		}
	}
	return out
}

func TestRlimits(t *testing.T) {
	some := func(n uint64) *uint64 { return &n }
	for pattern, want := range map[string]Rlimits{
		"/a": {CPU: some(10), Memory: some(512 << 20), Files: some(256), Processes: some(64), Core: some(0)},
		"/b": {CPU: some(90), Core: some(1 << 30)}, // the nearest level's alone
		"/c": {CPU: some(Unlimited), Memory: some(Unlimited), Processes: some(Unlimited), Core: some(Unlimited)},
		"/d": {},
		"/e": {},
	} {
		if got := optionsOf(t, "good_rlimits.yaml")[pattern].Rlimits; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v", pattern, got)
		}
	}
}

func TestUmask(t *testing.T) {
	options := optionsOf(t, "good_umask.yaml")
	for pattern, want := range map[string][2]int{"/a": {0o077, -20}, "/b": {0o027, 0}, "/c": {0, 19}, "/d": {0o022, 5}, "/e": {0o755, 19}} {
		if o := options[pattern]; o.Umask == nil || *o.Umask != want[0] || o.Priority != want[1] {
			t.Errorf("%s: umask %v, priority %d", pattern, o.Umask, o.Priority)
		}
	}
}

func TestAdmission(t *testing.T) {
	options := optionsOf(t, "good_max_running.yaml")
	for pattern, want := range map[string]Options{
		"/a": {MaxRunning: 4, Queue: Queue{10, 5 * time.Second}},
		"/b": {},
		"/c": {MaxRunning: 4, Queue: Queue{1, 30 * time.Second}},
		"/d": {MaxRunning: 4, Queue: Queue{100, time.Minute}},
		"/e": {MaxRunning: 4, Queue: Queue{100, 30 * time.Second}},
		"/f": {MaxRunning: 4, Queue: Queue{100, 30 * time.Second}},
		"/g": {MaxRunning: 4},
	} {
		if o := options[pattern]; o.MaxRunning != want.MaxRunning || o.Queue != want.Queue {
			t.Errorf("%s: %d, %+v", pattern, o.MaxRunning, o.Queue)
		}
	}
}

// TestMaxRunningDefault: it is the handler's own, and an inherited value wins over it.
func TestMaxRunningDefault(t *testing.T) {
	w := newWorld(t)
	for above, want := range map[string]string{"": fmt.Sprint(8*runtime.NumCPU(), 0), "max_running: 3\n": "3 3", "max_running: none\n": "0 0"} {
		r := mustLoad(t, w, above+"routes: { /a: { cgi: ./app }, /b: { redirect: / } }").Sites[0].Routes
		if got := fmt.Sprint(r[0].Options.MaxRunning, r[1].Options.MaxRunning); got != want {
			t.Errorf("%q: %s, want %s", above, got, want)
		}
	}
}

func TestAuth(t *testing.T) {
	options := optionsOf(t, "good_auth.yaml")
	for pattern, want := range map[string]string{
		"/a": "restricted 3", "/b/*": "none", "/c": "none", "/d": "Büro & Lager, 2 3", "/e": "restricted 0", "a.org  www.a.org /*": "a.org www.a.org 3",
	} {
		got := "none"
		if a := options[pattern].Auth; a != nil {
			got = fmt.Sprint(a.Realm, " ", len(a.Users))
		}
		if got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
}

func TestAllow(t *testing.T) {
	options := optionsOf(t, "good_allow.yaml")
	for pattern, want := range map[string]string{
		"/a/*":          "[10.0.0.0/8 ::1/128 192.0.2.7/32 198.51.100.0/24 127.0.0.0/8] [10.6.6.6/32]",
		"/b":            "[] []",
		"/c":            "[10.0.0.0/8 ::1/128 192.0.2.7/32 198.51.100.0/24 127.0.0.0/8] [0.0.0.0/0 ::/0]",
		"/d":            "[0.0.0.0/0 ::/0] [10.6.6.6/32]",
		"a.org /*":      "[10.0.0.0/8 ::1/128 192.0.2.7/32 198.51.100.0/24 127.0.0.0/8] [0.0.0.0/0 ::/0]",
		"a.org /open/*": "[10.0.0.0/8] []",
	} {
		o, ok := options[pattern]
		if got := fmt.Sprint(o.Allow, " ", o.Deny); !ok || got != want {
			t.Errorf("%s: %s", pattern, got)
		}
	}
}

func TestErrorPages(t *testing.T) {
	options := optionsOf(t, "good_error_pages.yaml")
	for pattern, want := range map[string]map[string]string{
		"/a/*": {"404": "text/html; charset=utf-8", "5xx": "text/plain; charset=utf-8"},
		"/b":   {"4xx": "text/html", "400": "application/json", "599": "image/svg+xml", "418": "text/html; charset=utf-8"},
		"/c":   {},
		"/d":   {},
		"/e/*": {"404": "text/html; charset=utf-8"},
	} {
		got := map[string]string{}
		for status, page := range options[pattern].ErrorPages {
			got[status] = page.ContentType
			if page.Body == "" {
				t.Errorf("%s: %s is empty", pattern, status)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q", pattern, got)
		}
	}
}

// TestReferencedFiles: loading again gives an equal Config exactly if what it refers to is the same: that is how a
// reload notices that there is nothing to do, or that a password has changed.
func TestReferencedFiles(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile("testdata/good_every_key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before := mustLoad(t, w, string(text))
	if !reflect.DeepEqual(before, mustLoad(t, w, string(text))) {
		t.Fatal("the second time it is another")
	}
	for _, change := range []struct{ file, text string }{
		{"users.htpasswd", "ada:" + shaHash + "\n"}, {"404.html", "<p>Gone.</p>\n"}, {"sorry.txt", "Later.\n"},
	} {
		path := filepath.Join(w.dir, change.file)
		if err := os.WriteFile(path, []byte(change.text), 0o644); err != nil {
			t.Fatal(err)
		}
		after := mustLoad(t, w, string(text))
		if reflect.DeepEqual(before, after) {
			t.Errorf("%s has changed, the config has not", change.file)
		}
		before = after
	}
}

// TestFileOfTwoUses: each use has its own bound.
func TestFileOfTwoUses(t *testing.T) {
	w := newWorld(t)
	_, problems := Load(w.source("c.yaml", []byte("routes: { /*: { respond: 404, auth: { basic: comments }, error_pages: { 404: comments } } }")))
	if len(problems) != 2 || problems[0].Severity != Warning || !strings.Contains(problems[1].Text, "has more than 1MiB; an error page") {
		t.Errorf("%v", problems)
	}
}

// TestManyRoutesOfOneFile: a file is read and parsed once, and what is wrong with it is told once.
func TestManyRoutesOfOneFile(t *testing.T) {
	w := newWorld(t)
	var users, routes strings.Builder
	for i := range 20_000 {
		fmt.Fprintf(&users, "user%d:%s\n", i, shaHash)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "many.htpasswd"), []byte(users.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 2_000 {
		fmt.Fprintf(&routes, "  /%d: { respond: 404, auth: { basic: ./many.htpasswd } }\n", i)
	}
	begun := time.Now()
	cfg := mustLoad(t, w, "routes:\n"+routes.String())
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("it took %v", d)
	}
	r := cfg.Sites[0].Routes
	if a, b := r[0].Options.Auth, r[1999].Options.Auth; len(a.Users) != 20_000 || &a.Users[0] != &b.Users[0] {
		t.Error("each route has users of its own")
	}
	_, problems := Load(w.source("c.yaml", []byte("routes:\n"+strings.ReplaceAll(routes.String(), "many", "bad"))))
	if len(problems) != 13 {
		t.Errorf("%d problems", len(problems))
	}
}

// TestInheritedWarnings: what two thousand routes inherit is one warning, and hides no other.
func TestInheritedWarnings(t *testing.T) {
	var b strings.Builder
	b.WriteString("rlimits: { processes: 5 }\nroutes:\n")
	for i := range 2_000 {
		fmt.Fprintf(&b, "  /%d: { cgi: ./app }\n", i)
	}
	w := newWorld(t)
	if _, problems := Load(w.source("c.yaml", []byte(b.String()))); len(problems) != 1 || problems[0].Key != "rlimits.processes" {
		t.Errorf("%v", problems)
	}
}

// TestUnreadable: what this user may not read does not load.
func TestUnreadable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may read everything")
	}
	w := newWorld(t)
	if err := os.Chmod(filepath.Join(w.dir, "users.htpasswd"), 0); err != nil {
		t.Fatal(err)
	}
	cfg, problems := Load(w.source("c.yaml", []byte("routes: { /*: { static: ./public, auth: { basic: users.htpasswd } } }")))
	want := `1:50: error: routes./*.auth.basic: "users.htpasswd" may not be read by this user; see its mode and owner with ls -l $DIR/users.htpasswd`
	if lines := w.lines("c.yaml", problems); cfg != nil || lines[0] != want {
		t.Errorf("%q", lines)
	}
}
