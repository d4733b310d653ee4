package main

import (
	"bufio"
	"html"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// step is a command of a console block of the README, what is typed into it, and what it prints.
type step struct {
	command string
	output  string
}

// readmeSteps are the commands below a heading of the README, up to the end of the block.
func readmeSteps(t *testing.T, heading string) (steps []step) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## "+heading+"\n")
	_, block, open := strings.Cut(section, "```console\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !open || !closed {
		t.Fatalf("the README has no commands below %q", heading)
	}
	here := "" // the line that ends what is typed into the command
	for line := range strings.Lines(block) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case here != "":
			last := &steps[len(steps)-1]
			last.command += line
			if strings.TrimSpace(line) == here {
				here = ""
			}
		case isCommand:
			steps = append(steps, step{command: command})
			if m := regexp.MustCompile(`<<'?(\w+)'?`).FindStringSubmatch(command); m != nil {
				here = m[1]
			}
		case len(steps) > 0:
			steps[len(steps)-1].output += line
		}
	}
	return steps
}

// TestNewcomer does what the README says, letter by letter but for the port.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	steps := readmeSteps(t, "Your own script in a minute")
	start := slices.IndexFunc(steps, func(s step) bool { return s.command == "gatewayd\n" })
	if start < 0 || start == len(steps)-1 {
		t.Fatalf("gatewayd is not started without arguments, or nothing comes after it: %q", steps)
	}
	dir := t.TempDir()
	shell := client{t, dir, []string{"PATH=/usr/bin:/bin", "HOME=" + dir}}
	var before strings.Builder
	for _, s := range steps[:start] {
		before.WriteString(s.command)
	}
	site := strings.TrimSpace(shell.run("sh", "-ec", before.String()+"pwd"))
	if conf, err := os.ReadFile(filepath.Join(site, "gatewayd.yaml")); err != nil || configLines(string(conf)) > 3 {
		t.Errorf("a newcomer's config (%v):\n%s", err, conf)
	}

	s := serveIn(t, site, os.Getenv("PATH"), "--listen", "127.0.0.1:0")
	for _, step := range steps[start+1:] {
		command := strings.Replace(step.command, "http://localhost:8080", s.url, 1)
		if got := shell.run("sh", "-ec", strings.Replace(command, "curl ", "curl -sS ", 1)); strings.TrimSpace(got) != strings.TrimSpace(step.output) {
			t.Errorf("%sprints %q, the README says %q", command, got, step.output)
		}
	}
}

// link is a link of the welcome page.
var link = regexp.MustCompile(`href="(/[^"#]*)"`)

// deliberate are the links of the welcome page that do not end in a good answer, by the beginning of their path.
var deliberate = []struct {
	path   string
	status int // 0: an answer that breaks off
}{
	{"/cgi-bin/error-crash.", 502},
	{"/cgi-bin/error-noexec.", 403},
	{"/cgi-bin/error-not-cgi.", 502},
	{"/cgi-bin/error-interpreter.", 502},
	{"/cgi-bin/error-midway.", 0},
	{"/cgi-bin/nothing-here", 404},
	{"/teapot", 418},
	{"/counter/crash", 502},
}

func expected(path string) int {
	for _, d := range deliberate {
		if strings.HasPrefix(path, d.path) {
			return d.status
		}
	}
	return 200
}

// TestNewcomerDemo starts gatewayd where there is no config and follows every link of its page.
func TestNewcomerDemo(t *testing.T) {
	t.Parallel()
	s := serveIn(t, t.TempDir(), os.Getenv("PATH"), "--listen", "127.0.0.1:0")
	page := get(t, s.url+"/", 200)
	links := linksOf(page.body)
	for _, d := range deliberate {
		if !slices.ContainsFunc(links, func(l string) bool { return strings.HasPrefix(l, d.path) }) {
			t.Errorf("the page has no link to %s", d.path)
		}
	}
	for _, ext := range []string{".sh", ".pl", ".py"} {
		if !slices.Contains(links, "/cgi-bin/hello"+ext) {
			t.Errorf("the page has no link to hello%s", ext)
		}
	}
	if strings.Contains(page.body, `class="missing"`) {
		t.Error("something is missing")
	}
	for _, path := range links {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			follow(t, s.url, strings.Replace(path, "slow.sh?8", "slow.sh?1", 1)) // eight seconds would say no more
		})
	}
}

// TestNewcomerWithoutInterpreters is the demo on a machine that has neither Python nor Perl.
func TestNewcomerWithoutInterpreters(t *testing.T) {
	t.Parallel()
	s := serveIn(t, t.TempDir(), pathWithout(t, "python", "perl"), "--listen", "127.0.0.1:0")
	page := get(t, s.url+"/", 200)
	wantText(t, "the page", page.body, "python3 was not found in PATH", "perl was not found in PATH", `class="missing"`)
	links := linksOf(page.body)
	for _, path := range links {
		if strings.HasPrefix(path, "/cgi-bin/") && !strings.HasPrefix(path, "/cgi-bin/nothing-here") && !strings.Contains(path, ".sh") {
			t.Errorf("a link to what cannot run: %s", path)
		}
	}
	for _, path := range []string{"/cgi-bin/hello.sh", "/source/hello.py.txt"} {
		if !slices.Contains(links, path) {
			t.Errorf("no link to %s", path)
		}
		get(t, s.url+path, 200)
	}
	if r := get(t, s.url+"/cgi-bin/hello.py", 502); strings.Contains(r.body, "python") {
		t.Errorf("a visitor is told what is for the log: %s", r.body)
	}
}

// linksOf are the links of a page to its own site.
func linksOf(page string) (links []string) {
	for _, m := range link.FindAllStringSubmatch(page, -1) {
		links = append(links, html.UnescapeString(m[1]))
	}
	slices.Sort(links)
	return slices.Compact(links)
}

// follow asks for path as a browser would; of an answer that takes its time the first line is enough.
func follow(t *testing.T, base, path string) {
	t.Helper()
	c := &http.Client{Timeout: time.Minute, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if !strings.HasPrefix(r.URL.String(), base) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	resp, err := c.Get(base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	want := expected(path)
	if want == 0 {
		if body, err := io.ReadAll(resp.Body); err == nil {
			t.Errorf("status %d and a whole answer: %q", resp.StatusCode, body)
		}
		return
	}
	first, err := bufio.NewReader(resp.Body).ReadString('\n')
	if err != nil && err != io.EOF || strings.TrimSpace(first) == "" {
		t.Errorf("first line %q, %v", first, err)
	}
	if resp.StatusCode != want {
		t.Errorf("status %d, want %d", resp.StatusCode, want)
	}
	at, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(at.Path, "/source/") && !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("a source is %s", resp.Header.Get("Content-Type"))
	}
}

// pathWithout makes a PATH with all of the system's commands but those that begin so.
func pathWithout(t *testing.T, prefixes ...string) string {
	t.Helper()
	bin := t.TempDir()
	entries, err := os.ReadDir("/usr/bin")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(entry.Name(), p) }) {
			continue
		}
		if err := os.Symlink("/usr/bin/"+entry.Name(), filepath.Join(bin, entry.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}
