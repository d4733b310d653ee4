package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ownAnswers are requests that the server answers by itself, with the status that it must be.
func ownAnswers() []struct {
	line, fields string
	status       int
} {
	long := strings.Repeat("x", 20<<10)
	return []struct {
		line, fields string
		status       int
	}{
		{"GET /files/step.txt", "", 200},
		{"GET /files/step.txt", "Range: bytes=0-3\r\n", 206},
		{"GET /files/step.txt", "Range: bytes=0-1,3-4\r\n", 206},
		{"GET /files/step.txt", "Range: bytes=1000-\r\n", 416},
		{"GET /files/step.txt", "If-None-Match: *\r\n", 304},
		{"GET /files/step.txt", "If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT\r\n", 304},
		{"GET /files/step.txt", "If-Match: \"other\"\r\n", 412},
		{"POST /files/step.txt", "Content-Length: 0\r\nRange: bytes=0-3\r\n", 405},
		{"PUT /files/step.txt", "Content-Length: 2\r\n\r\nhi", 405},
		{"DELETE /files/step.txt", "", 405},
		{"TRACE /files/step.txt", "", 405},
		{"OPTIONS /files/step.txt", "", 204},
		{"GET /files", "", 301},
		{"GET /files/folder", "", 301},
		{"GET /files/folder/", "", 403},
		{"GET /files/missing", "", 404},
		{"GET /missing", "", 404},
		{"GET /cgi/missing", "", 404},
		{"GET /cgi/noexec", "", 403},
		{"GET /cgi/crash", "", 502},
		{"POST /small/say", "Content-Length: 100\r\n\r\n" + strings.Repeat("x", 100), 413},
		{"GET /to/x?y", "", 302},
		{"GET /moved", "", 308},
		{"GET /gone", "", 410},
		{"GET /nothing", "", 204},
		{"GET /../x", "", 400},
		{"GET /" + long, "", 414},
	}
}

const ownConfig = `
admin: off
routes:
  "/cgi/*":   { cgi: ./cgi }
  "/small/*": { cgi: ./cgi, max_body: 10B }
  "/files/*": { static: ./files }
  "/to/*":    { redirect: "https://example.org/new/" }
  "/moved":   { redirect: { to: "https://example.org/", status: 308 } }
  "/gone":    { respond: 410 }
  "/nothing": { respond: 204 }
`

// TestOwnAnswers reads what the server says by itself as strictly as what programs make it say: it keeps what the
// status promises, HEAD has the fields of GET, and the connection stays in step or is closed.
func TestOwnAnswers(t *testing.T) {
	dir := t.TempDir()
	writeTestFile(t, filepath.Join(dir, "cgi", "crash"), "#!/bin/sh\nkill -9 $$\n", 0o755)
	writeTestFile(t, filepath.Join(dir, "cgi", "noexec"), "#!/bin/sh\n", 0o644)
	writeTestFile(t, filepath.Join(dir, "cgi", "say"), "#!/bin/sh\n", 0o755)
	writeTestFile(t, filepath.Join(dir, "files", "step.txt"), inStep, 0o644)
	writeTestFile(t, filepath.Join(dir, "files", "folder", "x"), "", 0o644)
	s := serveConfig(t, dir, ownConfig)
	for _, test := range ownAnswers() {
		t.Run(fmt.Sprintf("%.40s %.20q", test.line, test.fields), func(t *testing.T) {
			for _, proto := range []string{"HTTP/1.1", "HTTP/1.0"} {
				get := s.own(t, test.line, proto, test.fields)
				if get.status != test.status {
					t.Errorf("%s: %d %q, want %d", proto, get.status, get.body, test.status)
				}
				if rest, ok := strings.CutPrefix(test.line, "GET "); ok && !strings.HasPrefix(test.fields, "Range:") {
					head := s.own(t, "HEAD "+rest, proto, test.fields)
					if head.status != get.status || !slices.Equal(head.promised(), get.promised()) {
						t.Errorf("%s: HEAD has %d %q, GET %d %q", proto, head.status, head.promised(), get.status, get.promised())
					}
				}
			}
		})
	}
}

// own asks for line and then for a file; it returns the first answer.
func (s *served) own(t *testing.T, line, proto, fields string) wireAnswer {
	t.Helper()
	method, _, _ := strings.Cut(line, " ")
	body := ""
	if head, after, ok := strings.Cut(fields, "\r\n\r\n"); ok {
		fields, body = head+"\r\n", after
	}
	data, reset := s.converse(t, fmt.Sprintf("%s %s\r\nHost: h\r\nConnection: keep-alive\r\n%s\r\n%s", line, proto, fields, body)+
		fmt.Sprintf("GET /files/step.txt %s\r\nHost: h\r\nConnection: close\r\n\r\n", proto))
	all, err := wireAnswers(data, reset, asked{method, proto}, asked{"GET", proto})
	if err == nil {
		err = all[0].meaning()
	}
	switch {
	case err != nil:
		t.Fatalf("%s: %v\nall of it: %.2000q", proto, err, data)
	case !all[0].whole:
		t.Errorf("%s: not whole: %.2000q", proto, data)
	case len(all) == 1 && all[0].persists(), len(all) == 2 && all[1].body != inStep:
		t.Errorf("%s: out of step: %.2000q", proto, data)
	}
	return all[0]
}

// promised are the fields that HEAD and GET have to have in common. The length of an error page is not among them: the
// request's id is in it.
func (r *wireAnswer) promised() (all []string) {
	for _, f := range r.fields {
		if !slices.Contains([]string{"Date", "X-Request-Id", "Transfer-Encoding"}, f.name) {
			all = append(all, f.name+": "+f.value)
		}
	}
	return all
}
