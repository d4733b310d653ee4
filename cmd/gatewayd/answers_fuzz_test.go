package main

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/relay"
	"gatewayd/gateway/script"
)

// printer is a program without a process: it has printed what it is.
type printer string

func (p printer) RoundTrip(r *gateway.Request) (*http.Response, error) {
	said := bufio.NewReader(strings.NewReader(string(p)))
	resp, err := cgispec.ReadResponse(said, cgispec.ResponseOptions{Early: func(_ int, h http.Header) {
		if r.EarlyHints != nil {
			r.EarlyHints(h)
		}
	}})
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(said)
	return resp, nil
}

func (printer) Resolve(prefix, rest string) (script.Target, error) {
	return script.Target{Kind: script.Run, Script: cgispec.Script{Name: prefix, PathInfo: rest, Filename: "/printer"}}, nil
}

// says is what the program of the next request prints.
type says struct{ text string }

// ServeHTTP answers /step by itself and lets the program answer everything else.
func (s *says) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/step" {
		io.WriteString(w, inStep)
		return
	}
	table := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "redirected") })
	req := &gateway.Request{Request: r, ID: "1", Path: "/program", Stderr: func(string) {}, Table: table}
	relay.New(relay.Options{Backend: printer(s.text), Resolver: printer("")}).ServeHTTP(w, r.WithContext(gateway.NewContext(r.Context(), req)))
}

// FuzzAnswer lets a program print anything: the client gets a well-formed answer, or one that is plainly broken off, and
// never one more than it has asked for.
func FuzzAnswer(f *testing.F) {
	for _, c := range slices.Concat(badAnswers(), goodAnswers()) {
		if len(c.says) < 500 {
			f.Add([]byte(c.says))
		}
	}
	said := &says{}
	server := httptest.NewServer(said)
	f.Cleanup(server.Close)
	s := &served{url: server.URL}
	f.Fuzz(func(t *testing.T, answer []byte) {
		said.text = string(answer)
		for _, a := range []asked{{"GET", "HTTP/1.1"}, {"GET", "HTTP/1.0"}, {"HEAD", "HTTP/1.1"}} {
			data, reset := s.converse(t, a.method+" /program "+a.proto+"\r\nHost: h\r\nConnection: keep-alive\r\n\r\n"+
				"GET /step "+a.proto+"\r\nHost: h\r\nConnection: close\r\n\r\n")
			all, err := wireAnswers(data, reset, a, asked{"GET", a.proto})
			switch {
			case err != nil:
				t.Fatalf("%v: %v\nall of it: %q", a, err, data)
			case len(all) > 1 && all[1].body != inStep, len(all) == 1 && all[0].persists():
				t.Fatalf("%v: out of step: %q", a, data)
			}
			checkPrinted(t, answer, &all[0])
		}
	})
}

// checkPrinted compares with what the program's answer means.
func checkPrinted(t *testing.T, answer []byte, r *wireAnswer) {
	br := bufio.NewReader(bytes.NewReader(answer))
	want, err := cgispec.ReadResponse(br, cgispec.ResponseOptions{})
	if err != nil {
		want = &http.Response{StatusCode: http.StatusBadGateway, ContentLength: -1}
		br.Reset(strings.NewReader("502 Bad Gateway\nThe program behind this address did not give a valid answer.\nRequest 1\n"))
	}
	if want.StatusCode == cgispec.StatusLocalRedirect {
		return // answered by who is at the other address, or refused if there is no such address
	}
	if r.status != want.StatusCode {
		t.Fatalf("%v: status %d, want %d", r.asked, r.status, want.StatusCode)
	}
	body, _ := io.ReadAll(br)
	missing := want.ContentLength > int64(len(body))
	if want.ContentLength >= 0 && !missing {
		body = body[:want.ContentLength]
	}
	if r.method == "HEAD" || slices.Contains([]int{204, 205, 304}, want.StatusCode) {
		body, missing = nil, false
	}
	if r.body != string(body) || r.whole == missing {
		t.Fatalf("%v: %q, whole: %t; want %q, whole: %t", r.asked, r.body, r.whole, body, !missing)
	}
}
