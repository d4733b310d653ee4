package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// scan gives b to a chunked Body in pieces of n bytes. n bytes were taken; refused bytes are not counted.
func scan(b []byte, n int) (taken int, done bool, err *Refusal) {
	body := newBody(&framing{length: noLength, coding: chunked}, 5)
	for taken < len(b) && err == nil && !body.Done() {
		end := min(taken+n, len(b))
		var used int
		used, err = takeAll(&body, b[taken:end])
		taken += used
	}
	return taken, body.Done(), err
}

// takeAll takes what there is of a body at the start of p.
func takeAll(body *Body, p []byte) (taken int, err *Refusal) {
	for taken < len(p) && !body.Done() && err == nil {
		n := int(min(body.Content(), int64(len(p)-taken)))
		body.Take(n)
		taken += n
		n, err = body.Framing(p[taken:])
		taken += n
	}
	return taken, err
}

func TestChunked(t *testing.T) {
	const whole, more, refused = 1, 0, -1
	for _, test := range []struct {
		name, text string
		want       int
	}{
		{"empty", "0\r\n\r\n", whole},
		{"one chunk", "5\r\nhello\r\n0\r\n\r\n", whole},
		{"hexadecimal", "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", whole},
		{"leading zeros", "0000000000000005\r\nhello\r\n0000\r\n\r\n", whole},
		{"CRLF in the data", "4\r\n\r\n\r\n\r\n0\r\n\r\n", whole},
		{"extensions", "1;a\r\nx\r\n1;a=b;c=\"d;\\\" e\"; f = g \r\nx\r\n0;last\r\n\r\n", whole},
		{"trailer", "1\r\nx\r\n0\r\nX-A: b\r\nContent-Length: 5\r\n\r\n", whole},
		{"as many trailer fields as may be", "0\r\n" + strings.Repeat("X: y\r\n", 5) + "\r\n", whole},
		{"trailer as long as may be", "0\r\nX: " + strings.Repeat("y", maxTrailer-7) + "\r\n\r\n", whole},
		{"longest size line", "1;" + strings.Repeat("x", maxChunkLine-4) + "\r\nx\r\n0\r\n\r\n", whole},
		{"no size yet", "5", more},
		{"no data yet", "5\r\n", more},
		{"part of the data", "5\r\nhel", more},
		{"no last chunk", "5\r\nhello\r\n", more},
		{"no end", "5\r\nhello\r\n0\r\n", more},
		{"no end of the trailer", "0\r\nX: y\r\n", more},
		{"no size", "\r\nhello\r\n0\r\n\r\n", refused},
		{"size is no number", "x\r\nhello\r\n0\r\n\r\n", refused},
		{"0x", "0x5\r\nhello\r\n0\r\n\r\n", refused},
		{"sign", "+5\r\nhello\r\n0\r\n\r\n", refused},
		{"underscore", "1_0\r\n0123456789abcdef\r\n0\r\n\r\n", refused},
		{"blank before", " 5\r\nhello\r\n0\r\n\r\n", refused},
		{"blank after", "5 \r\nhello\r\n0\r\n\r\n", refused},
		{"blank before the extension", "5 ;a\r\nhello\r\n0\r\n\r\n", refused},
		{"LF after the size", "5\nhello\r\n0\r\n\r\n", refused},
		{"CR after the size", "5\rhello\r\n0\r\n\r\n", refused},
		{"LF after the data", "5\r\nhello\n0\r\n\r\n", refused},
		{"CR after the data", "5\r\nhello\r0\r\n\r\n", refused},
		{"nothing after the data", "5\r\nhello0\r\n\r\n", refused},
		{"data too long", "4\r\nhello\r\n0\r\n\r\n", refused},
		{"data too short", "6\r\nhello\r\n0\r\n\r\n", refused},
		{"LF at the end", "0\r\n\n", refused},
		{"no name in the extension", "5;\r\nhello\r\n0\r\n\r\n", refused},
		{"no value in the extension", "5;a=\r\nhello\r\n0\r\n\r\n", refused},
		{"open string in the extension", "5;a=\"b\r\nhello\r\n0\r\n\r\n", refused},
		{"open pair in the extension", "5;a=\"b\\\r\nhello\r\n0\r\n\r\n", refused},
		{"NUL in the extension", "5;a=\"\x00\"\r\nhello\r\n0\r\n\r\n", refused},
		{"size line too long", "1;" + strings.Repeat("x", maxChunkLine-3) + "\r\nx\r\n0\r\n\r\n", refused},
		{"2^60", "1000000000000000\r\n", refused},
		{"2^64", "10000000000000000\r\n", refused},
		{"2^64+5", "10000000000000005\r\nhello\r\n0\r\n\r\n", refused},
		{"17 digits", "00000000000000005\r\nhello\r\n0\r\n\r\n", refused},
		{"folded trailer", "0\r\nX: a\r\n b\r\n\r\n", refused},
		{"trailer without a colon", "0\r\nX\r\n\r\n", refused},
		{"trailer without a name", "0\r\n: x\r\n\r\n", refused},
		{"blank before the colon", "0\r\nX : x\r\n\r\n", refused},
		{"NUL in the trailer", "0\r\nX: \x00\r\n\r\n", refused},
		{"too many trailer fields", "0\r\n" + strings.Repeat("X: y\r\n", 6) + "\r\n", refused},
		{"trailer too long", "0\r\nX: " + strings.Repeat("y", maxTrailer-6) + "\r\n\r\n", refused},
		{"much framing", strings.Repeat("1;"+strings.Repeat("x", 200)+"\r\nx\r\n", 60) + "0\r\n\r\n", refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := []byte(test.text)
			taken, done, err := scan(b, len(b))
			got := more
			if done {
				got = whole
			}
			if err != nil {
				got = refused
			}
			if got != test.want || err == nil && taken != len(b) {
				t.Fatalf("%d bytes taken, done %v, %v", taken, done, err)
			}
			for _, n := range []int{1, 2, 3, 5} {
				if _, done2, err2 := scan(b, n); done2 != done || (err2 == nil) != (err == nil) || err != nil && *err2 != *err {
					t.Errorf("in pieces of %d bytes: %v, %v; at once: %v, %v", n, done2, err2, done, err)
				}
			}
			if done {
				if taken, _, _ := scan(append(bytes.Clone(b), "GET / HTTP/1.1\r\n"...), 1000); taken != len(b) {
					t.Errorf("%d bytes taken of %d and the next request", taken, len(b))
				}
			}
		})
	}
}

// One byte in each chunk is as much framing as an honest sender makes.
func TestSmallChunks(t *testing.T) {
	b := []byte(strings.Repeat("1\r\nx\r\n", 100_000) + "0\r\n\r\n")
	if taken, done, err := scan(b, 4096); taken != len(b) || !done || err != nil {
		t.Errorf("%d of %d bytes, %v", taken, len(b), err)
	}
}

func TestContentLength(t *testing.T) {
	body := newBody(&framing{length: 10}, 5)
	for _, step := range []struct {
		text string
		want int
		done bool
	}{{"", 0, false}, {"123", 3, false}, {"456789", 6, false}, {"0GET", 1, true}, {"GET", 0, true}} {
		if n, err := takeAll(&body, []byte(step.text)); n != step.want || err != nil || body.Done() != step.done {
			t.Errorf("%q: %d, %v, done %v", step.text, n, err, body.Done())
		}
	}
	for _, none := range []framing{{length: noLength}, {length: 0}} {
		if body := newBody(&none, 5); !body.Done() {
			t.Errorf("%+v: a body", none)
		}
	}
}

var bodies = []string{
	"0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "5;a=b;c=\"d\\\"\"\r\nhello\r\n0\r\nX-A: b\r\n\r\nGET / HTTP/1.1\r\n", "a\r\n0123456789\r\n00\r\n\r\n",
	"5 ;x\r\nhello\r\n0\r\n\r\n", "5\nhello\n0\n\n", "5\r\nhello\n0\r\n\r\n", "0\r\nX: a\r\n b\r\n\r\n", "fffffffffffffff\r\nx", "0\r\nX : y\r\n\r\n", "1\r\nx\r\n\r\n\r\n",
}

// FuzzChunked: the pieces make no difference, and what is taken net/http decodes, to an end at the same byte.
func FuzzChunked(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body), 3)
	}
	f.Fuzz(func(t *testing.T, b []byte, piece int) {
		taken, done, err := scan(b, max(1, len(b)))
		taken2, done2, err2 := scan(b, 1+piece&63)
		if done != done2 || (err == nil) != (err2 == nil) || err != nil && *err != *err2 || err == nil && taken != taken2 {
			t.Fatalf("at once: %d, %v, %v\nin pieces: %d, %v, %v", taken, done, err, taken2, done2, err2)
		}
		end, readErr := readChunked(b)
		switch {
		case done && (readErr != nil || end != taken):
			t.Fatalf("done after %d bytes, net/http after %d: %v", taken, end, readErr)
		case err == nil && !done && !errors.Is(readErr, io.ErrUnexpectedEOF) && !isTrailerEOF(readErr):
			t.Fatalf("nothing wrong so far, says http1; net/http: %v", readErr)
		}
	})
}

// readChunked lets net/http read a chunked body and says at which byte it ended.
func readChunked(b []byte) (end int, err error) {
	const head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
	src := bytes.NewReader(append([]byte(head), b...))
	buffered := bufio.NewReader(src)
	req, err := http.ReadRequest(buffered)
	if err != nil {
		return 0, fmt.Errorf("the head: %w", err)
	}
	_, err = io.Copy(io.Discard, req.Body)
	return len(b) - src.Len() - buffered.Buffered(), err
}

// isTrailerEOF finds an error of net/http that has no name outside of it.
func isTrailerEOF(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "EOF reading trailer") || strings.Contains(err.Error(), "suspiciously long trailer"))
}

func BenchmarkChunked(b *testing.B) {
	text := []byte(strings.Repeat("1000\r\n"+strings.Repeat("x", 4096)+"\r\n", 16) + "0\r\n\r\n")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, done, err := scan(text, len(text)); !done || err != nil {
			b.Fatal(err)
		}
	}
}
