package fastcgi

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"gatewayd/gateway/cgispec"
)

func FuzzPairs(f *testing.F) {
	for _, seed := range []string{"", "\x01\x01ab", "\x80\x00\x00\x01\x80\x00\x00\x01ab", "\xff\xff\xff\xff\xff\xff\xff\xff", "\x01", "\x01\x05ab", "\x00\x00", "\x7f\x80\x00\x00", "\x80\x00\x00\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parsePairs(data)
		want, werr := decodePairs(data)
		if (err != nil) != (werr != nil) {
			t.Fatalf("%v, the other says %v", err, werr)
		}
		if err != nil {
			return
		}
		var all []string
		for _, v := range got {
			all = append(all, v.Name+"="+v.Value)
		}
		if !slices.Equal(all, want) {
			t.Fatalf("%q, the other says %q", all, want)
		}
		again, err := parsePairs(pairsOf(got))
		if err != nil || !slices.Equal(again, got) {
			t.Fatalf("there and back: %q %v, want %q", again, err, got)
		}
	})
}

func pairsOf(vars []cgispec.Var) (b []byte) {
	for _, v := range vars {
		b = appendPair(b, v.Name, v.Value)
	}
	return b
}

// FuzzParams: whatever variables there are, an application gets them as they were.
func FuzzParams(f *testing.F) {
	f.Add("NAME", "value", "OTHER", 3)
	f.Add("", "", "", 70000)
	f.Add("N", "v", "M", 65535-6)
	f.Fuzz(func(t *testing.T, a, b, c string, n int) {
		if n < 0 || n > 300_000 {
			return
		}
		vars := []cgispec.Var{{Name: a, Value: b}, {Name: c, Value: strings.Repeat(b+"x", n/(len(b)+1))}, {Name: a, Value: c}}
		var stream []byte
		for r := bytes.NewReader(appendParams(nil, vars)); ; {
			w, err := readWire(r)
			if err != nil || w.kind != 4 || w.id != 1 {
				t.Fatal(w, err)
			}
			if stream = append(stream, w.content...); len(w.content) == 0 {
				if r.Len() > 0 {
					t.Fatal("more after the end")
				}
				break
			}
		}
		got, err := decodePairs(stream)
		if want := []string{a + "=" + b, c + "=" + vars[1].Value, a + "=" + c}; err != nil || !slices.Equal(got, want) {
			t.Fatalf("%.300q %v", got, err)
		}
	})
}

// understood is what an exchange makes of an application's bytes.
type understood struct {
	stdout, stderr, end string
}

// understand reads records as an exchange does, without a connection. The bytes come in pieces of the given size.
func understand(data []byte, size int) (u understood) {
	x := &exchange{touch: func() {}, in: new(reader)}
	lines := []string{}
	x.log = func(line string) { lines = append(lines, line) }
	x.in.reset(&sizedReader{bytes.NewReader(data), size})
	buf := make([]byte, 100)
	for x.last == nil {
		n, _ := x.readStdout(buf)
		u.stdout += string(buf[:n])
	}
	if x.errs != nil {
		x.errs.End()
	}
	u.stderr = strings.Join(lines, "\n")
	switch last := x.last.(type) {
	case *statusError:
		u.end = fmt.Sprintf("status %d", last.status)
	case *protocolError:
		u.end = "fault"
	default:
		if u.end = "broken"; last == io.EOF {
			u.end = "end"
		}
	}
	return u
}

type sizedReader struct {
	r    io.Reader
	size int
}

func (s *sizedReader) Read(p []byte) (int, error) { return s.r.Read(p[:min(len(p), s.size)]) }

// otherwise is what the specification makes of an application's bytes, read once more and in another way.
func otherwise(data []byte) (u understood) {
	defer func() { u.stderr = strings.TrimSuffix(u.stderr, "\n") }()
	stdoutOver, management := false, 0
	for len(data) >= 8 {
		kind, id := data[1], int(data[2])<<8+int(data[3])
		content, padding := int(data[4])<<8+int(data[5]), int(data[6])
		legal := data[0] == 1 && (kind >= 9 && id == 0 && content <= 8192 || id == 1 && (kind == 6 || kind == 7 || kind == 3 && content == 8))
		if kind >= 9 {
			management += 8 + content + padding
		}
		if !legal || management > 65536 || kind == 6 && content > 0 && stdoutOver {
			u.end = "fault"
			return u
		}
		data = data[8:]
		have := data[:min(content, len(data))]
		switch kind {
		case 6:
			stdoutOver = content == 0
			u.stdout += string(have)
		case 7:
			u.stderr += string(have)
		case 3:
			if len(have) == 8 {
				if u.end = "end"; have[4] != 0 {
					u.end = fmt.Sprintf("status %d", have[4])
				}
				return u
			}
		}
		data = data[min(len(data), content+padding):]
	}
	u.end = "broken"
	return u
}

// FuzzAnswer: two readings of the specification agree, however the bytes come.
func FuzzAnswer(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a.wire), uint8(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint8) {
		want := otherwise(data)
		if bytes.ContainsAny([]byte(want.stderr), "\r\n") || len(want.stderr) > 8000 {
			want.stderr = "" // what becomes of lines is package stderr's to say
		}
		for _, n := range []int{1, int(size) + 1, 1 << 20} {
			got := understand(data, n)
			if want.stderr == "" {
				got.stderr = ""
			}
			if got != want {
				t.Fatalf("in pieces of %d bytes: %.300q, the other reading says %.300q", n, got, want)
			}
		}
	})
}

// FuzzUntilEnd: an answer that is said to be here as a whole can be read without another byte.
func FuzzUntilEnd(f *testing.F) {
	for _, a := range answers {
		f.Add([]byte(a.wire), uint16(50))
	}
	f.Fuzz(func(t *testing.T, data []byte, take uint16) {
		if len(data) == 0 || len(data) > readBuffer {
			return
		}
		x := &exchange{touch: func() {}, in: new(reader), out: bufio.NewReader(nil)}
		x.in.reset(bytes.NewReader(data))
		x.readStdout(make([]byte, take))
		n, ok := x.in.untilEnd(readBuffer)
		if !ok || x.last != nil {
			return
		}
		x.in.src = nobody{}
		got := 0
		for buf := make([]byte, 1000); x.last == nil; {
			m, _ := x.readStdout(buf)
			got += m
		}
		if x.last == io.EOF && got != n {
			t.Fatalf("%d bytes, %d were announced", got, n)
		}
	})
}

// nobody must not be asked for another byte.
type nobody struct{}

func (nobody) Read([]byte) (int, error) { panic("another byte is waited for") }
