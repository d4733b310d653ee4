package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// answerCase is something that a program prints, and what has to come of it.
type answerCase struct {
	name    string
	script  string // which program prints it; "" is "say", which ends with 0
	says    string // all that it prints; {dir} is the config's directory, {number} what to ask for to get this again
	request string // header lines of the client's request, each with its CR LF

	refused bool // no client may see any of it

	status string   // of the status line: "404 Not Found"
	fields []string // what is sent besides the server's own fields, in the order of the wire
	body   string
	length string // the Content-Length that must be sent; "" does not matter
	hints  string // the fields of 103 heads that an HTTP/1.1 client must get before
	noHEAD bool   // HEAD gets another answer
	broken bool   // the client must see that body is not all
}

// refused is an answer for which the client gets an error page of the server's own.
func refused(name, says string) answerCase {
	return answerCase{name: name, says: says, refused: true, status: "502 Bad Gateway"}
}

// with gives the case another program.
func (c answerCase) with(script string) answerCase {
	c.script = script
	return c
}

const answersConfig = `
admin: off
log: { format: json }
routes:
  "/cgi/*":   { cgi: { run: ./cgi, sendfile: [./files] } }
  "/plain/*": { cgi: ./cgi }
  "/files/*": { static: ./files }
`

// The programs print the file that the query names. What else they do is in their name.
var answerPrograms = map[string]string{
	"say kill-KILL kill-TERM kill-SEGV kill-ABRT exit-1 exit-3 exit-255 nph-say": `#!/bin/sh
cat "../answers/$QUERY_STRING"
name=${0##*/}
case $name in
kill-*) kill "-${name#kill-}" $$ ;;
exit-*) exit "${name#exit-}" ;;
esac
`,
	"halves": `#!/bin/sh
{ head -n 1; sleep 0.05; cat; } <"../answers/$QUERY_STRING"
`,
	"noisy": `#!/bin/sh
head -c 1000000 /dev/zero | tr '\0' x >&2
cat "../answers/$QUERY_STRING"
echo the end >&2
`,
	"mute": `#!/bin/sh
exec 2>&-
cat "../answers/$QUERY_STRING"
`,
	"target": `#!/bin/sh
printf 'Content-Type: text/plain\nX-Target: yes\n\n%s' "$QUERY_STRING"
`,
	"child": `#!/bin/sh
cat "../answers/$QUERY_STRING"
sleep 0.2 </dev/null >/dev/null 2>&1 &
`,
	"works-on": `#!/bin/sh
cat "../answers/$QUERY_STRING"
exec >&- 2>&-
sleep 0.1
`,
}

// answersServer is a gatewayd whose programs print what the cases say.
func answersServer(t *testing.T, cases []answerCase) *served {
	dir := t.TempDir()
	for names, text := range answerPrograms {
		for _, name := range strings.Fields(names) {
			writeTestFile(t, filepath.Join(dir, "cgi", name), text, 0o755)
		}
	}
	for i := range cases {
		writeTestFile(t, filepath.Join(dir, "answers", fmt.Sprint(i)), cases[i].text(dir, i), 0o644)
	}
	writeAnswerFiles(t, dir)
	return serveConfig(t, dir, answersConfig)
}

// text is what the program prints for the case with a number.
func (c *answerCase) text(dir string, number int) string {
	return strings.NewReplacer("{dir}", dir, "{number}", fmt.Sprint(number)).Replace(c.says)
}

// writeAnswerFiles writes the files that answers may name, and one that nobody may have.
func writeAnswerFiles(t *testing.T, dir string) {
	writeTestFile(t, filepath.Join(dir, "files", "step.txt"), inStep, 0o644)
	writeTestFile(t, filepath.Join(dir, "files", "a b.txt"), "a named file\n", 0o644)
	writeTestFile(t, filepath.Join(dir, "secret.txt"), canary, 0o644)
}

const (
	inStep = "the next answer is in step\n"
	canary = "the canary of a file that nobody may have\n"
)

// runAnswers lets every case happen to clients of each kind and returns the ids of the requests that failed.
func runAnswers(t *testing.T, s *served, cases []answerCase) (ids []string) {
	var mu sync.Mutex
	t.Run("cases", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				for _, a := range []asked{{"GET", "HTTP/1.1"}, {"GET", "HTTP/1.0"}, {"HEAD", "HTTP/1.1"}} {
					if c.noHEAD && a.method == "HEAD" {
						continue
					}
					id := c.check(t, s, i, a)
					mu.Lock()
					ids = append(ids, id)
					mu.Unlock()
				}
			})
		}
	})
	return ids
}

// check asks for the case's answer and then, on the same connection and without waiting, for a file. It returns the
// request's id if an error page gave one.
func (c answerCase) check(t *testing.T, s *served, number int, a asked) (id string) {
	t.Helper()
	script := c.script
	if script == "" {
		script = "say"
	}
	path := fmt.Sprintf("/cgi/%s?%d", script, number)
	if rest, ok := strings.CutPrefix(script, "plain "); ok {
		path = fmt.Sprintf("/plain/%s?%d", rest, number)
	}
	step := asked{"GET", a.proto}
	data, reset := s.converse(t, fmt.Sprintf("%s %s %s\r\nHost: h\r\nConnection: keep-alive\r\n%s\r\n", a.method, path, a.proto, c.request)+
		fmt.Sprintf("GET /files/step.txt %s\r\nHost: h\r\nConnection: close\r\n\r\n", a.proto))
	all, err := wireAnswers(data, reset, a, step)
	if err != nil {
		t.Errorf("%v: %v\nall of it: %.2000q", a, err, data)
		return ""
	}
	first := all[0]
	if len(all) > 1 && (all[1].status != 200 || all[1].body != inStep) {
		t.Errorf("%v: the next answer is out of step: %d %.200q", a, all[1].status, all[1].body)
	}
	if len(all) == 1 && first.persists() {
		t.Errorf("%v: the next request was not answered, and the answer before says nothing of that: %q", a, data)
	}
	if strings.Contains(data, canary) {
		t.Errorf("%v: the canary: %.2000q", a, data)
	}
	if c.refused {
		return c.checkRefused(t, &first)
	}
	c.checkPassed(t, s.dir, &first)
	return ""
}

var refusal = regexp.MustCompile(`^(5[0-9]{2} [A-Z][A-Za-z ]+)\n[A-Z][A-Za-z ,]+\.\nRequest ([A-Za-z0-9._-]+)\n$`)

// checkRefused wants an error page and nothing else: there is no place in it where a byte of the program could be.
func (c answerCase) checkRefused(t *testing.T, r *wireAnswer) (id string) {
	t.Helper()
	if got := fmt.Sprintf("%d %s", r.status, r.reason); got != c.status || !r.whole || len(r.interim) > 0 && c.hints == "" {
		t.Errorf("%v: %s, whole: %t, %d interim heads; want %s", r.asked, got, r.whole, len(r.interim), c.status)
	}
	const page = "Content-Type: text/plain; charset=utf-8, Vary: Accept, X-Content-Type-Options: nosniff"
	if got := strings.Join(r.others(), ", "); got != page {
		t.Errorf("%v: fields %q", r.asked, got)
	}
	m := refusal.FindStringSubmatch(r.body)
	switch {
	case r.method == "HEAD":
		return ""
	case m == nil || m[1] != c.status:
		t.Errorf("%v: the page is %q", r.asked, r.body)
		return ""
	}
	return m[2]
}

// checkPassed wants what the case says, to the byte.
func (c answerCase) checkPassed(t *testing.T, dir string, r *wireAnswer) {
	t.Helper()
	if got := fmt.Sprintf("%d %s", r.status, r.reason); got != c.status {
		t.Errorf("%v: %s, want %s", r.asked, got, c.status)
	}
	if got := r.others(); !slices.EqualFunc(got, c.fields, func(got, want string) bool { return fits(strings.ReplaceAll(got, dir, "{dir}"), want) }) {
		t.Errorf("%v: fields %q, want %q", r.asked, got, c.fields)
	}
	if got := strings.Join(r.get("Content-Length"), ", "); c.length != "" && got != c.length {
		t.Errorf("%v: Content-Length %q, want %q", r.asked, got, c.length)
	}
	hints := ""
	for _, h := range r.interim {
		hints += strings.Join(h.others(), "\n") + "\n"
	}
	if r.asked.proto == "HTTP/1.1" && hints != c.hints {
		t.Errorf("%v: interim heads %q, want %q", r.asked, hints, c.hints)
	}
	if r.method == "HEAD" {
		return // it has no content, as the reader knows
	}
	if c.broken == r.whole {
		t.Errorf("%v: the answer looks whole: %t", r.asked, r.whole)
	}
	if r.body != c.body && !(c.broken && strings.HasPrefix(c.body, r.body)) {
		t.Errorf("%v: %d bytes %.200q, want %d %.200q", r.asked, len(r.body), r.body, len(c.body), c.body)
	}
}

// fits reports whether a field is as wanted, where {any} is any value.
func fits(got, want string) bool {
	name, any := strings.CutSuffix(want, "{any}")
	return got == want || any && strings.HasPrefix(got, name)
}

// others are the fields that are not the server's own to say.
func (r *wireAnswer) others() (all []string) {
	for _, f := range r.fields {
		switch f.name {
		case "Date", "Server", "Connection", "Content-Length", "Transfer-Encoding", "X-Request-Id":
			continue
		}
		all = append(all, f.name+": "+f.value)
	}
	return all
}

// converse sends bytes and returns all that comes until the server closes, and whether it did so by a reset.
func (s *served) converse(t *testing.T, send string) (data string, reset bool) {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, send); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%v after %q", err, all)
	}
	return string(all), err != nil
}

// distinct counts the cases and fails the test for each that says what another has said already.
func distinct(t *testing.T, cases []answerCase) int {
	t.Helper()
	seen := map[string]string{}
	for _, c := range cases {
		key := c.script + "\x00" + c.request + "\x00" + c.says
		if other, ok := seen[key]; ok {
			t.Errorf("%q is %q again", c.name, other)
		}
		seen[key] = c.name
	}
	return len(seen)
}

// TestBadAnswers lets programs answer in every way that is wrong.
func TestBadAnswers(t *testing.T) {
	cases := badAnswers()
	s := answersServer(t, cases)
	ids := runAnswers(t, s, cases)
	n := distinct(t, cases)
	if n < 150 {
		t.Errorf("only %d bad answers", n)
	}
	t.Logf("%d bad answers, each to GET and HEAD and to an HTTP/1.0 client", n)
	s.loggedReasons(t, ids)
}

// TestGoodAnswers lets programs answer as they may: nothing that is right is taken for wrong.
func TestGoodAnswers(t *testing.T) {
	cases := goodAnswers()
	s := answersServer(t, cases)
	runAnswers(t, s, cases)
	n := distinct(t, cases)
	if n < 60 {
		t.Errorf("only %d good answers", n)
	}
	t.Logf("%d good answers, each to GET and HEAD and to an HTTP/1.0 client", n)
}

// loggedReasons wants a reason in the log for each request that was refused, and a log of clean lines.
func (s *served) loggedReasons(t *testing.T, ids []string) {
	t.Helper()
	var text string
	var reasons map[string]bool
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		text = s.stderr.String() // what was written last may still be on its way
		if reasons = loggedErrors(text); missing(ids, reasons) == "" {
			break
		}
	}
	if id := missing(ids, reasons); id != "" {
		t.Errorf("the log does not say why request %s failed", id)
	}
	if i := strings.IndexFunc(text, func(c rune) bool { return c < ' ' && c != '\n' || c == 0x7f }); i >= 0 {
		t.Errorf("the log has the byte %#x", text[i])
	}
}

// loggedErrors are the ids of the requests that the log has an error for.
func loggedErrors(log string) map[string]bool {
	ids := map[string]bool{}
	for line := range strings.Lines(log) {
		var entry struct{ ID, Error string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Error != "" {
			ids[entry.ID] = true
		}
	}
	return ids
}

// missing is an id without a reason, "" if there is none.
func missing(ids []string, reasons map[string]bool) string {
	for _, id := range ids {
		if id != "" && !reasons[id] {
			return id
		}
	}
	return ""
}
