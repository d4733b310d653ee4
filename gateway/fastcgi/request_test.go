package fastcgi

import (
	"bytes"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
)

// inMemory is a body that can hand out all of its bytes at once.
type inMemory struct {
	io.Reader
	data []byte
}

func memory(data []byte) inMemory { return inMemory{bytes.NewReader(data), data} }
func (m inMemory) Bytes() []byte  { return m.data }
func (m inMemory) Close() error   { return nil }

// capture makes one request and gives what an application gets of it.
func capture(t *testing.T, opt Options, keep int, method string, body io.Reader) (records []wire) {
	t.Helper()
	got := make(chan []wire, 1)
	f := newFake(t, opt, keep, func(_ int, c net.Conn) {
		records, ok := takeRequest(c)
		if !ok {
			t.Error("the request has no end")
		}
		got <- records
		sendPieces(c, []string{out(plainHead) + end()})
		io.Copy(io.Discard, c)
	})
	if answer := f.do(f.request(method, body)); answer != "200 " {
		t.Fatal(answer)
	}
	return <-got
}

// stream is what records of a kind hold together; each but the last must hold something, and the last must not.
func stream(t *testing.T, records []wire, kind byte) []byte {
	t.Helper()
	var all []byte
	ended := false
	for _, w := range records {
		if w.kind != kind {
			continue
		}
		if ended {
			t.Fatalf("a record of type %d after the end of its stream", kind)
		}
		ended = len(w.content) == 0
		all = append(all, w.content...)
	}
	if !ended {
		t.Fatalf("the stream of type %d has no end", kind)
	}
	return all
}

func TestRequestOnTheWire(t *testing.T) {
	for keep, flags := range []byte{0, 1} {
		records := capture(t, Options{}, keep, "GET", nil)
		kinds := ""
		for _, w := range records {
			kinds += string('0' + rune(w.kind))
			if w.id != 1 {
				t.Errorf("request id %d", w.id)
			}
		}
		if kinds != "1445" || !bytes.Equal(records[0].content, []byte{0, 1, flags, 0, 0, 0, 0, 0}) {
			t.Errorf("records %s, begun by % x", kinds, records[0].content)
		}
		stream(t, records, 4)
		if body := stream(t, records, 5); len(body) != 0 {
			t.Errorf("a body of %d bytes", len(body))
		}
	}
}

// Bodies are full of what looks like records, wherever they may be cut.
func TestBodiesOnTheWire(t *testing.T) {
	forged := rec(5, 1, "", 0) + rec(1, 1, "\x00\x01\x01\x00\x00\x00\x00\x00", 0) + rec(4, 1, "\x0f\x09SCRIPT_FILENAME/evil.php", 0)
	for _, n := range []int{0, 1, 7, 127, 128, 8191, 65527, 65528, 65529, 65535, 65536, 65537, 131071, 131072, 131073, 3_000_000} {
		body := []byte(strings.Repeat(forged, n/len(forged)+1))[:n]
		for name, r := range map[string]io.Reader{
			"a stream": bytes.NewReader(body), "in memory": memory(body), "in pieces": &pieceReader{body, 1000},
		} {
			if n > 1_000_000 && name == "in pieces" {
				continue
			}
			records := capture(t, Options{}, 0, "POST", r)
			if got := stream(t, records, 5); !bytes.Equal(got, body) {
				t.Errorf("%d bytes, %s: %d bytes, and others", n, name, len(got))
			}
		}
	}
}

// pieceReader gives so many bytes at a time, and the end together with the last.
type pieceReader struct {
	left []byte
	size int
}

func (r *pieceReader) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), r.size)], r.left)
	if r.left = r.left[n:]; len(r.left) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// A small request is there as a whole: the application need not wait for more.
func TestSmallRequestIsOneWrite(t *testing.T) {
	for name, body := range map[string]io.Reader{"no body": nil, "a body in memory": memory(bytes.Repeat([]byte("b"), 60_000))} {
		f := newFake(t, Options{}, 0, func(_ int, c net.Conn) {
			buf := make([]byte, 200_000)
			n, err := c.Read(buf)
			if records, ok := takeRequest(&readConn{c, bytes.NewReader(buf[:n])}); !ok || err != nil {
				t.Errorf("%s: the first %d bytes are no whole request: %d records, %v", name, n, len(records), err)
			}
			sendPieces(c, []string{out(plainHead) + end()})
		})
		if got := f.do(f.request("POST", body)); got != "200 " {
			t.Error(got)
		}
	}
}

type readConn struct {
	net.Conn
	r io.Reader
}

func (c *readConn) Read(p []byte) (int, error) { return c.r.Read(p) }

func TestParams(t *testing.T) {
	for name, sizes := range map[string][]int{
		"small": {0, 1, 126, 127, 128, 129}, "medium": {6000, 255, 256, 65000}, "more than a record": {30000, 30000, 30000, 30000, 5},
		"one as large as a record": {65535 - 4 - 1 - 5}, "one byte more": {65535 - 4 - 1 - 4}, "one larger than two records": {3, 200_000, 3},
	} {
		var vars []cgispec.Var
		var want []string
		for i, n := range sizes {
			v := cgispec.Var{Name: "NAME" + string('A'+rune(i)), Value: strings.Repeat("v", n)}
			vars = append(vars, v)
			want = append(want, v.Name+"="+v.Value)
		}
		vars = append(vars, cgispec.Var{Name: strings.Repeat("N", 207), Value: "v"})
		want = append(want, strings.Repeat("N", 207)+"=v")
		var records []wire
		for r := bytes.NewReader(appendParams(nil, vars)); r.Len() > 0; {
			w, err := readWire(r)
			if err != nil {
				t.Fatal(name, err)
			}
			if _, err := decodePairs(w.content); err != nil && !strings.Contains(name, "byte more") && !strings.Contains(name, "larger than") {
				t.Errorf("%s: a pair is split between records: %v", name, err)
			}
			records = append(records, w)
		}
		got, err := decodePairs(stream(t, records, 4))
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %d variables, %v", name, len(got), err)
		}
	}
}

func TestOversizedRecordIsNeverMade(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a record of 65536 bytes has been made")
		}
	}()
	appendRecord(nil, typeStdin, 1, make([]byte, 65536))
}

// A body that breaks off never gets an end, whatever it was.
func TestBrokenBodyHasNoEnd(t *testing.T) {
	leaves(t)
	for name, body := range map[string]io.Reader{
		"at once":  failing{},
		"later on": io.MultiReader(strings.NewReader(strings.Repeat("b", 100_000)), failing{}),
	} {
		kinds := make(chan string, 1)
		f := newFake(t, Options{}, 1, func(_ int, c net.Conn) {
			records, whole := takeRequest(c)
			if whole {
				t.Errorf("%s: the body has an end", name)
			}
			all := ""
			for _, w := range records {
				all += string('0' + rune(w.kind))
			}
			kinds <- all
		})
		f.wants(f.do(f.request("POST", body)), "400: fastcgi: send the request body for /srv/app.fcgi: read the body: broken")
		f.wantEnded("abandoned")
		if got := <-kinds; !strings.HasPrefix(got, "144") || !strings.HasSuffix(got, "2") {
			t.Errorf("%s: records %s; want ABORT_REQUEST as the last", name, got)
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken") }

func TestWorkerRoot(t *testing.T) {
	for _, tt := range []struct{ root, workerRoot, file, script, translated, documents string }{
		{"/srv/blog", "", "/srv/blog/a.php", "/srv/blog/a.php", "/srv/blog/path", "/srv/blog"},
		{"/srv/blog", "/srv/blog", "/srv/blog/a.php", "/srv/blog/a.php", "/srv/blog/path", "/srv/blog"},
		{"/srv/blog", "/var/www", "/srv/blog/a.php", "/var/www/a.php", "/var/www/path", "/var/www"},
		{"/srv/blog", "/", "/srv/blog/b/a.php", "/b/a.php", "/path", "/"},
		{"/", "/host", "/srv/a.php", "/host/srv/a.php", "/host/path", "/host"},
		{"/srv/blog", "/var/www", "/srv/blogs/a.php", "/srv/blogs/a.php", "/var/www/path", "/var/www"},
	} {
		b := New(Options{Root: tt.root, WorkerRoot: tt.workerRoot})
		req := plainRequest(t.Context())
		req.Script.Filename, req.Script.Root = tt.file, tt.root
		got := map[string]string{}
		for _, v := range b.vars(nil, req) {
			got[v.Name] = v.Value
		}
		if got["SCRIPT_FILENAME"] != tt.script || got["PATH_TRANSLATED"] != tt.translated || got["DOCUMENT_ROOT"] != tt.documents {
			t.Errorf("%+v: %s, %s, %s", tt, got["SCRIPT_FILENAME"], got["PATH_TRANSLATED"], got["DOCUMENT_ROOT"])
		}
		if req.Script.Filename != tt.file {
			t.Error("the request itself was changed")
		}
	}
}

func TestSetup(t *testing.T) {
	c := &config.FastCGI{Root: "/srv", WorkerRoot: "/www", Ext: []string{".php"}, MaxHeader: 1, ConnectTimeout: 2, StopTimeout: 3}
	got := Setup(c, &config.Options{Env: map[string]string{"A": "b"}}, "software")
	if got.Root != "/srv" || got.WorkerRoot != "/www" || got.MaxHeader != 1 || got.ConnectTimeout != 2 || got.StopTimeout != 3 || !got.Script ||
		got.Env.Software != "software" || len(got.Env.Set) != 1 {
		t.Errorf("%+v", got)
	}
	b := New(Options{})
	if b.opt.ConnectTimeout != 5*time.Second || b.opt.StopTimeout != 2*time.Second || b.opt.MaxHeader != 64<<10 {
		t.Errorf("defaults %+v", b.opt)
	}
}
