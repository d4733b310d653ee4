package backendtest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
)

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

// noiseReader is n bytes that do not repeat, the same for the same seed.
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
	unknown := call{method: "POST", behave: "sum", body: noiseReader(1, 200_000), length: -1}
	if got := k.do(unknown); got.err != nil || got.body != sumOf(noiseReader(1, 200_000)) {
		k.Errorf("unknown length: %q %v", got.body, got.err)
	}
	if got := k.do(call{behave: "sum"}); got.body != sumOf(strings.NewReader("")) {
		k.Errorf("no body: %q", got.body)
	}
}

// large is more than all that pipes and sockets between here and the program can hold.
const large = 16 << 20

func bothWays(k *kit) {
	resp := k.start(call{method: "POST", behave: "copy", body: noiseReader(2, large), length: large})
	defer resp.Body.Close()
	if got, want := sumOf(resp.Body), sumOf(noiseReader(2, large)); got != want {
		k.Errorf("got %s, want %s", got, want)
	}
}

// answerFirst is a program that prints more than fits anywhere before it reads any of a body that does not fit either.
func answerFirst(k *kit) {
	resp := k.start(call{method: "POST", behave: "first", query: query("n", fmt.Sprint(large)), body: noiseReader(5, large), length: large})
	defer resp.Body.Close()
	if got, want := sumOf(io.LimitReader(resp.Body, large)), sumOf(printed(large)); got != want {
		k.Errorf("the first part is %s, want %s", got, want)
	}
	if got, want := k.read(resp), sumOf(noiseReader(5, large)); got.body != want || got.err != nil {
		k.Errorf("the second part is %q %v, want %q", got.body, got.err, want)
	}
}

// dialogue sends the next piece only when the last one has come back: whoever holds back a byte waits for ever.
func dialogue(k *kit) {
	r, w := io.Pipe()
	var resp *http.Response
	k.soon("the head, while the body goes on", func() {
		resp = k.start(call{method: "POST", behave: "copy", body: r, length: -1})
	})
	defer resp.Body.Close()
	for i := range 20 {
		piece := fmt.Sprintf("piece %d\n", i)
		got := make([]byte, len(piece))
		var err error
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
		c := call{method: "POST", behave: "early", query: query("size", fmt.Sprint(size)), body: noiseReader(3, large), length: large}
		if got := k.do(c); got.StatusCode != 413 || got.err != nil || got.body != strings.Repeat("e", size) {
			k.Errorf("status %d, %d bytes, %v; want 413 and %d bytes", got.StatusCode, len(got.body), got.err, size)
		}
	}
}

// earlyAnswerToSilence: the answer is whole when the program says so, whether the client has sent its body or not. That
// the body breaks off afterwards changes nothing.
func earlyAnswerToSilence(k *kit) {
	r, w := io.Pipe()
	k.soon("the whole answer", func() {
		if got := k.do(call{method: "POST", behave: "early", query: query("size", "10"), body: r, length: 20}); got.StatusCode != 413 || got.err != nil || got.body != "eeeeeeeeee" {
			k.Errorf("status %d, %q %v", got.StatusCode, got.body, got.err)
		}
	})
	w.CloseWithError(io.ErrUnexpectedEOF)
}

// brokenBody must not look like a whole one to the program.
func brokenBody(k *kit) {
	for _, behave := range []string{"sum", "copy"} {
		body := io.MultiReader(strings.NewReader("half of it"), errReader{errors.New("the client is gone")})
		k.halfBody(call{method: "POST", behave: behave, body: body, length: 20}, http.StatusBadRequest)
	}
	late := &gateway.Error{Status: http.StatusRequestTimeout, Op: "a body with a status of its own"}
	k.halfBody(call{method: "POST", behave: "sum", body: errReader{late}, length: 20}, http.StatusRequestTimeout)
}

// halfBody makes a call whose body breaks off: it must fail, with the status, before or after its head.
func (k *kit) halfBody(c call, status int) {
	k.Helper()
	resp, err := k.Backend.RoundTrip(k.request(c))
	if err == nil {
		got := k.read(resp)
		if err = got.err; err == nil {
			k.Errorf("%s: a whole answer to half a body: %q", c.behave, got.body)
			return
		}
	}
	if e := gateway.AsError(err); e.Status != status {
		k.Errorf("%s: status %d: %v; want %d", c.behave, e.Status, e, status)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// stalledBody is half a body, then nothing, and then its end, when the program has half answered.
func stalledBody(k *kit) {
	r, w := io.Pipe()
	resp := k.start(call{method: "POST", behave: "copy", body: r, length: 20})
	defer resp.Body.Close()
	got := make([]byte, 10)
	io.WriteString(w, "half of it")
	if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != "half of it" {
		k.Fatalf("%q %v", got, err)
	}
	w.CloseWithError(io.ErrUnexpectedEOF)
	k.soon("the end of the answer", func() {
		rest, err := io.ReadAll(resp.Body)
		if e := gateway.AsError(err); e == nil || e.Status != http.StatusBadRequest {
			k.Errorf("%q, then %v; want an error with status 400", rest, err)
		}
	})
}
