package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// mustLoad loads text as a file of w.
func mustLoad(t testing.TB, w world, text string) *Config {
	t.Helper()
	cfg, problems := Load(w.source("c.yaml", []byte(text)))
	if cfg == nil {
		t.Fatalf("%s\ndoes not load:\n%v", text, problems)
	}
	return cfg
}

// withoutPlaces is c with every Pos zero.
func withoutPlaces(c *Config) *Config {
	out := *c
	out.Listen = slices.Clone(c.Listen)
	for i := range out.Listen {
		out.Listen[i].Pos = Pos{}
	}
	out.Sites = slices.Clone(c.Sites)
	for i := range out.Sites {
		s := &out.Sites[i]
		s.Pos = Pos{}
		s.Routes = slices.Clone(s.Routes)
		for j := range s.Routes {
			s.Routes[j].Pos = Pos{}
		}
	}
	return &out
}

func equalConfigs(t *testing.T, got, want *Config) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	g, _ := json.MarshalIndent(got, "", " ")
	w, _ := json.MarshalIndent(want, "", " ")
	t.Errorf("got:\n%s\nwant:\n%s", g, w)
}

func TestEveryKey(t *testing.T) {
	w := newWorld(t)
	text, err := os.ReadFile("testdata/good_every_key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(w.dir, name) }
	options := func(change func(*Options)) Options {
		o := Options{
			Env: map[string]string{"LANG": "C"}, PassEnv: []string{"TZ", "NOT_SET"}, Dir: at("tmp"), Timeout: 5 * time.Minute,
			PassAuthorization: true, Headers: Headers{Set: map[string]string{"X-Frame-Options": "DENY", "X-Empty": ""}, Remove: []string{"X-Powered-By"}},
			StreamBody: true, User: &User{Name: "deploy:staff", UID: 1000, GID: 50, Groups: []uint32{4, 27, 50}},
			Rlimits: Rlimits{CPU: new(uint64(90)), Memory: new(uint64(512 << 20)), Files: new(uint64(256)), Processes: new(Unlimited), Core: new(uint64)},
			Umask:   new(0o027), Priority: -5, ServerTiming: true, MaxRunning: 3, Queue: Queue{Max: 7, Wait: 250 * time.Millisecond},
			Auth: &Auth{
				Basic: at("users.htpasswd"), Realm: "Staff only",
				Users: []Credential{{"ada", bcryptHash}, {"bob", apr1Hash}, {"eve b", shaHash}},
			},
			Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}, Deny: []netip.Prefix{netip.MustParsePrefix("10.6.6.6/32")},
			ErrorPages: map[string]ErrorPage{
				"404": {at("404.html"), "text/html; charset=utf-8", "<p>Nothing here.</p>\n"}, "5xx": {at("sorry.txt"), "text/plain; charset=utf-8", "Sorry.\n"},
			},
		}
		if change != nil {
			change(&o)
		}
		return o
	}
	cgi := func(run ...string) *CGI {
		return &CGI{Run: run, Symlinks: "inside", MaxHeader: 64 << 10, StopTimeout: 2 * time.Second}
	}
	want := &Config{
		File: at("c.yaml"), Dir: w.dir,
		Listen: []Listen{
			{Network: "tcp", Address: ":8080"}, {Network: "tcp", Address: "127.0.0.1:0"}, {Network: "tcp", Address: "127.0.0.1:0"},
			{Network: "tcp", Address: "[::1]:8081"}, {Network: "tcp", Address: "localhost:8082"},
			{Network: "unix", Address: at("run/http.sock")}, {Network: "unix", Address: "/run/x.sock"},
		},
		Sites: []Site{{Options: options(nil), Routes: []Route{
			{Pattern: "/*", Handler: "static", Static: &Static{
				Root: at("public"), Index: []string{"index.html", "index.htm"}, Browse: true, CacheControl: "max-age=60", Hidden: true, Symlinks: "any",
			}, Options: options(func(o *Options) { o.Headers.Set["X-Frame-Options"] = "SAMEORIGIN" })},
			{Pattern: "/tree/*", Handler: "cgi", CGI: &CGI{
				Root: at("blog"), Ext: []string{".cgi", ".php"}, Index: []string{"index.cgi"}, Fallback: "/index.cgi", Hidden: true, Symlinks: "any",
				Interpreters: map[string][]string{".php": {at("bin/php-cgi")}, ".pl": {at("bin/perl"), "-T"}, ".x": {at("app")}},
				MaxHeader:    1 << 20, StopTimeout: 250 * time.Millisecond, Sendfile: []string{at("files"), at("public")},
			}, Options: options(func(o *Options) {
				o.Timeout, o.StreamBody, o.Rlimits, o.MaxRunning, o.Queue = 90*time.Minute, false, Rlimits{Core: new(Unlimited)}, 0, Queue{}
				o.Auth, o.Allow, o.ErrorPages = nil, nil, nil
			})},
			{Pattern: "/one", Handler: "cgi", CGI: cgi(at("app")), Options: options(nil)},
			{Pattern: "/args/*", Handler: "cgi", CGI: cgi(at("app"), "--flag", "${NOT_EXPANDED}", "1.10", ""), Options: options(nil)},
			{Pattern: "/to", Handler: "redirect", Redirect: &Redirect{To: "/elsewhere?x=1#y", Status: 308}, Options: options(nil)},
			{Pattern: "/say", Handler: "respond", Respond: &Respond{Status: 503, Body: "Back at ten.\n"}, Options: options(nil)},
		}}},
		Admin: Admin{Socket: at("admin.sock")},
		Log:   Log{Level: "debug", Format: "json", Output: at("logs/gatewayd.log"), Access: "text", AccessOutput: "stdout"},
		TrustedProxies: TrustedProxies{Unix: true, Prefixes: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("2001:db8::/32"),
		}},
		Temp: at("tmp"), StartTimeout: time.Minute,
		HTTP: HTTP{BodyTimeout: 90 * time.Second, SendTimeout: 2 * time.Minute, IdleTimeout: 5 * time.Second, MaxHeader: 128 << 10, MaxHeaders: 50, MaxURI: 32 << 10},
	}
	equalConfigs(t, withoutPlaces(mustLoad(t, w, string(text))), want)
}

// TestDefaults: what the file does not say is what the contract says; and saying it changes nothing.
func TestDefaults(t *testing.T) {
	w := newWorld(t)
	implicit := mustLoad(t, w, `routes: { /s: { static: ./public }, /c: { cgi: ./app }, /r: { redirect: /x }, /t: { respond: 200 } }`)
	want := Config{
		File: filepath.Join(w.dir, "c.yaml"), Dir: w.dir, Listen: []Listen{{Network: "tcp", Address: ":8080"}},
		Log:  Log{Level: "info", Format: "auto", Output: "stderr", Access: "auto"},
		Temp: "/var/tmp", DrainTimeout: 30 * time.Second, StartTimeout: 10 * time.Second,
		HTTP: HTTP{
			HeaderTimeout: 10 * time.Second, BodyTimeout: 30 * time.Second, SendTimeout: time.Minute, IdleTimeout: 75 * time.Second,
			MaxHeader: 64 << 10, MaxHeaders: 100, MaxURI: 16 << 10,
		},
	}
	options := Options{IdleTimeout: time.Minute, MaxBody: 1 << 30, Queue: Queue{Max: 100, Wait: 30 * time.Second}}
	forPrograms := options
	forPrograms.MaxRunning = 8 * runtime.NumCPU()
	want.Sites = []Site{{Options: options, Routes: []Route{
		{Pattern: "/s", Handler: "static", Options: options, Static: &Static{Root: filepath.Join(w.dir, "public"), Index: []string{"index.html"}, Precompressed: true, Symlinks: "inside"}},
		{Pattern: "/c", Handler: "cgi", Options: forPrograms, CGI: &CGI{Run: []string{filepath.Join(w.dir, "app")}, Symlinks: "inside", MaxHeader: 64 << 10, StopTimeout: 2 * time.Second}},
		{Pattern: "/r", Handler: "redirect", Options: options, Redirect: &Redirect{To: "/x", Status: 302}},
		{Pattern: "/t", Handler: "respond", Options: options, Respond: &Respond{Status: 200}},
	}}}
	equalConfigs(t, withoutPlaces(implicit), &want)

	l := newLoader(Source{})
	spelled := func(t reflect.Type, options bool, indent string) string {
		var b strings.Builder
		for _, f := range l.table(t).fields {
			if f.def != "" && f.usable() && f.inherited == options {
				fmt.Fprintf(&b, "%s%s: %s\n", indent, f.key, strings.NewReplacer(":8080", `":8080"`).Replace(f.def))
			}
		}
		return b.String()
	}
	text := spelled(reflect.TypeFor[rawConfig](), false, "") + spelled(reflect.TypeFor[rawConfig](), true, "") +
		"log:\n" + spelled(reflect.TypeFor[rawLog](), false, " ") + "http:\n" + spelled(reflect.TypeFor[rawHTTP](), false, " ") +
		"routes:\n /s:\n  static:\n   root: ./public\n" + spelled(reflect.TypeFor[rawStatic](), false, "   ") +
		" /c:\n  queue:\n" + spelled(reflect.TypeFor[rawQueue](), false, "   ") + "  cgi:\n   run: ./app\n" + spelled(reflect.TypeFor[rawCGI](), false, "   ") +
		" /r:\n  redirect:\n   to: /x\n" + spelled(reflect.TypeFor[rawRedirect](), false, "   ") +
		" /t:\n  respond:\n" + spelled(reflect.TypeFor[rawRespond](), false, "   ")
	if strings.Count(text, "\n") < 35 {
		t.Fatalf("too few defaults:\n%s", text)
	}
	equalConfigs(t, withoutPlaces(mustLoad(t, w, text)), &want)
}

func TestCGIForms(t *testing.T) {
	w := newWorld(t)
	at := func(name string) string { return filepath.Join(w.dir, name) }
	for _, tt := range []struct {
		value string
		run   []string
		dir   bool
	}{
		{"app", []string{at("app")}, false},
		{"./app", []string{at("app")}, false},
		{"./cgi-bin/", []string{at("cgi-bin")}, true},
		{at("app"), []string{at("app")}, false},
		{"{ run: [./cgi-bin] }", []string{at("cgi-bin")}, true},
		{"{ run: [perl, -T, ./app] }", []string{at("bin/perl"), "-T", "./app"}, false},
		{`{ run: ["${MISSING:-./app}", "${MISSING}", "$${X}"] }`, []string{at("app"), "${MISSING}", "$${X}"}, false},
		{"{ run: ./noexec.cgi, interpreters: { .cgi: perl } }", []string{at("noexec.cgi")}, false},
		{"{ run: [./app, 0755, no, ~] }", []string{at("app"), "0755", "no", ""}, false},
	} {
		r := mustLoad(t, w, "routes: { /*: { cgi: "+tt.value+" } }").Sites[0].Routes[0]
		c, o := r.CGI, r.Options
		if dir := o.Dir; dir != map[bool]string{true: w.dir}[strings.HasPrefix(tt.value, "{ run: [perl")] {
			t.Errorf("%s: working directory %q", tt.value, dir)
		}
		if !slices.Equal(c.Run, tt.run) || c.RunDir != tt.dir {
			t.Errorf("%s: %q, directory %v", tt.value, c.Run, c.RunDir)
		}
	}
}

func TestEnvAsWritten(t *testing.T) {
	text, err := os.ReadFile("testdata/good_env_as_written.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got := mustLoad(t, newWorld(t), string(text)).Sites[0].Routes[0].Options.Env
	want := map[string]string{
		"VERSION": "1.10", "ANSWER": "no", "MODE": "0755", "NOTHING": "~", "EMPTY": "", "DATE": "2020-01-01", "BIG": "1_000",
		"QUOTED": "a b", "DOLLAR": "${HOME}", "HEX": "0x1F",
	}
	if !maps.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestVariables(t *testing.T) {
	text, err := os.ReadFile("testdata/good_variables.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg := mustLoad(t, newWorld(t), string(text))
	routes := cfg.Sites[0].Routes
	got := fmt.Sprint(cfg.Listen[0].Address, " ", filepath.Base(routes[0].Static.Root), " ", routes[1].Respond.Body, " ", *routes[2].Respond,
		" ", routes[0].Options.Timeout, " ", routes[0].Options.MaxBody)
	if want := "127.0.0.1:8081 public costs $5, ${PORT}, $$ and . {404 filled} 30s 1048576"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestHosts(t *testing.T) {
	text, err := os.ReadFile("testdata/good_sites.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range mustLoad(t, newWorld(t), strings.Replace(string(text), "[2001:DB8::0:1] ::1", "[2001:DB8::0:1] ::2", 1)).Sites {
		got = append(got, strings.Join(s.Hosts, ","))
	}
	if want := []string{"", "*.example.org", "www.example.org,example.org", "192.0.2.1,[2001:db8::1],[::2]", "my_host-1.az"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestMergeKeys(t *testing.T) {
	text, err := os.ReadFile("testdata/good_merge_keys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r := mustLoad(t, newWorld(t), string(text)).Sites[0].Routes
	var got []string
	for _, r := range r {
		got = append(got, fmt.Sprint(r.Options.IdleTimeout, r.Options.Timeout, r.Options.Env))
	}
	want := []string{"10s 0s map[B:2]", "20s 2m0s map[A:1]", "1m0s 0s map[]", "1m0s 0s map[]"}
	for i := range want {
		if strings.ReplaceAll(got[i], " ", "") != strings.ReplaceAll(want[i], " ", "") {
			t.Errorf("%s: got %s, want %s", r[i].Pattern, got[i], want[i])
		}
	}
}

// level is options as a test writes them.
type level struct {
	timeout, maxBody string
	env, set         map[string]string
	remove           []string
}

func (v level) yaml() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if v.timeout != "" {
		add("timeout: %s", v.timeout)
	}
	if v.maxBody != "" {
		add("max_body: %s", v.maxBody)
	}
	flow := func(m map[string]string) string {
		var items []string
		for k, v := range m {
			items = append(items, k+": "+v)
		}
		return "{ " + strings.Join(items, ", ") + " }"
	}
	add("env: %s", flow(v.env))
	add("headers: { set: %s, remove: [%s] }", flow(v.set), strings.Join(v.remove, ", "))
	return strings.Join(parts, ", ")
}

func randomLevel(r *rand.Rand) level {
	v := level{env: map[string]string{}, set: map[string]string{}}
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	v.timeout = pick("", "none", "1s", "2m", "3h", "1h30m")
	v.maxBody = pick("", "none", "1B", "2KiB", "3MiB")
	for _, name := range []string{"A", "B", "C"} {
		switch r.IntN(3) {
		case 0:
			v.env[name] = pick("1", "2", "3")
		case 1:
			v.set["X-"+name] = pick("1", "2", "3")
		}
		if _, set := v.set["X-"+name]; !set && r.IntN(3) == 0 {
			v.remove = append(v.remove, "X-"+name)
		}
	}
	return v
}

// naive is what three levels mean, one option after another, from the farthest.
func naive(levels ...level) Options {
	o := Options{Env: map[string]string{}, Headers: Headers{Set: map[string]string{}}, MaxBody: 1 << 30}
	removed := map[string]bool{}
	for _, v := range levels {
		if v.timeout == "none" {
			o.Timeout = 0
		} else if v.timeout != "" {
			o.Timeout, _ = time.ParseDuration(v.timeout)
		}
		if v.maxBody != "" {
			o.MaxBody = map[string]int64{"none": 0, "1B": 1, "2KiB": 2048, "3MiB": 3145728}[v.maxBody]
		}
		for k, x := range v.env {
			o.Env[k] = x
		}
		for k, x := range v.set {
			o.Headers.Set[k] = x
			delete(removed, k)
		}
		for _, k := range v.remove {
			delete(o.Headers.Set, k)
			removed[k] = true
		}
	}
	o.Headers.Remove = slices.Sorted(maps.Keys(removed))
	return o
}

// TestInheritance compares the three levels with a naive merge, for many random configs.
func TestInheritance(t *testing.T) {
	w := newWorld(t)
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		top, site, a, b := randomLevel(r), randomLevel(r), randomLevel(r), randomLevel(r)
		text := fmt.Sprintf("{ %s, routes: { /a: { cgi: ./app, %s } },\n  sites: { x.org: { %s, routes: { /a: { cgi: ./app, %s }, /b: { cgi: ./app } } } } }",
			top.yaml(), a.yaml(), site.yaml(), b.yaml())
		cfg := mustLoad(t, w, text)
		for _, tt := range []struct {
			got  Options
			want Options
		}{
			{cfg.Sites[0].Routes[0].Options, naive(top, a)},
			{cfg.Sites[1].Routes[0].Options, naive(top, site, b)},
			{cfg.Sites[1].Routes[1].Options, naive(top, site)},
		} {
			slices.Sort(tt.got.Headers.Remove)
			if tt.got.Timeout != tt.want.Timeout || tt.got.MaxBody != tt.want.MaxBody || !maps.Equal(tt.got.Env, tt.want.Env) ||
				!maps.Equal(tt.got.Headers.Set, tt.want.Headers.Set) || !slices.Equal(tt.got.Headers.Remove, tt.want.Headers.Remove) {
				t.Fatalf("%s\ngot  %+v\nwant %+v", text, tt.got, tt.want)
			}
		}
	}
}

// TestRoutesOwnTheirMaps: what one route's user writes to must not be seen by another.
func TestRoutesOwnTheirMaps(t *testing.T) {
	cfg := mustLoad(t, newWorld(t), "env: { A: 1 }\nheaders: { set: { X: 1 } }\nroutes: { /a: { cgi: ./app }, /b: { cgi: ./app } }")
	a, b := cfg.Sites[0].Routes[0].Options, cfg.Sites[0].Routes[1].Options
	a.Env["A"], a.Headers.Set["X"] = "2", "2"
	if b.Env["A"] != "1" || b.Headers.Set["X"] != "1" {
		t.Error("two routes share a map")
	}
}

func TestFiles(t *testing.T) {
	w := newWorld(t)
	write := func(name, text string) string {
		path := filepath.Join(w.dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.yaml", "routes: { /*: { static: ./public } }\n")
	for _, tt := range []struct{ file, want string }{
		{good, ""},
		{filepath.Join(w.dir, "none.yaml"), "there is no such file"},
		{w.dir, "this is a directory; name the config file in it"},
		{write("empty.yaml", ""), `the config is empty; write at least routes: { "/*": { static: ./public } }`},
		{write("big.yaml", strings.Repeat("#", maxFile+1)), "the file has more than 4MiB; a config may have that much at most"},
		{write("full.yaml", "routes: { /*: { static: ./public } }\n"+strings.Repeat("#", maxFile-37)), ""},
		{write("deep.yaml", strings.Repeat("[", 20000)), "the values are nested too deep"},
	} {
		cfg, problems := Load(Source{File: tt.file})
		switch {
		case tt.want == "" && cfg == nil:
			t.Errorf("%s: %v", tt.file, problems)
		case tt.want != "" && (len(problems) != 1 || problems[0].Text != tt.want):
			t.Errorf("%s: %v", tt.file, problems)
		}
	}
}

// TestStandardInput: "-" is read from Text, and relative to the working directory.
func TestStandardInput(t *testing.T) {
	cfg, problems := Load(Source{File: "-", Text: []byte("routes: { /*: { static: testdata } }")})
	dir, err := os.Getwd()
	if err != nil || cfg == nil {
		t.Fatal(problems, err)
	}
	if cfg.Dir != dir || cfg.Sites[0].Routes[0].Static.Root != filepath.Join(dir, "testdata") {
		t.Errorf("%q, %q", cfg.Dir, cfg.Sites[0].Routes[0].Static.Root)
	}
}

// TestProblemsAreBounded: a file of nothing but mistakes answers soon, with so many problems as one may want to read.
func TestProblemsAreBounded(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("routes:\n")
	for i := range 5_000 {
		fmt.Fprintf(&b, "  /%d: { static: ./publ%d, unknown_word%d: 5 }\n", i, i, i)
	}
	begun := time.Now()
	_, problems := Load(w.source("c.yaml", []byte(b.String())))
	if len(problems) != maxProblems+1 {
		t.Errorf("%d problems", len(problems))
	}
	if d := time.Since(begun); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

// TestMergeChain: thousands of mappings that each merge the one before must neither take long nor exhaust the stack.
func TestMergeChain(t *testing.T) {
	w := newWorld(t)
	var b strings.Builder
	b.WriteString("x-0: &a0 { k: 1 }\n")
	for i := 1; i < 5_000; i++ {
		fmt.Fprintf(&b, "x-%d: &a%d { <<: *a%d, k%d: 1 }\n", i, i, i-1, i)
	}
	b.WriteString("routes: { /*: { respond: 404, env: *a4999 } }\n")
	begun := time.Now()
	cfg, problems := Load(w.source("c.yaml", []byte(b.String())))
	if cfg != nil || !strings.Contains(problems.Error(), "<< is nested more than 100 deep") {
		t.Errorf("%v", problems)
	}
	if d := time.Since(begun); d > 10*time.Second {
		t.Errorf("it took %v", d)
	}
}

func manyRoutes(n int) string {
	var b strings.Builder
	b.WriteString("env: { A: 1, B: 2, C: 3 }\nx-d: &d { timeout: 5s, env: { D: 4 } }\nroutes:\n")
	for i := range n {
		switch i % 3 {
		case 0:
			fmt.Fprintf(&b, "  /static%d/*: { static: ./public, headers: { remove: [X-A] } }\n", i)
		case 1:
			fmt.Fprintf(&b, "  /cgi%d/*: { cgi: { run: [perl, -T, app.pl] }, <<: *d }\n", i)
		default:
			fmt.Fprintf(&b, "  /r%d: { redirect: { to: /x, status: 301 } }\n", i)
		}
	}
	return b.String()
}

// cpuTime is what this process has spent. Unlike the time of day it does not count what others do on the machine.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// TestThousandRoutes: they load at once, and five times as many take five times as long, not twenty-five.
func TestThousandRoutes(t *testing.T) {
	w := newWorld(t)
	fastest := func(n int) time.Duration {
		text, best := manyRoutes(n), time.Hour
		for range 3 {
			begun := cpuTime(t)
			if cfg := mustLoad(t, w, text); len(cfg.Sites[0].Routes) != n {
				t.Fatalf("%d routes", len(cfg.Sites[0].Routes))
			}
			best = min(best, cpuTime(t)-begun)
		}
		return best
	}
	thousand, more := fastest(1000), fastest(5000)
	t.Logf("1,000: %v, 5,000: %v", thousand, more)
	if thousand > 500*time.Millisecond {
		t.Errorf("1,000 routes take %v", thousand)
	}
	if more > 15*thousand+100*time.Millisecond {
		t.Errorf("5,000 routes take %v, 1,000 take %v", more, thousand)
	}
}

func BenchmarkLoadThousandRoutes(b *testing.B) {
	w := newWorld(b)
	text := manyRoutes(1000)
	b.ReportAllocs()
	for b.Loop() {
		mustLoad(b, w, text)
	}
}

func TestProblemString(t *testing.T) {
	ps := Problems{
		{File: "c.yaml", Text: "whole"},
		{File: "c.yaml", Pos: Pos{3, 5}, Severity: Warning, Key: "routes./a.env", Text: "odd"},
	}
	if got, want := ps.Error(), "c.yaml: error: whole\nc.yaml:3:5: warning: routes./a.env: odd"; got != want {
		t.Errorf("%s", got)
	}
	if !ps.Failed() || ps[1:].Failed() || (Problems{}).Failed() {
		t.Error("Failed is not about errors")
	}
	if _, ok := errors.AsType[Problems](fmt.Errorf("load: %w", ps)); !ok {
		t.Error("Problems is no error")
	}
}

func TestParseListen(t *testing.T) {
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ in, network, address string }{
		{":8080", "tcp", ":8080"}, {"[::1]:080", "tcp", "[::1]:80"}, {"Localhost:1", "tcp", "localhost:1"},
		{"unix:/run/x", "unix", "/run/x"}, {"unix:x", "unix", filepath.Join(dir, "x")},
		{"8080", "", ""}, {"unix:", "", ""}, {"unix:/tmp/", "", ""}, {"unix:/" + strings.Repeat("x", 107), "", ""}, {"a:b:c", "", ""},
	} {
		got, err := ParseListen(tt.in)
		if (err == nil) != (tt.network != "") || err == nil && (got.Network != tt.network || got.Address != tt.address) {
			t.Errorf("%s: %+v, %v", tt.in, got, err)
		}
	}
}

// TestPathIsAbsolute: a relative folder in PATH names another one for whoever starts gatewayd elsewhere.
func TestPathIsAbsolute(t *testing.T) {
	w := newWorld(t)
	t.Chdir(w.dir) // where PATH's "bin" exists
	run := mustLoad(t, w, "routes: { /*: { cgi: { run: [perl] } } }").Sites[0].Routes[0].CGI.Run
	if run[0] != filepath.Join(w.dir, "bin/perl") {
		t.Errorf("%q", run)
	}
}

// TestDirOfScriptTree: below root the working directory is the script's, whatever runs it.
func TestDirOfScriptTree(t *testing.T) {
	cfg := mustLoad(t, newWorld(t), "routes: { /*: { cgi: { run: [php-cgi], root: ./blog, ext: .php } } }")
	if dir := cfg.Sites[0].Routes[0].Options.Dir; dir != "" {
		t.Errorf("%q", dir)
	}
}

func TestTextPlaces(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		text string
		want Pos
	}{
		{"\ufeffa: \x00", Pos{1, 4}},
		{"a: 1\u0085b: \x00", Pos{2, 4}},
		{"a: 1\r\nb\x01", Pos{2, 2}},
		{"a: 1\rb\x01", Pos{2, 2}},
		{"é: \xff", Pos{1, 4}},
		{"a: \uffff", Pos{1, 4}},
		{"\ufeffa: b: c", Pos{1, 5}},
	} {
		_, problems := Load(w.source("c.yaml", []byte(tt.text)))
		if len(problems) != 1 || problems[0].Pos != tt.want {
			t.Errorf("%q: %v", tt.text, problems)
		}
	}
}

func TestParsePrefix(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.0/8": "10.0.0.0/8", "0.0.0.0/0": "0.0.0.0/0", "192.0.2.1": "192.0.2.1/32", "::/0": "::/0", "::1": "::1/128",
		"::ffff:10.0.0.0/104": "10.0.0.0/8", "::ffff:10.0.0.1": "10.0.0.1/32", "::ffff:0:0/96": "0.0.0.0/0",
		"::ffff:0:0/95": "", "10.1.0.0/8": "", "10.0.0.0/08": "", "10.0.0/8": "", "": "", "/8": "", "::1%lo": "", "::1%lo/128": "",
	} {
		got, err := parsePrefix(in, "all")
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}
