package fastcgi

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		words        string // of the error; "" for none
	}{
		{"libfcgi", rec(10, 0, "\x0e\x01FCGI_MAX_CONNS1\x0d\x01FCGI_MAX_REQS1\x0f\x01FCGI_MPXS_CONNS0", 4), ""},
		{"nothing known", rec(10, 0, "", 0), ""},
		{"unknown type", rec(11, 0, "\x09\x00\x00\x00\x00\x00\x00\x00", 0), ""},
		{"no answer", "", "no answer to FCGI_GET_VALUES: EOF"},
		{"half an answer", rec(10, 0, "", 0)[:5], "no answer to FCGI_GET_VALUES: unexpected EOF"},
		{"a CGI answer", "Content-Type: text/html\n\n", "the answer to FCGI_GET_VALUES is not FastCGI: version 67, not 1"},
		{"an answer to nothing", out("text"), "STDOUT is no answer"},
		{"bad pairs", rec(10, 0, "\x0e\xff\xff\xff\xffFCGI_MAX_CONNS", 0), "name-value pairs"},
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
				if tt.answer != "" {
					io.WriteString(theirs, tt.answer)
				}
			}()
			err := Ready(t.Context(), ours)
			if (err != nil) != (tt.words != "") || err != nil && !strings.Contains(err.Error(), tt.words) {
				t.Errorf("got %v, want %q", err, tt.words)
			}
		})
	}
}

func TestReadyEndsWithItsContext(t *testing.T) {
	leaves(t)
	ours, theirs := net.Pipe()
	defer ours.Close()
	defer theirs.Close()
	enough := errors.New("enough")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, enough)
	defer cancel()
	go readWire(theirs)
	if err := Ready(ctx, ours); err != enough {
		t.Error(err)
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
