package config

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// FuzzLoad: whatever the text, Load ends without a panic, gives a Config exactly if there is no error, gives the same
// again, and places every problem inside the text. What has loaded keeps the promises of its types, and says what a
// second, naive reading of the file says, and the schema allows it.
func FuzzLoad(f *testing.F) {
	for _, file := range corpus(f) {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		if strings.HasSuffix(file, "alias_bomb.yaml") {
			continue // it is slow, and nothing grows from it
		}
		body, _ := expectations(text)
		f.Add(body)
	}
	w := newWorld(f)
	schema := compileSchema(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		src := w.source("f.yaml", slices.Concat([]byte{}, text))
		if src.Text == nil {
			src.Text = []byte{}
		}
		cfg, problems := Load(src)
		if (cfg == nil) != problems.Failed() {
			t.Fatalf("config: %v, problems: %v", cfg != nil, problems)
		}
		again, sameProblems := Load(src)
		if !reflect.DeepEqual(cfg, again) || !reflect.DeepEqual(problems, sameProblems) {
			t.Fatalf("the second time it is another:\n%v\n%v", problems, sameProblems)
		}
		checkProblems(t, string(text), problems)
		if cfg != nil {
			checkPromises(t, cfg)
			checkNaively(t, text, cfg)
			checkPresets(t, w, cfg)
			if v, err := decodeJSON(t, text); err == nil && schema.Validate(v) != nil {
				t.Errorf("it loads, but: %v", schema.Validate(v))
			}
		}
	})
}

func checkProblems(t *testing.T, text string, problems Problems) {
	widths := []int{0}
	for i, r := range text {
		switch {
		case r == '\r' && strings.HasPrefix(text[i:], "\r\n"), r == '\ufeff':
		case strings.ContainsRune("\n\r\u0085\u2028\u2029", r):
			widths = append(widths, 0)
		default:
			widths[len(widths)-1]++
		}
	}
	last := Pos{}
	for _, p := range problems {
		if p.Pos != (Pos{}) && (p.Pos.Line < 1 || p.Pos.Line > len(widths) || p.Pos.Column < 1 || p.Pos.Column > widths[p.Pos.Line-1]+1) {
			t.Errorf("outside the text: %v", p)
		}
		if p.Pos.Line < last.Line || p.Pos.Line == last.Line && p.Pos.Column < last.Column {
			t.Errorf("out of order: %v", p)
		}
		last = p.Pos
		if strings.ContainsAny(p.String(), "\n\r\x00") || !utf8.ValidString(p.Text) || p.Text == "" || strings.Contains(p.Text, "%!") && !strings.Contains(text, "%!") {
			t.Errorf("not one plain line: %q", p.String())
		}
	}
}

var (
	goodPattern = regexp.MustCompile(`^/(([^/*{}?#%\x00-\x1f\x7f]+/)*(\*|[^/*{}?#%\x00-\x1f\x7f]+/?)?)$`)
	goodHost    = regexp.MustCompile(`^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)
)

func checkPromises(t *testing.T, cfg *Config) {
	must := func(ok bool, what ...any) {
		t.Helper()
		if !ok {
			t.Error(what...)
		}
	}
	hosts := map[string]bool{}
	routes := 0
	must(len(cfg.Listen) > 0, "no listen")
	must(filepath.IsAbs(cfg.Dir) && filepath.IsAbs(cfg.Temp), cfg.Dir, cfg.Temp)
	must(cfg.StartTimeout > 0 && cfg.DrainTimeout >= 0 && cfg.HTTP.MaxHeader > 0 && cfg.HTTP.MaxHeaders > 0 && cfg.HTTP.MaxURI > 0 && cfg.HTTP.IdleTimeout >= 0, cfg.HTTP)
	for i, s := range cfg.Sites {
		must((i == 0) == (len(s.Hosts) == 0) && (i == 0) == (s.Key == ""), s.Key, s.Hosts)
		for _, h := range s.Hosts {
			must(!hosts[h], "twice:", h)
			hosts[h] = true
			addr, err := netip.ParseAddr(strings.Trim(h, "[]"))
			must(err == nil && strings.HasPrefix(h, "[") == addr.Is6() || goodHost.MatchString(h), h)
		}
		seen := map[string]bool{}
		for _, r := range s.Routes {
			routes++
			must(!seen[r.Pattern] && goodPattern.MatchString(r.Pattern) && !strings.Contains(r.Pattern+"/", "/../") && !strings.Contains(r.Pattern+"/", "/./"), r.Pattern)
			seen[r.Pattern] = true
			checkRoute(must, r)
		}
	}
	must(routes > 0, "no routes")
}

func checkRoute(must func(bool, ...any), r Route) {
	set := map[string]bool{"static": r.Static != nil, "cgi": r.CGI != nil, "fastcgi": r.FastCGI != nil && r.Handler != "php", "php": r.FastCGI != nil && r.Handler == "php", "redirect": r.Redirect != nil, "respond": r.Respond != nil}
	for name, isSet := range set {
		must(isSet == (name == r.Handler), r.Pattern, r.Handler, set)
	}
	o := r.Options
	must(o.Timeout >= 0 && o.IdleTimeout >= 0 && o.MaxBody >= 0 && (o.Dir == "" || filepath.IsAbs(o.Dir)), o)
	for name, v := range o.Env {
		must(name != "" && !strings.ContainsAny(name, "=\x00") && !strings.Contains(v, "\x00"), name, v)
	}
	for name, v := range o.Headers.Set {
		must(!strings.ContainsAny(name+v, "\r\n\x00") && !slices.Contains(o.Headers.Remove, name), name, v)
	}
	checkOptions(must, r)
	switch {
	case r.Static != nil:
		must(filepath.IsAbs(r.Static.Root) && (r.Static.Symlinks == "inside" || r.Static.Symlinks == "any"), r.Static)
	case r.CGI != nil:
		c := r.CGI
		must(c.MaxHeader > 0 && c.StopTimeout > 0 && (c.Root == "") == (len(c.Ext) == 0 || c.Root == ""), c)
		must(len(c.Run) > 0 || c.Root != "", c)
		must(len(c.Run) == 0 || filepath.IsAbs(c.Run[0]), c)
		must(!c.RunDir || len(c.Run) == 1 && c.Root == "", c)
		for ext, command := range c.Interpreters {
			must(strings.HasPrefix(ext, ".") && len(command) > 0 && filepath.IsAbs(command[0]), ext, command)
		}
	case r.FastCGI != nil:
		checkFastCGI(must, r.FastCGI)
	case r.Redirect != nil:
		must(!strings.HasPrefix(r.Redirect.To, "//") && !strings.ContainsAny(r.Redirect.To, " \r\n\x00") && r.Redirect.Status/100 == 3, r.Redirect)
	case r.Respond != nil:
		must(r.Respond.Status >= 200 && r.Respond.Status <= 599, r.Respond)
	}
}

func checkFastCGI(must func(bool, ...any), f *FastCGI) {
	must((len(f.Run) > 0) != (len(f.Connect) > 0), f)
	must(len(f.Run) == 0 || filepath.IsAbs(f.Run[0]) && f.Workers > 0 && f.Concurrency > 0, f)
	must(len(f.Connect) == 0 || f.Workers == 0 && f.Concurrency == 0, f)
	must(f.ConnectTimeout > 0 && f.StopTimeout > 0 && f.MaxHeader > 0 && f.Keepalive >= 0, f)
	must((f.Root == "") == (len(f.Ext) == 0 || f.Root == ""), f)
	must(f.Root == "" || filepath.IsAbs(f.Root), f)
	must(f.WorkerRoot == "" || filepath.IsAbs(f.WorkerRoot), f)
	must(f.Fallback == "" || f.Fallback[0] == '/', f)
	for _, a := range f.Connect {
		again, err := parseAddress(a.String())
		must(err == nil && again == a, a)
		must(a.Network == "tcp" || filepath.IsAbs(a.Address) || a.Address[0] == '@', a)
	}
}

func checkOptions(must func(bool, ...any), r Route) {
	o := r.Options
	must(o.MaxRunning >= 0 && o.Priority >= -20 && o.Priority <= 19, o.MaxRunning, o.Priority)
	must(o.Queue == Queue{} || o.Queue.Max > 0 && o.Queue.Wait > 0, o.Queue)
	must(o.Umask == nil || *o.Umask >= 0 && *o.Umask <= 0o777, o.Umask)
	must(o.User == nil || o.User.Name != "" && o.User.UID != 1<<32-1 && o.User.GID != 1<<32-1, o.User)
	for _, n := range []*uint64{o.Rlimits.CPU, o.Rlimits.Memory, o.Rlimits.Files, o.Rlimits.Processes} {
		must(n == nil || *n > 0, o.Rlimits)
	}
	if a := o.Auth; a != nil {
		must(filepath.IsAbs(a.Basic) && a.Realm != "" && !strings.ContainsAny(a.Realm, "\"\\\r\n"), a)
	}
	for _, p := range slices.Concat(o.Allow, o.Deny) {
		must(p.IsValid() && p == p.Masked() && !p.Addr().Is4In6(), p)
	}
	for status, page := range o.ErrorPages {
		must(len(status) == 3 && (status[0] == '4' || status[0] == '5') && filepath.IsAbs(page.File) && page.ContentType != "", status, page.File)
	}
}

// checkNaively reads the file with the library's own decoder and looks some things up, nearest level first.
func checkNaively(t *testing.T, text []byte, cfg *Config) {
	var top map[string]any
	if err := yaml.Load(text, &top); err != nil {
		return // the library is stricter, for example about the values of tags
	}
	durationIs(t, "drain_timeout", top, cfg.DrainTimeout)
	durationIs(t, "start_timeout", top, cfg.StartTimeout)
	if http, ok := top["http"].(map[string]any); ok {
		durationIs(t, "header_timeout", http, cfg.HTTP.HeaderTimeout)
		durationIs(t, "idle_timeout", http, cfg.HTTP.IdleTimeout)
	}
	sites, _ := top["sites"].(map[string]any)
	for _, s := range cfg.Sites {
		levels := []map[string]any{top}
		if s.Key != "" {
			site, ok := sites[s.Key].(map[string]any)
			if !ok {
				return // a key that is no string to the library
			}
			levels = append(levels, site)
		}
		routes, _ := levels[len(levels)-1]["routes"].(map[string]any)
		if len(routes) != len(s.Routes) {
			t.Errorf("site %q has %d routes, not %d", s.Key, len(routes), len(s.Routes))
		}
		for _, r := range s.Routes {
			raw, ok := routes[r.Pattern].(map[string]any)
			if !ok {
				t.Errorf("%s is not in the file", r.Pattern)
				continue
			}
			all := append(slices.Clone(levels), raw)
			nearestIs(t, "timeout", all, r.Options.Timeout)
			nearestIs(t, "idle_timeout", all, r.Options.IdleTimeout)
			countIs(t, all, r)
			if _, ok := raw[r.Handler]; !ok {
				t.Errorf("%s: no %s in the file", r.Pattern, r.Handler)
			}
		}
	}
}

// countIs compares max_running, whose default is another for each handler.
func countIs(t *testing.T, levels []map[string]any, r Route) {
	want := 0
	if r.CGI != nil {
		want = 8 * runtime.NumCPU()
	}
	if r.FastCGI != nil {
		want = r.FastCGI.Workers * r.FastCGI.Concurrency
	}
	for _, level := range levels {
		switch n := level["max_running"].(type) {
		case int:
			want = n
		case string:
			if n != unlimited {
				return // a number in quotes, or a variable
			}
			want = 0
		}
	}
	if r.Options.MaxRunning != want {
		t.Errorf("%s: max_running is %d, the file says %d", r.Pattern, r.Options.MaxRunning, want)
	}
}

func nearestIs(t *testing.T, key string, levels []map[string]any, got time.Duration) {
	for _, level := range slices.Backward(levels) {
		if _, ok := level[key]; ok {
			durationIs(t, key, level, got)
			return
		}
	}
}

func durationIs(t *testing.T, key string, level map[string]any, got time.Duration) {
	s, ok := level[key].(string)
	if !ok || strings.Contains(s, "${") {
		return
	}
	want, err := time.ParseDuration(strings.Replace(s, unlimited, "0s", 1))
	if err != nil || want != got {
		t.Errorf("%s is %v, the file says %s", key, got, s)
	}
}
