package scripts_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatewayd/examples/scripts"
)

// request is what a gateway tells a program (RFC 3875, section 4).
type request struct {
	method      string // "" is GET
	query       string
	contentType string
	body        string
	length      int               // CONTENT_LENGTH, if it is not that of body
	env         map[string]string // HTTP_* and whatever else
}

// expectation is what an answer must be like.
type expectation struct {
	name string
	request
	status string            // "" is 200
	head   map[string]string // fields that must be there
	body   []string          // regular expressions that the body must match, each
	not    []string          // texts that the body must not have
}

const (
	formType  = "application/x-www-form-urlencoded"
	multipart = `multipart/form-data; boundary="x-1"`
	page      = "text/html; charset=utf-8"
	text      = "text/plain; charset=utf-8"
	attack    = `"><script>alert('&')</script>`
)

// answering are the programs that end within moments, and what they must answer.
func answering() map[string][]expectation {
	all := map[string][]expectation{
		"slow.sh": {
			{request: request{query: "1"}, head: header("Content-Type", text), body: []string{`^Done after 1 seconds\.\n$`}},
		},
		"redirect.sh": {
			{name: "local", request: request{query: "local"}, head: header("Location", "/cgi-bin/hello.sh", "Status", "")},
			{name: "moved", request: request{query: "moved"}, status: "301", head: header("Location", "/cgi-bin/hello.sh")},
			{name: "absolute", head: header("Location", "http://www.example.org/cgi-bin/hello.sh", "Status", "")},
			{name: "not where the client says", request: request{query: "//evil.example"}, head: header("Location", "http://www.example.org/cgi-bin/hello.sh")},
		},
		"json-echo.py": {
			{name: "object", request: post("application/json", `{"n": [1, "<é>"]}`), head: header("Content-Type", "application/json"), body: []string{`(?s)"you_sent": \{.*"<\\u00e9>"`}},
			{name: "nothing", body: []string{`"you_sent": null`, `"method": "GET"`}},
			{name: "not JSON", request: post("application/json", `{"n": `), status: "400", body: []string{`"error": "that is not JSON`}},
			{name: "not UTF-8", request: post("application/json", "\"\xff\""), status: "400"},
			{name: "too deep", request: post("application/json", strings.Repeat("[", 100_000)), status: "400"},
			{name: "too much", request: request{method: "POST", length: 2 << 20}, status: "413"},
		},
	}
	for ext, from := range map[string]string{".sh": "sh", ".pl": "Perl", ".py": "Python"} {
		all["hello"+ext] = []expectation{{head: header("Content-Type", text), body: []string{`^Hello from ` + from + `\.\n$`}}}
		all["env"+ext] = environment()
		all["form"+ext] = forms()
	}
	for _, ext := range []string{".sh", ".py"} {
		all["counter"+ext] = counters()
	}
	all["upload.py"] = append(uploads(), expectation{
		name: "digest", request: post(multipart, part(`name="f"; filename="a.txt"`, "abc")+"--x-1--\r\n"),
		body: []string{`a\.txt: 3 bytes, sha256 ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad`},
	})
	all["upload.pl"] = uploads()
	return all
}

func environment() []expectation {
	return []expectation{
		{name: "plain", head: header("Content-Type", page), body: []string{`(?m)<th scope="row">REQUEST_METHOD<td>GET$`, `(?m)<th scope="row">SERVER_NAME<td>www\.example\.org$`}},
		{name: "escaped", request: request{env: map[string]string{"HTTP_USER_AGENT": attack}}, body: []string{`&lt;script&gt;alert\(`, `&amp;`, `&quot;`}, not: []string{"<script>"}},
		{name: "not UTF-8", request: request{env: map[string]string{"HTTP_X": "a\xffb"}}, body: []string{`(?m)HTTP_X<td>a`, `</html>|</main>`}},
		{name: "equal signs", request: request{query: "a=b&c=d"}, body: []string{`QUERY_STRING<td>a=b&amp;c=d`}},
	}
}

func forms() []expectation {
	return []expectation{
		{name: "GET shows the form", head: header("Content-Type", page), body: []string{`<form method="post">`, `<label for="name">`}, not: []string{"You sent"}},
		{name: "POST", request: post(formType, "name=Ada+Lovelace&note=100%25+%c3%A9%2B"), body: []string{`(?m)<dt>name<dd>Ada Lovelace$`, `(?m)<dt>note<dd>100% é\+$`}},
		{name: "escaped", request: post(formType, "%3Cb%3E=%22%3E%3Cscript%3E%26"), body: []string{`<dt>&lt;b&gt;<dd>&quot;&gt;&lt;script&gt;&amp;\n`}, not: []string{"<script>", "<b>"}},
		{name: "backslashes and equal signs stay", request: post(formType, `note=%5Cn%5C%26=1==`), body: []string{`<dt>note<dd>\\n\\&amp;=1==\n`}},
		{name: "line ends", request: post(formType, "note=a%0D%0Ab"), body: []string{`<dd>a\r?\nb`}},
		{name: "empty value", request: post(formType, "name=&note=x"), body: []string{`(?m)<dt>name<dd>$`, `<dt>note<dd>x`}},
		{name: "bad escapes", request: post(formType, "name=%zz%4"), body: []string{`<dd>%zz%4\n`}},
		{name: "empty body", request: post(formType, ""), body: []string{"You sent", "</main>"}, not: []string{"<dd>"}},
		{name: "no more than 64 KiB", request: post(formType, "name="+strings.Repeat("a", 70_000)+"&late=END"), body: []string{"aaa"}, not: []string{"END"}},
		{name: "no more than CONTENT_LENGTH", request: request{method: "POST", contentType: formType, body: "name=abcdef", length: 8}, body: []string{`<dd>abc\n`}},
	}
}

func counters() []expectation {
	const rest = "; Path=/; Max-Age=86400; HttpOnly; SameSite=Lax"
	first := header("Set-Cookie", "visits=1"+rest, "Content-Type", text)
	cookie := func(value string) request { return request{env: map[string]string{"HTTP_COOKIE": value}} }
	return []expectation{
		{name: "first", head: first, body: []string{"^Visit number 1\\."}},
		{name: "again", request: cookie("a=b; visits=41; c=d"), head: header("Set-Cookie", "visits=42"+rest), body: []string{"^Visit number 42\\."}},
		{name: "nine is not octal", request: cookie("visits=09"), head: header("Set-Cookie", "visits=10"+rest)},
		{name: "zero", request: cookie("visits=0"), head: first},
		{name: "text", request: cookie("visits=1<b>"), head: first},
		{name: "command", request: cookie("visits=$(id)"), head: first},
		{name: "another cookie", request: cookie("revisits=7"), head: first},
		{name: "too big", request: cookie("visits=99999999999999999999"), head: first},
	}
}

func uploads() []expectation {
	file := part(`name="file"; filename="a &lt;b>.bin"`, "\r\n\x00\xff--x-1?\r\n\r\n-\r\n")
	field := part(`name="comment"`, "caf\xc3\xa9 <i>")
	return []expectation{
		{name: "GET shows the form", head: header("Content-Type", page), body: []string{`enctype="multipart/form-data"`, `<label for="file">`}, not: []string{"You sent"}},
		{name: "file and field", request: post(multipart, file+field+"--x-1--\r\n"), head: header("Content-Type", page), body: []string{`<dt>file<dd>a &amp;lt;b&gt;\.bin: 17 bytes`, `(?m)<dt>comment<dd>café &lt;i&gt;$`}, not: []string{"<i>"}},
		{name: "preamble and epilogue", request: post(multipart, "nobody\r\n"+field+"--x-1--\r\nnobody"), body: []string{`<dt>comment`}, not: []string{"nobody"}},
		{name: "empty file", request: post(multipart, part(`name="file"; filename=""`, "")+"--x-1--\r\n"), body: []string{`<dt>file<dd>: 0 bytes`}},
		{name: "bare boundary", request: post("multipart/form-data; boundary=x-1", field+"--x-1--\r\n"), body: []string{`<dt>comment`}},
		{name: "no parts", request: post(multipart, "--x-1--\r\n"), body: []string{"You sent"}, not: []string{"<dt>"}},
		{name: "cut off", request: post(multipart, file+"--x-1\r\nContent-Dis"), status: "400"},
		{name: "empty body", request: post(multipart, ""), status: "400"},
		{name: "not multipart", request: post(formType, "file=x"), status: "400"},
		{name: "no boundary", request: post("multipart/form-data", "x"), status: "400"},
		{name: "too much", request: request{method: "POST", contentType: multipart, length: 10<<20 + 1}, status: "413"},
	}
}

func part(disposition, content string) string {
	return "--x-1\r\nContent-Disposition: form-data; " + disposition + "\r\nContent-Type: text/plain\r\n\r\n" + content + "\r\n"
}

// streaming are the programs that go on for a while: what their first line must be, and that there is another.
func streaming() map[string]string {
	line := `^line 1 of 20 at \d\d:\d\d:\d\d\n$`
	return map[string]string{"stream.sh": line, "stream.pl": line, "stream.py": line, "sse.sh": `^id: 1\n$`, "sse.py": `^id: 1\n$`}
}

// broken are the programs that fail on purpose, and how.
func broken() map[string]func(*testing.T, string) {
	return map[string]func(*testing.T, string){
		"error-crash.sh":       crashes("cannot open the database"),
		"error-crash.pl":       crashes("cannot open the database"),
		"error-crash.py":       crashes("KeyError: 'coffee'"),
		"error-noexec.sh":      cannotStart(fs.ErrPermission),
		"error-interpreter.sh": cannotStart(fs.ErrNotExist),
		"error-not-cgi.sh":     hasNoHead,
		"error-midway.sh":      endsMidway,
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, wants := range answering() {
		for _, want := range wants {
			t.Run(name+"/"+want.name, func(t *testing.T) {
				t.Parallel()
				out := run(t, name, want.request)
				if out.err != nil || out.stderr != "" {
					t.Errorf("ended with %v, stderr %q", out.err, out.stderr)
				}
				head, body := split(t, out.stdout)
				check(t, want, head, body)
			})
		}
	}
}

func check(t *testing.T, want expectation, head textproto.MIMEHeader, body string) {
	t.Helper()
	if want.status != "" && !strings.HasPrefix(head.Get("Status"), want.status+" ") {
		t.Errorf("Status: %q, want %s", head.Get("Status"), want.status)
	}
	if s := head.Get("Status"); want.status == "" && s != "" && !strings.HasPrefix(s, "200") {
		t.Errorf("Status: %q, want 200 or none", s)
	}
	for name, value := range want.head {
		if head.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, head.Get(name), value)
		}
	}
	for _, re := range want.body {
		if !regexp.MustCompile(re).MatchString(body) {
			t.Errorf("no match of %s in %q", re, body)
		}
	}
	for _, s := range want.not {
		if strings.Contains(body, s) {
			t.Errorf("there is %q in %q", s, body)
		}
	}
}

// TestStreams reads two lines. A program that keeps its output until it ends would need ten seconds for them.
func TestStreams(t *testing.T) {
	t.Parallel()
	for name, first := range streaming() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := command(t, name, request{})
			stdout, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
				cmd.Wait()
			}()
			reader := bufio.NewReader(stdout)
			head, err := textproto.NewReader(reader).ReadMIMEHeader()
			if err != nil {
				t.Fatalf("head: %v", err)
			}
			if strings.HasPrefix(name, "sse") && head.Get("Content-Type") != "text/event-stream" {
				t.Errorf("Content-Type: %q", head.Get("Content-Type"))
			}
			line, err := reader.ReadString('\n')
			if err != nil || !regexp.MustCompile(first).MatchString(line) {
				t.Errorf("first line %q, %v, want %s", line, err, first)
			}
			if _, err := reader.ReadString('\n'); err != nil {
				t.Errorf("second line: %v", err)
			}
			if d := time.Since(start); d > 8*time.Second {
				t.Errorf("two lines took %v", d)
			}
		})
	}
}

// TestEventsGoOn is a browser that comes back: it gets the events that it has not seen, and then no more.
func TestEventsGoOn(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sse.sh", "sse.py"} {
		for seen, want := range map[string]string{
			"9":  `^id: 10\ndata: event 10 of 10 at \d\d:\d\d:\d\d\n\n$`,
			"10": `^$`,
			"99": `^$`,
		} {
			t.Run(name+"/"+seen, func(t *testing.T) {
				t.Parallel()
				out := run(t, name, request{env: map[string]string{"HTTP_LAST_EVENT_ID": seen}})
				head, body := split(t, out.stdout)
				if !regexp.MustCompile(want).MatchString(body) {
					t.Errorf("events %q, want %s", body, want)
				}
				if ended := head.Get("Status") == "204 No Content"; ended != (body == "") {
					t.Errorf("Status %q with events %q", head.Get("Status"), body)
				}
			})
		}
	}
}

func TestBroken(t *testing.T) {
	t.Parallel()
	for name, test := range broken() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, name)
		})
	}
}

func crashes(complaint string) func(*testing.T, string) {
	return func(t *testing.T, name string) {
		out := run(t, name, request{})
		if out.err == nil || out.stdout != "" || !strings.Contains(out.stderr, complaint) {
			t.Errorf("ended with %v, stdout %q, stderr %q", out.err, out.stdout, out.stderr)
		}
	}
}

func cannotStart(want error) func(*testing.T, string) {
	return func(t *testing.T, name string) {
		if out := run(t, name, request{}); !errors.Is(out.err, want) {
			t.Errorf("ended with %v, want %v", out.err, want)
		}
	}
}

func hasNoHead(t *testing.T, name string) {
	out := run(t, name, request{})
	if head, err := textproto.NewReader(bufio.NewReader(strings.NewReader(out.stdout))).ReadMIMEHeader(); err == nil || out.err != nil {
		t.Errorf("head %v, ended with %v", head, out.err)
	}
}

func endsMidway(t *testing.T, name string) {
	out := run(t, name, request{})
	head, body := split(t, out.stdout)
	if head.Get("Content-Length") != "1000" || body == "" || len(body) >= 1000 || out.err == nil {
		t.Errorf("Content-Length %s, %d bytes, ended with %v", head.Get("Content-Length"), len(body), out.err)
	}
}

// TestAllAreRun holds the folder against the tests above: nothing is shown to people that nobody has run.
func TestAllAreRun(t *testing.T) {
	tested := slices.Concat(slices.Collect(maps.Keys(answering())), slices.Collect(maps.Keys(streaming())), slices.Collect(maps.Keys(broken())))
	slices.Sort(tested)
	if found := programs(t); !slices.Equal(found, tested) {
		t.Errorf("in the folder: %v\ntested: %v", found, tested)
	}
	entries, err := scripts.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var embedded []string
	for _, entry := range entries {
		embedded = append(embedded, entry.Name())
	}
	if !slices.Equal(embedded, tested) {
		t.Errorf("embedded: %v\ntested: %v", embedded, tested)
	}
}

// TestFiles: exec bits, first lines, and nothing used that a plain Debian does not have with the interpreter.
func TestFiles(t *testing.T) {
	shebang := map[string]string{".sh": "#!/bin/sh\n", ".pl": "#!/usr/bin/env perl\n", ".py": "#!/usr/bin/env python3\n"}
	uses := regexp.MustCompile(`(?m)^\s*(?:use|require) (\w+)`)
	imports := regexp.MustCompile(`(?m)^\s*(?:import|from) ([\w.]+)`)
	perlBase := []string{"strict", "warnings"}
	standard := []string{"email", "hashlib", "html", "json", "os", "re", "sys", "time", "urllib.parse"}
	for _, name := range programs(t) {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if executable := info.Mode()&0o111 == 0o111; executable != (name != "error-noexec.sh") {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(source, []byte(shebang[filepath.Ext(name)])) && name != "error-interpreter.sh" {
			t.Errorf("%s begins with %.40q", name, source)
		}
		if bytes.ContainsRune(source, '\r') {
			t.Errorf("%s has carriage returns", name)
		}
		for re, allowed := range map[*regexp.Regexp][]string{uses: perlBase, imports: standard} {
			for _, m := range re.FindAllSubmatch(source, -1) {
				if !slices.Contains(allowed, string(m[1])) {
					t.Errorf("%s uses %s", name, m[1])
				}
			}
		}
	}
}

// programs are the files of this folder that are not Go, sorted.
func programs(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) != ".go" {
			names = append(names, entry.Name())
		}
	}
	return names
}

func post(contentType, body string) request {
	return request{method: "POST", contentType: contentType, body: body, length: len(body)}
}

// header makes a map of names and values in turn.
func header(pairs ...string) map[string]string {
	h := map[string]string{}
	for pair := range slices.Chunk(pairs, 2) {
		h[pair[0]] = pair[1]
	}
	return h
}

// outcome is what became of a program.
type outcome struct {
	stdout, stderr string
	err            error
}

func run(t *testing.T, name string, r request) outcome {
	t.Helper()
	cmd := command(t, name, r)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	return outcome{stdout: stdout.String(), stderr: stderr.String(), err: err}
}

// command runs a program as a gateway does: a clean environment, its own folder and process group, an end in sight.
func command(t *testing.T, name string, r request) *exec.Cmd {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(folder, name))
	cmd.Dir = folder
	cmd.Env = variables(name, r)
	cmd.Stdin = strings.NewReader(r.body)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	return cmd
}

func variables(name string, r request) (list []string) {
	vars := map[string]string{
		"PATH":              "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"GATEWAY_INTERFACE": "CGI/1.1",
		"SERVER_PROTOCOL":   "HTTP/1.1",
		"SERVER_SOFTWARE":   "test",
		"SERVER_NAME":       "www.example.org",
		"SERVER_PORT":       "80",
		"HTTP_HOST":         "www.example.org",
		"REMOTE_ADDR":       "192.0.2.1",
		"REQUEST_METHOD":    "GET",
		"SCRIPT_NAME":       "/cgi-bin/" + name,
		"QUERY_STRING":      r.query,
	}
	if r.method != "" {
		vars["REQUEST_METHOD"] = r.method
		vars["CONTENT_LENGTH"] = strconv.Itoa(r.length)
		vars["CONTENT_TYPE"] = r.contentType
	}
	maps.Copy(vars, r.env)
	for name, value := range vars {
		list = append(list, name+"="+value)
	}
	return list
}

// split reads the head of an answer.
func split(t *testing.T, stdout string) (textproto.MIMEHeader, string) {
	t.Helper()
	reader := bufio.NewReader(strings.NewReader(stdout))
	head, err := textproto.NewReader(reader).ReadMIMEHeader()
	if err != nil {
		t.Fatalf("head: %v in %q", err, stdout)
	}
	body, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return head, string(body)
}
