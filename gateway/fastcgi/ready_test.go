package fastcgi

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		answered     bool
		words        string // of the error; "" for none
	}{
		{"libfcgi", rec(10, 0, "\x0e\x01FCGI_MAX_CONNS1\x0d\x01FCGI_MAX_REQS1\x0f\x01FCGI_MPXS_CONNS0", 4), true, ""},
		{"nothing known", rec(10, 0, "", 0), true, ""},
		{"unknown type", rec(11, 0, "\x09\x00\x00\x00\x00\x00\x00\x00", 0), true, ""},
		{"no answer", "", false, ""},
		{"half an answer", rec(10, 0, "", 0)[:5], false, ""},
		{"a CGI answer", "Content-Type: text/html\n\n", false, "the answer to FCGI_GET_VALUES is not FastCGI: version 67, not 1"},
		{"an answer to nothing", out("text"), false, "STDOUT is no answer"},
		{"bad pairs", rec(10, 0, "\x0e\xff\xff\xff\xffFCGI_MAX_CONNS", 0), false, "name-value pairs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ours, theirs := net.Pipe()
			defer ours.Close()
			go func() {
				defer theirs.Close()
				w, err := readWire(theirs)
				names, perr := decodePairs(w.content)
				if err != nil || perr != nil || w.kind != 9 || w.id != 0 || strings.Join(names, " ") != "FCGI_MAX_CONNS= FCGI_MAX_REQS= FCGI_MPXS_CONNS=" {
					t.Errorf("asked %+v %q %v %v", w, names, err, perr)
				}
				if w, err := readWire(theirs); err != nil || w.kind != 9 || w.id != 0 || len(w.content) != 0 {
					t.Errorf("the end of the question is %+v %v", w, err)
				}
				if tt.answer != "" {
					io.WriteString(theirs, tt.answer)
				}
			}()
			answered, err := Ready(t.Context(), ours)
			if answered != tt.answered || (err != nil) != (tt.words != "") || err != nil && !strings.Contains(err.Error(), tt.words) {
				t.Errorf("answered %v, %v; want %v, %q", answered, err, tt.answered, tt.words)
			}
		})
	}
}

func TestReadyEndsWithItsContext(t *testing.T) {
	leaves(t)
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	go func() {
		readWire(theirs)
		readWire(theirs)
	}()
	if answered, err := Ready(ctx, ours); answered || err != nil {
		t.Errorf("answered %v, %v", answered, err)
	}
}

func TestUnready(t *testing.T) {
	for words, cgi := range map[string]bool{
		"Content-Type: text/html\r\n\r\n<html>":     true,
		"warning\ncontent-type:text/plain\n\nhello": true,
		"Status: 500 Oops\n\n":                      true,
		"Location: /x\n\n":                          true,
		"HTTP/1.1 200 OK\r\n":                       true,
		"":                                          false,
		"panic: no database":                        false,
		"the Content-Type: is odd":                  false,
	} {
		cause, hint := Unready(words)
		if (cause != "") != cgi || cgi && hint != "this is a CGI program, not FastCGI: use cgi:" {
			t.Errorf("%q: %q, %q", words, cause, hint)
		}
	}
}
