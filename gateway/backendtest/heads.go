package backendtest

import (
	"fmt"
	"net/http"
	"strings"

	"gatewayd/gateway/cgispec"
)

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
		{[]string{"HTTP/1.1 299 Odd", "X-A: b"}, 299, -1, http.Header{"X-A": {"b"}}},
		{[]string{"Content-Length: 4"}, 200, 4, http.Header{}},
		{[]string{"Content-Length: 1000"}, 200, 1000, http.Header{}}, // whether that is true is not the backend's to say
		{[]string{"Set-Cookie: a=1", "set-cookie: b=2"}, 200, -1, http.Header{"Set-Cookie": {"a=1", "b=2"}}},
		{[]string{"Transfer-Encoding: chunked", "Connection: X-Hop", "X-Hop: 1", "Keep-Alive: 1"}, 200, -1, http.Header{}},
		{[]string{"Location: http://example.org/x#y"}, 302, -1, http.Header{"Location": {"http://example.org/x#y"}}},
		{[]string{"Location: next.cgi?x"}, 302, -1, http.Header{"Location": {"next.cgi?x"}}},
		{[]string{"Location: //example.org/x"}, 302, -1, http.Header{"Location": {"//example.org/x"}}},
		{[]string{"Location: /x?y"}, cgispec.StatusLocalRedirect, -1, http.Header{"Location": {"/x?y"}}},
		{[]string{"Status: 303", "Location: /x"}, 303, -1, http.Header{"Location": {"/x"}}},
		{[]string{"Status: 308", "Location: http://example.org/"}, 308, -1, http.Header{"Location": {"http://example.org/"}}},
		{[]string{"Status: 201", "Location: /new"}, 201, -1, http.Header{"Location": {"/new"}}},
	}
	for _, tt := range tests {
		q := query("body", "body")
		q["field"] = tt.fields
		got := k.do(call{behave: "answer", query: q})
		if got.StatusCode != tt.status || !tells(got, tt.length) || fmt.Sprint(got.Header) != fmt.Sprint(tt.header) || got.body != "body" || got.err != nil {
			k.Errorf("%q: status %d, length %d, %v, %q %v; want %d, %d, %v", tt.fields, got.StatusCode, got.ContentLength, got.Header, got.body, got.err, tt.status, tt.length, tt.header)
		}
	}
}

// badHeads are one of each kind: what makes a head bad is cgispec's to say.
func badHeads(k *kit) {
	for _, text := range []string{
		"", "hello\n", "Content-Type: text/plain", "Good: 1\nbad\n\nbody", "X: a\x00b\n\n",
		"Status: 99\n\n", "Status: 101\n\n", "Content-Length: 5\nContent-Length: 6\n\n", "Status: 103\n\n",
	} {
		e := k.fails(call{behave: "raw", query: query("text", text)}, http.StatusBadGateway)
		if e.Hint == "" {
			k.Errorf("%q: %v: no hint", text, e)
		}
	}
	// Nobody waits for the end of a program whose head is bad, and it does not go on.
	k.soon("the refusal", func() { k.fails(call{behave: "silent", query: query("text", "hello\n")}, http.StatusBadGateway) })
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

// bodiesNobodyGets: a backend passes on what comes; who answers the client knows that it gets none of it.
func bodiesNobodyGets(k *kit) {
	for _, status := range []int{204, 205, 304, 200} {
		q := query("body", "a body", "field", fmt.Sprintf("Status: %d", status))
		for _, method := range []string{"GET", "HEAD"} {
			if got := k.do(call{method: method, behave: "answer", query: q}); got.err != nil || got.StatusCode != status {
				k.Errorf("%s, %d: %d %v", method, status, got.StatusCode, got.err)
			}
		}
	}
}

// tells says whether the answer has the length that was announced. Of one that has none announced a backend may tell the
// length all the same, once it knows.
func tells(got answered, announced int64) bool {
	return got.ContentLength == announced || announced < 0 && got.ContentLength == int64(len(got.body))
}
