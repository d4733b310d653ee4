package backendtest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
)

type testCase struct {
	name string
	run  func(k *kit)
}

func cases() []testCase {
	return []testCase{
		{"variables are those of the request and no others", variables},
		{"bodies of every size arrive whole", bodies},
		{"a large body both ways at once", bothWays},
		{"a dialogue: each piece at once", dialogue},
		{"an early answer to a body that nobody reads", earlyAnswer},
		{"heads", heads},
		{"bad heads", badHeads},
		{"a head in single bytes", headInBytes},
		{"a head as long as it may be, and longer", headLimit},
		{"early hints", earlyHints},
		{"HEAD, 204 and 304 with bodies", bodiesNobodyGets},
		{"an exit status is no failure", exitStatus},
		{"death before the head", deathBeforeHead},
		{"death in the middle", deathInTheMiddle},
		{"standard error", standardError},
		{"the client leaves before the head", leavesBeforeHead},
		{"the client leaves in the middle", leavesInTheMiddle},
		{"the client has left already", leftAlready},
		{"closing in the middle", closesInTheMiddle},
		{"closing while another reads", closesWhileReading},
		{"a request body that breaks off", brokenBody},
		{"times and the idle clock", clocks},
		{"many at once", manyAtOnce},
	}
}

func variables(k *kit) {
	c := call{method: "PUT", behave: "vars", query: query("a", "1", "b", "two words"), body: strings.NewReader("body"), length: 4,
		header: http.Header{"X-Twice": {"one", "two"}, "Cookie": {"a=1", "b=2"}, "Accept": {"*/*"}, "Proxy": {"evil"}, "X_Odd": {"evil"}, "X-Bytes": {"\xff\x80 end"}}}
	var want []string
	for _, v := range k.request(c).Vars([]cgispec.Var(nil), k.Env) {
		want = append(want, v.Name+"="+v.Value)
	}
	slices.Sort(want)
	got := k.do(c)
	if got.body != strings.Join(want, "\n")+"\n" {
		k.Errorf("the program has\n%s\nthe request says\n%s", got.body, strings.Join(want, "\n"))
	}
	if !strings.Contains(got.body, "PATH_INFO=/vars\n") || strings.Contains(got.body, "evil") {
		k.Errorf("these are not the variables of the request:\n%s", got.body)
	}
}

// noise is n bytes that do not repeat, the same for the same seed.
func noiseReader(seed uint64, n int64) io.Reader {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	return io.LimitReader(rand.NewChaCha8(key), n)
}

func sumOf(r io.Reader) string {
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%d %x\n", n, h.Sum(nil))
}

// inMemory is a body that can hand out all of its bytes at once, as spooled ones can.
type inMemory struct {
	io.Reader
	data []byte
}

func (m inMemory) Bytes() []byte { return m.data }
func (m inMemory) Close() error  { return nil }

func bodies(k *kit) {
	for _, n := range []int64{1, 7, 127, 128, 4095, 4096, 65535, 65536, 65537, 131073, 3_000_000} {
		want := sumOf(noiseReader(1, n))
		data, _ := io.ReadAll(noiseReader(1, n))
		for name, c := range map[string]call{
			"a stream":  {body: noiseReader(1, n), length: n},
			"in memory": {body: inMemory{bytes.NewReader(data), data}, length: n},
		} {
			c.method, c.behave = "POST", "sum"
			if got := k.do(c); got.err != nil || got.body != want {
				k.Errorf("%d bytes, %s: %q %v, want %q", n, name, got.body, got.err, want)
			}
		}
	}
	if got := k.do(call{behave: "sum"}); got.body != sumOf(strings.NewReader("")) {
		k.Errorf("no body: %q", got.body)
	}
}

func bothWays(k *kit) {
	const n = 8 << 20
	resp, err := k.Backend.RoundTrip(k.request(call{method: "POST", behave: "copy", body: noiseReader(2, n), length: n}))
	if err != nil {
		k.Fatal(err)
	}
	defer resp.Body.Close()
	if got, want := sumOf(resp.Body), sumOf(noiseReader(2, n)); got != want {
		k.Errorf("got %s, want %s", got, want)
	}
	if w, ok := resp.Body.(io.WriterTo); ok {
		if n, err := w.WriteTo(io.Discard); n != 0 || err != nil {
			k.Errorf("WriteTo at the end: %d %v", n, err)
		}
	}
}

// dialogue sends the next piece only when the last one has come back: whoever holds back a byte waits for ever.
func dialogue(k *kit) {
	r, w := io.Pipe()
	var resp *http.Response
	var err error
	k.soon("the head, while the body goes on", func() {
		resp, err = k.Backend.RoundTrip(k.request(call{method: "POST", behave: "copy", body: r, length: -1}))
	})
	if err != nil {
		k.Fatal(err)
	}
	defer resp.Body.Close()
	for i := range 20 {
		piece := fmt.Sprintf("piece %d\n", i)
		got := make([]byte, len(piece))
		k.soon("a piece comes back", func() {
			io.WriteString(w, piece)
			_, err = io.ReadFull(resp.Body, got)
		})
		if err != nil || string(got) != piece {
			k.Fatalf("%q %v, want %q", got, err, piece)
		}
	}
	w.Close()
	if rest, err := io.ReadAll(resp.Body); len(rest) != 0 || err != nil {
		k.Errorf("at the end: %q %v", rest, err)
	}
}

func earlyAnswer(k *kit) {
	for _, size := range []int{0, 10, 300_000} {
		const n = 3 << 20
		c := call{method: "POST", behave: "early", query: query("size", fmt.Sprint(size)), body: noiseReader(3, n), length: n}
		if got := k.do(c); got.StatusCode != 413 || got.err != nil || got.body != strings.Repeat("e", size) {
			k.Errorf("status %d, %d bytes, %v; want 413 and %d bytes", got.StatusCode, len(got.body), got.err, size)
		}
	}
}

func heads(k *kit) {
	tests := []struct {
		fields []string
		status int
		length int64
		header http.Header
	}{
		{[]string{"Content-Type: text/plain"}, 200, -1, http.Header{"Content-Type": {"text/plain"}}},
		{[]string{"Status: 404"}, 404, -1, http.Header{}},
		{[]string{"Status: 599 Odd", "X-A: \xe9"}, 599, -1, http.Header{"X-A": {"\xe9"}}},
		{[]string{"Content-Length: 4"}, 200, 4, http.Header{}},
		{[]string{"Set-Cookie: a=1", "set-cookie: b=2"}, 200, -1, http.Header{"Set-Cookie": {"a=1", "b=2"}}},
		{[]string{"Transfer-Encoding: chunked", "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: 1"}, 200, -1, http.Header{}},
		{[]string{"Location: http://example.org/x#y"}, 302, -1, http.Header{"Location": {"http://example.org/x#y"}}},
		{[]string{"Location: /x?y"}, cgispec.StatusLocalRedirect, -1, http.Header{"Location": {"/x?y"}}},
		{[]string{"Status: 303", "Location: /x"}, 303, -1, http.Header{"Location": {"/x"}}},
		{[]string{"Status: 201", "Location: /new"}, 201, -1, http.Header{"Location": {"/new"}}},
	}
	for _, tt := range tests {
		q := query("body", "body")
		q["field"] = tt.fields
		got := k.do(call{behave: "answer", query: q})
		if got.StatusCode != tt.status || got.ContentLength != tt.length || fmt.Sprint(got.Header) != fmt.Sprint(tt.header) || got.body != "body" || got.err != nil {
			k.Errorf("%q: status %d, length %d, %v, %q %v; want %d, %d, %v", tt.fields, got.StatusCode, got.ContentLength, got.Header, got.body, got.err, tt.status, tt.length, tt.header)
		}
	}
}

func badHeads(k *kit) {
	for _, text := range []string{
		"", "hello\n", "hello", "Content-Type: text/plain\n", "Content-Type: text/plain", "Good: 1\nbad\n\nbody", "X Y: 1\n\n", "X: a\x00b\n\n",
		"Status: 99\n\n", "Status: 101\n\n", "Status: abc\n\n", "Content-Length: -1\n\n", "Content-Length: 5\nContent-Length: 6\n\n", "Status: 103\n\n",
	} {
		e := k.fails(call{behave: "raw", query: query("text", text)}, http.StatusBadGateway)
		if e.Hint == "" {
			k.Errorf("%q: %v: no hint", text, e)
		}
	}
}

func headInBytes(k *kit) {
	got := k.do(call{behave: "pieces", query: query("n", "50")})
	if got.StatusCode != 202 || got.Header.Get("X-Pieces") != "yes" || !strings.HasSuffix(got.body, "piece 49\n") || got.err != nil {
		k.Errorf("%d %v %q %v", got.StatusCode, got.Header, got.body, got.err)
	}
}

func headLimit(k *kit) {
	ok := k.do(call{behave: "head-of", query: query("bytes", fmt.Sprint(k.MaxHeader-2000))})
	if ok.StatusCode != 200 || ok.body != "body\n" || len(ok.Header) < k.MaxHeader/1000-3 {
		k.Errorf("status %d, %d fields, %q %v", ok.StatusCode, len(ok.Header), ok.body, ok.err)
	}
	k.fails(call{behave: "head-of", query: query("bytes", fmt.Sprint(k.MaxHeader+2000))}, http.StatusBadGateway)
	k.fails(call{behave: "long-line", query: query("bytes", fmt.Sprint(2*k.MaxHeader))}, http.StatusBadGateway)
}

func earlyHints(k *kit) {
	text := "Status: 103\nLink: </a.css>; rel=preload\n\nContent-Type: text/plain\n\nbody"
	var hints []http.Header
	c := call{behave: "raw", query: query("text", text), hints: func(h http.Header) { hints = append(hints, h) }}
	for range 2 { // the second time nobody takes them
		if got := k.do(c); got.StatusCode != 200 || got.body != "body" {
			k.Errorf("%d %q", got.StatusCode, got.body)
		}
		c.hints = nil
	}
	if len(hints) != 1 || hints[0].Get("Link") != "</a.css>; rel=preload" {
		k.Errorf("hints %v", hints)
	}
}

func bodiesNobodyGets(k *kit) {
	for _, status := range []string{"Status: 204", "Status: 304", "Status: 200"} {
		q := query("body", "a body", "field", status)
		for _, method := range []string{"GET", "HEAD"} {
			if got := k.do(call{method: method, behave: "answer", query: q}); got.err != nil || !strings.HasPrefix(status, fmt.Sprintf("Status: %d", got.StatusCode)) {
				k.Errorf("%s, %s: %d %v", method, status, got.StatusCode, got.err)
			}
		}
	}
}

func exitStatus(k *kit) {
	q := query("body", "whole", "field", "Content-Type: text/plain", "exit", "3")
	if got := k.do(call{behave: "answer", query: q}); got.StatusCode != 200 || got.body != "whole" || got.err != nil {
		k.Errorf("%d %q %v", got.StatusCode, got.body, got.err)
	}
}

func deathBeforeHead(k *kit) {
	for _, text := range []string{"", "Content-Type: text/plain\n"} {
		k.fails(call{behave: "die", query: query("text", text)}, http.StatusBadGateway, "about to die")
	}
}

func deathInTheMiddle(k *kit) {
	for _, text := range []string{"Content-Type: text/plain\n\npart", "Content-Length: 100\n\npart", "Content-Type: text/plain\n\n"} {
		got := k.do(call{behave: "die", query: query("text", text)})
		if got.err == nil || errors.Is(got.err, io.EOF) || !strings.HasSuffix(text, got.body) {
			k.Errorf("%q: %q %v, want an error after what came", text, got.body, got.err)
		}
		if e := gateway.AsError(got.err); e.Status != http.StatusBadGateway {
			k.Errorf("%q: %v with status %d", text, e, e.Status)
		}
	}
}

func standardError(k *kit) {
	few := &record{}
	if got := k.do(call{behave: "noise", query: query("lines", "3"), received: few}); got.body != "quiet\n" || got.err != nil {
		k.Errorf("%q %v", got.body, got.err)
	}
	k.eventually("four lines", func() bool { return len(few.all()) >= 4 })
	lines := few.all()
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "line 0 of noise nnn") || lines[3] != "last line without an end" {
		k.Errorf("%q", lines)
	}
	flood := &record{}
	if got := k.do(call{behave: "noise", query: query("lines", "50000"), received: flood}); got.body != "quiet\n" || got.err != nil {
		k.Errorf("after a flood: %q %v", got.body, got.err)
	}
	k.eventually("a first line of the flood", func() bool { return len(flood.all()) > 0 })
	total := 0
	for _, line := range flood.all() {
		total += len(line)
		if strings.ContainsAny(line, "\n\r") {
			k.Fatalf("a line with a line end: %q", line)
		}
	}
	if total > 2<<20 {
		k.Errorf("%d bytes of standard error were logged", total)
	}
}

// leaving is a context that ends for the given cause when its function is called.
func leaving(cause error) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	return ctx, func() { cancel(cause) }
}

func leavesBeforeHead(k *kit) {
	timeout := &gateway.Error{Status: http.StatusGatewayTimeout, Op: "the cause"}
	for _, tt := range []struct {
		text   string
		cause  error
		status int
	}{{"", nil, gateway.StatusClientClosed}, {"Content-Type: text/plain\n", nil, gateway.StatusClientClosed}, {"", timeout, http.StatusGatewayTimeout}} {
		ctx, leave := leaving(tt.cause)
		time.AfterFunc(50*time.Millisecond, leave)
		k.soon("an answer for who has left", func() {
			e := k.fails(call{behave: "silent", query: query("text", tt.text), ctx: ctx}, tt.status)
			if tt.cause != nil && e != tt.cause {
				k.Errorf("error %v, want the cause itself", e)
			}
		})
	}
}

func leavesInTheMiddle(k *kit) {
	for name, c := range map[string]call{
		"a silent program": {behave: "silent", query: query("text", "Content-Type: text/plain\n\npart")},
		"a writing one":    {behave: "flood"},
	} {
		ctx, leave := leaving(nil)
		c.ctx = ctx
		resp, err := k.Backend.RoundTrip(k.request(c))
		if err != nil {
			k.Fatal(name, err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
			k.Error(name, err)
		}
		time.AfterFunc(20*time.Millisecond, leave)
		k.soon("the end of the answer", func() {
			_, err = io.Copy(io.Discard, resp.Body)
		})
		if gateway.AsError(err) == nil || gateway.AsError(err).Status != gateway.StatusClientClosed {
			k.Errorf("%s: %v", name, err)
		}
		k.soon("Close", func() { resp.Body.Close() })
	}
}

func leftAlready(k *kit) {
	ctx, leave := leaving(nil)
	leave()
	k.fails(call{behave: "silent", ctx: ctx}, gateway.StatusClientClosed)
}

func closesInTheMiddle(k *kit) {
	for _, c := range []call{{behave: "flood"}, {behave: "silent", query: query("text", "A: b\n\npart")}, {method: "POST", behave: "copy", body: endless{}, length: -1}} {
		resp, err := k.Backend.RoundTrip(k.request(c))
		if err != nil {
			k.Fatal(c.behave, err)
		}
		if _, err := resp.Body.Read(make([]byte, 4)); err != nil {
			k.Error(c.behave, err)
		}
		k.soon("Close", func() {
			resp.Body.Close()
			resp.Body.Close()
		})
		if n, err := resp.Body.Read(make([]byte, 4)); n != 0 || err == nil || err == io.EOF {
			k.Errorf("%s: reading after Close: %d %v", c.behave, n, err)
		}
	}
}

// endless is a body without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }
func (endless) Close() error               { return nil }

func closesWhileReading(k *kit) {
	resp, err := k.Backend.RoundTrip(k.request(call{behave: "silent", query: query("text", "A: b\n\n")}))
	if err != nil {
		k.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := resp.Body.Read(make([]byte, 4))
		failed <- err
	}()
	time.Sleep(20 * time.Millisecond) // most likely inside Read by now; the outcome must be the same anyway
	k.soon("Close while another reads", func() {
		resp.Body.Close()
		err = <-failed
	})
	if err == nil || err == io.EOF {
		k.Errorf("Read: %v", err)
	}
}

// brokenBody must not look like a whole one to the program.
func brokenBody(k *kit) {
	for _, behave := range []string{"sum", "copy"} {
		body := io.MultiReader(strings.NewReader("half of it"), errReader{errors.New("the client is gone")})
		resp, err := k.Backend.RoundTrip(k.request(call{method: "POST", behave: behave, body: body, length: 20}))
		if err == nil {
			var text []byte
			text, err = io.ReadAll(resp.Body)
			resp.Body.Close()
			if err == nil {
				k.Errorf("%s: a whole answer to half a body: %q", behave, text)
				continue
			}
		}
		if e := gateway.AsError(err); e.Status != http.StatusBadRequest {
			k.Errorf("%s: status %d: %v", behave, e.Status, err)
		}
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

func clocks(k *kit) {
	var touched atomic.Int64
	req := k.request(call{method: "POST", behave: "copy", body: noiseReader(4, 1<<20), length: 1 << 20, touch: func() { touched.Add(1) }})
	resp, err := k.Backend.RoundTrip(req)
	if err != nil {
		k.Fatal(err)
	}
	tm := req.Timing
	if tm.Started.Before(tm.Begun) || tm.FirstByte.Before(tm.Started) || time.Since(tm.FirstByte) > time.Minute {
		k.Errorf("begun %v, started %v, first byte %v", tm.Begun, tm.Started, tm.FirstByte)
	}
	before := touched.Load()
	if got := k.read(resp); got.err != nil || len(got.body) != 1<<20 {
		k.Errorf("%d bytes, %v", len(got.body), got.err)
	}
	if before == 0 || touched.Load() < before+16 {
		k.Errorf("bytes moved %d times before the head was there and %d times in all", before, touched.Load())
	}
}

func manyAtOnce(k *kit) {
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			n := int64(100 + 977*i)
			got := k.do(call{method: "POST", behave: "sum", body: noiseReader(uint64(i), n), length: n})
			if want := sumOf(noiseReader(uint64(i), n)); got.body != want || got.err != nil {
				k.Errorf("request %d: %q %v, want %q", i, got.body, got.err, want)
			}
		})
	}
	wg.Wait()
}
