package backendtest

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing/iotest"
	"time"
)

// Exchange is one request as the application sees it.
type Exchange struct {
	Vars   []string  // "NAME=value", everything that the request brought
	Stdin  io.Reader // ends with io.EOF when the body does, and only then
	Stdout io.Writer // unbuffered; a write fails, sooner or later, when nobody wants the answer any more
	Stderr io.Writer // unbuffered
	// Gone is closed when nobody wants the answer any more; nil where the program is ended from outside.
	Gone <-chan struct{}
	// Die breaks the exchange off as hard as the protocol allows, without an orderly end. It does not return.
	Die func()
}

// patience bounds every behaviour that waits to be ended from outside, so that no failure of a test leaves a program
// behind for ever.
const patience = time.Minute

// Program answers one request with the behaviour that PATH_INFO names, "/echo" for example, and returns the exit
// status (which not every protocol carries).
func Program(x *Exchange) int {
	name := strings.TrimPrefix(x.get("PATH_INFO"), "/")
	for _, b := range behaviours() {
		if b.name == name {
			query, _ := url.ParseQuery(x.get("QUERY_STRING"))
			return b.run(x, query)
		}
	}
	fmt.Fprintf(x.Stdout, "Status: 404\n\nno behaviour %q\n", name)
	return 0
}

// CGIProgram runs Program on the environment and the standard streams of this process and ends the process. A backend's
// TestMain calls it when the test binary finds itself started as a CGI program.
func CGIProgram() {
	code := Program(&Exchange{
		Vars:   os.Environ(),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
		Die: func() {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		},
	})
	syscall.Exit(code) // os.Exit takes a second under the race detector
}

func (x *Exchange) get(name string) string {
	for _, v := range x.Vars {
		if value, ok := strings.CutPrefix(v, name+"="); ok {
			return value
		}
	}
	return ""
}

func (x *Exchange) printf(format string, args ...any) { fmt.Fprintf(x.Stdout, format, args...) }

func number(query url.Values, name string) int {
	n, err := strconv.Atoi(query.Get(name))
	if err != nil {
		panic(err)
	}
	return n
}

type behaviour struct {
	name string
	run  func(x *Exchange, query url.Values) (exit int)
}

func behaviours() []behaviour {
	return []behaviour{
		{"vars", vars}, {"sum", sum}, {"copy", copyBody}, {"early", early}, {"answer", answer}, {"raw", raw},
		{"head-of", headOf}, {"long-line", longLine}, {"die", die}, {"noise", noise}, {"silent", silent}, {"flood", flood}, {"pieces", pieces},
		{"bytes", printBytes}, {"drip", drip}, {"first", first},
	}
}

// vars prints the variables, one a line, sorted.
func vars(x *Exchange, _ url.Values) int {
	x.printf("Content-Type: text/plain\n\n")
	sorted := slices.Sorted(slices.Values(x.Vars))
	x.printf("%s\n", strings.Join(sorted, "\n"))
	return 0
}

// sum reads the body to its end and answers its length and hash.
func sum(x *Exchange, _ url.Values) int {
	h := sha256.New()
	n, err := io.Copy(h, x.Stdin)
	if err != nil {
		x.printf("Status: 500\n\n%v\n", err)
		return 1
	}
	x.printf("Content-Type: text/plain\n\n%d %x\n", n, h.Sum(nil))
	return 0
}

// copyBody answers with the body, each piece as soon as it comes, and with the query in a field.
func copyBody(x *Exchange, _ url.Values) int {
	x.printf("Content-Type: application/octet-stream\nX-Query: %s\n\n", x.get("QUERY_STRING"))
	io.CopyBuffer(struct{ io.Writer }{x.Stdout}, struct{ io.Reader }{x.Stdin}, make([]byte, 64<<10))
	return 0
}

// early answers without a look at the body.
func early(x *Exchange, query url.Values) int {
	x.printf("Status: 413\nContent-Type: text/plain\n\n")
	x.printf("%s", strings.Repeat("e", number(query, "size")))
	return 0
}

// answer prints the status and fields of the query and a body.
func answer(x *Exchange, query url.Values) int {
	for _, field := range query["field"] {
		x.printf("%s\r\n", field)
	}
	x.printf("\r\n%s", query.Get("body"))
	if query.Has("exit") {
		return number(query, "exit")
	}
	return 0
}

// raw prints the query's text as it is.
func raw(x *Exchange, query url.Values) int {
	x.printf("%s", query.Get("text"))
	return 0
}

// headOf prints a head of so many bytes, without the empty line.
func headOf(x *Exchange, query url.Values) int {
	w := bufio.NewWriter(x.Stdout)
	fmt.Fprintf(w, "Content-Type: text/plain\n")
	for left := number(query, "bytes") - 25; left > 0; left -= 1000 {
		fmt.Fprintf(w, "X-%d: %s\n", left, strings.Repeat("h", 1000-10))
	}
	fmt.Fprintf(w, "\nbody\n")
	w.Flush()
	return 0
}

// longLine prints a header line of so many bytes.
func longLine(x *Exchange, query url.Values) int {
	x.printf("X: %s\n\nbody", strings.Repeat("x", number(query, "bytes")))
	return 0
}

// die prints the query's text and dies.
func die(x *Exchange, query url.Values) int {
	fmt.Fprintf(x.Stderr, "about to die\n")
	x.printf("%s", query.Get("text"))
	x.Die()
	return 0
}

// quiet is the answer of noise.
const quiet = "quiet 0\nquiet 1\nquiet 2\nquiet 3\nquiet 4\nquiet 5\nquiet 6\nquiet 7\nquiet 8\nquiet 9\n"

// noise writes so many lines to standard error, before its answer, while it prints it, or after it.
func noise(x *Exchange, query url.Values) int {
	lines, when := number(query, "lines"), query.Get("when")
	if when == "before" {
		x.complain(lines)
	}
	x.printf("Content-Type: text/plain\n\n")
	for i := range 10 {
		if when == "while" {
			x.complain(lines / 10)
		}
		x.printf("quiet %d\n", i)
	}
	if when == "after" {
		x.complain(lines)
	}
	fmt.Fprintf(x.Stderr, "last line without an end")
	return 0
}

func (x *Exchange) complain(lines int) {
	w := bufio.NewWriter(x.Stderr)
	for i := range lines {
		fmt.Fprintf(w, "line %d of noise %s\n", i, strings.Repeat("n", 80))
	}
	w.Flush()
}

// printed is what bytes, drip and first print.
func printed(n int) io.Reader { return noiseReader(9, int64(n)) }

// printBytes prints n bytes; the head with the first of them in one write, or before them.
func printBytes(x *Exchange, query url.Values) int {
	block := append(make([]byte, 0, 64<<10), "Content-Type: text/plain\n\n"...)
	if query.Get("write") == "split" {
		x.Stdout.Write(block)
		block = block[:0]
	}
	body := printed(number(query, "n"))
	for {
		n, err := io.ReadFull(body, block[len(block):cap(block)])
		if _, werr := x.Stdout.Write(block[:len(block)+n]); err != nil || werr != nil {
			return 0
		}
		block = block[:0]
	}
}

// drip prints n bytes one by one.
func drip(x *Exchange, query url.Values) int {
	x.printf("Content-Type: text/plain\n\n")
	io.Copy(x.Stdout, iotest.OneByteReader(printed(number(query, "n"))))
	return 0
}

// first prints n bytes before it reads the body, whose length and hash it prints then.
func first(x *Exchange, query url.Values) int {
	x.printf("Content-Type: text/plain\n\n")
	io.Copy(x.Stdout, printed(number(query, "n")))
	x.printf("%s", sumOf(x.Stdin))
	return 0
}

// silent prints the query's text and then nothing, and waits to be ended.
func silent(x *Exchange, query url.Values) int {
	x.printf("%s", query.Get("text"))
	select {
	case <-x.Gone:
	case <-time.After(patience):
	}
	return 0
}

// flood prints without end.
func flood(x *Exchange, _ url.Values) int {
	x.printf("Content-Type: text/plain\n\n")
	block := []byte(strings.Repeat("flood of text\n", 4096))
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if _, err := x.Stdout.Write(block); err != nil {
			return 1
		}
	}
	return 0
}

// pieces prints the head a byte at a time and the body in pieces, each as its own write.
func pieces(x *Exchange, query url.Values) int {
	for _, b := range []byte("Status: 202 Soon\r\nContent-Type: text/plain\r\nX-Pieces: yes\r\n\r\n") {
		x.Stdout.Write([]byte{b})
	}
	for i := range number(query, "n") {
		x.printf("piece %d\n", i)
	}
	return 0
}
