package backendtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func answerSizes(k *kit) {
	for _, n := range []int{0, 1, 4095, 4096, 4097, 65535, 65536, 65537, 131073} {
		want := sumOf(printed(n))
		for _, how := range []string{"whole", "split"} { // the head with the first bytes of the body, or before them
			got := k.do(call{behave: "bytes", query: query("n", fmt.Sprint(n), "write", how)})
			if got.err != nil || sumOf(strings.NewReader(got.body)) != want {
				k.Errorf("%d bytes, %s: %d bytes, %v", n, how, len(got.body), got.err)
			}
		}
	}
}

func answerInBytes(k *kit) {
	got := k.do(call{behave: "drip", query: query("n", "5000")})
	if got.err != nil || sumOf(strings.NewReader(got.body)) != sumOf(printed(5000)) {
		k.Errorf("%d bytes, %v", len(got.body), got.err)
	}
}

// brokenWriter takes so many bytes.
type brokenWriter struct{ left int }

var errBrokenWriter = errors.New("the client takes no more")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errBrokenWriter
	}
	return len(p), nil
}

// writerTo is for a Body that knows a shorter way than being read; others have nothing to show.
func writerTo(k *kit) {
	resp := k.start(call{behave: "bytes", query: query("n", "300000", "write", "split")})
	defer resp.Body.Close()
	w, ok := resp.Body.(io.WriterTo)
	if !ok {
		return
	}
	var all bytes.Buffer
	if _, err := io.CopyN(&all, resp.Body, 1000); err != nil { // some may have been read before
		k.Fatal(err)
	}
	if n, err := w.WriteTo(&all); err != nil || n != 299_000 || sumOf(&all) != sumOf(printed(300_000)) {
		k.Errorf("%d bytes, %v", n, err)
	}
	if n, err := w.WriteTo(&all); n != 0 || err != nil {
		k.Errorf("at the end: %d bytes, %v", n, err)
	}
	endless := k.start(call{behave: "flood"})
	if n, err := endless.Body.(io.WriterTo).WriteTo(&brokenWriter{left: 200_000}); err != errBrokenWriter || n > 200_000 {
		k.Errorf("into a writer that breaks: %d bytes, %v", n, err)
	}
	k.soon("Close", func() { endless.Body.Close() })
}

// slowReader: while nobody reads, the program waits and its answer is nowhere in memory; that it had to wait takes
// nothing from the answer.
func slowReader(k *kit) {
	const n, atMost = 32 << 20, 8 << 20
	before := heap()
	resp := k.start(call{behave: "bytes", query: query("n", fmt.Sprint(n), "write", "split")})
	defer resp.Body.Close()
	naps := 0
	slow := readerFunc(func(p []byte) (int, error) {
		if naps++; naps <= 10 {
			time.Sleep(20 * time.Millisecond) // is what a slow client is like
			if grown := heap() - before; grown > atMost {
				k.Errorf("%d bytes of an answer that nobody has read are kept", grown)
			}
		}
		return resp.Body.Read(p)
	})
	if got, want := sumOf(slow), sumOf(printed(n)); got != want {
		k.Errorf("%s, want %s", got, want)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func standardError(k *kit) {
	few := &record{}
	if got := k.do(call{behave: "noise", query: query("lines", "3", "when", "before"), received: few}); got.body != quiet || got.err != nil {
		k.Errorf("%q %v", got.body, got.err)
	}
	k.eventually("four lines", func() bool { return len(few.all()) >= 4 })
	lines := few.all()
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "line 0 of noise nnn") || lines[3] != "last line without an end" {
		k.Errorf("%q", lines)
	}
}

// standardErrorFlood is more than anyone wants to have logged, at every time. The answer comes through it whole.
func standardErrorFlood(k *kit) {
	for _, when := range []string{"before", "while", "after"} {
		flood := &record{}
		if got := k.do(call{behave: "noise", query: query("lines", "50000", "when", when), received: flood}); got.body != quiet || got.err != nil {
			k.Errorf("%s the answer: %q %v", when, got.body, got.err)
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
			k.Errorf("%s the answer: %d bytes of standard error were logged", when, total)
		}
	}
}

// clocks: the idle clock hears of bytes in both directions, each by itself.
func clocks(k *kit) {
	const some = 4 // however large the pieces are, there are more of them
	var touched atomic.Int64
	touch := func() { touched.Add(1) }
	req := k.request(call{behave: "bytes", query: query("n", fmt.Sprint(1<<20), "write", "split"), touch: touch})
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
	if after := touched.Load(); before == 0 || after < before+some {
		k.Errorf("the clock was touched %d times before the head was there and %d times in all", before, after)
	}
	k.failedTimes()

	touched.Store(0)
	k.do(call{method: "POST", behave: "sum", body: noiseReader(4, 1<<20), length: 1 << 20, touch: touch})
	if touched.Load() < some {
		k.Errorf("the clock was touched %d times while the body was sent", touched.Load())
	}
}

// failedTimes: what fails has been started, and has had no first byte.
func (k *kit) failedTimes() {
	req := k.request(call{behave: "raw", query: query("text", "no head\n")})
	k.failsFor(req, http.StatusBadGateway)
	if tm := req.Timing; tm.Started.Before(tm.Begun) || !tm.FirstByte.IsZero() {
		k.Errorf("a bad head: begun %v, started %v, first byte %v", tm.Begun, tm.Started, tm.FirstByte)
	}
}

// manyAtOnce has 200 requests, as many of them at once as the application takes. Those go half of their way, and only
// when all are there the rest.
func manyAtOnce(k *kit) {
	const total = 200
	atOnce := total
	if k.AtOnce > 0 {
		atOnce = min(total, k.AtOnce)
	}
	for done := 0; done < total; done += atOnce {
		var halfway, ended sync.WaitGroup
		n := min(atOnce, total-done)
		halfway.Add(n)
		for i := range n {
			ended.Go(func() {
				if err := k.conversation(done+i, &halfway); err != nil {
					k.Errorf("request %d: %v", done+i, err)
				}
			})
		}
		ended.Wait()
	}
}

// conversation is one request that must get its own body back, and its own variables' values in its head.
func (k *kit) conversation(number int, halfway *sync.WaitGroup) error {
	arrive := sync.OnceFunc(halfway.Done)
	defer arrive()
	r, w := io.Pipe()
	defer w.CloseWithError(io.ErrUnexpectedEOF)
	resp, err := k.Backend.RoundTrip(k.request(call{method: "POST", behave: "copy", query: query("number", fmt.Sprint(number)), body: r, length: -1}))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("X-Query"); got != fmt.Sprintf("number=%d", number) {
		return fmt.Errorf("the answer to %q", got)
	}
	half := fmt.Sprintf("first half of %d\n", number)
	go io.WriteString(w, half)
	got := make([]byte, len(half))
	if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != half {
		return fmt.Errorf("%q, %v", got, err)
	}
	arrive()
	halfway.Wait()
	n := int64(100 + 977*number)
	go func() {
		io.Copy(w, noiseReader(uint64(number), n))
		w.Close()
	}()
	if got, want := sumOf(resp.Body), sumOf(noiseReader(uint64(number), n)); got != want {
		return fmt.Errorf("%q, want %q", got, want)
	}
	return nil
}
