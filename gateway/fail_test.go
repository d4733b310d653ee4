package gateway_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"gatewayd/gateway"
)

func fail(pages gateway.ErrorPages, method string, err error) *httptest.ResponseRecorder {
	w, r := httptest.NewRecorder(), httptest.NewRequest(method, "/", nil)
	r.Header.Set("Accept", "text/html")
	w.Header().Set("Content-Encoding", "gzip") // of what would have been sent
	gateway.Fail(w, r.WithContext(gateway.NewContext(r.Context(), &gateway.Request{Request: r, ErrorPages: pages})), err)
	return w
}

func TestErrorPages(t *testing.T) {
	pages := gateway.ErrorPages{
		"404": {Body: "<p>404</p>", ContentType: "text/html; charset=utf-8"}, "4xx": {Body: "four", ContentType: "text/plain"},
		"503": {Body: `{"status":503}`, ContentType: "application/json"}, "401": {Body: "", ContentType: "text/plain"},
	}
	for status, want := range map[int]gateway.ErrorPage{
		404: pages["404"], 403: pages["4xx"], 400: pages["4xx"], 431: pages["4xx"], 503: pages["503"], 401: pages["401"],
	} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			w := fail(pages, method, &gateway.Error{Status: status, RetryAfter: 1})
			body := want.Body
			if method == http.MethodHead {
				body = ""
			}
			h := w.Header()
			if w.Code != status || w.Body.String() != body || h.Get("Content-Type") != want.ContentType || h.Get("Content-Length") != strconv.Itoa(len(want.Body)) {
				t.Errorf("%s %d: %d %q %v", method, status, w.Code, w.Body, h)
			}
			if h.Get("Vary") != "" || h.Get("Content-Encoding") != "" || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Retry-After") != "1" {
				t.Errorf("%d: %v", status, h)
			}
		}
	}
	for _, status := range []int{500, 502, 504} { // no page for these
		plain, own := fail(nil, "GET", &gateway.Error{Status: status}), fail(pages, "GET", &gateway.Error{Status: status})
		if plain.Body.String() != own.Body.String() || own.Header().Get("Vary") != "Accept" || own.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%d: %q %v", status, own.Body, own.Header())
		}
	}
}

func TestFailWithoutARequest(t *testing.T) {
	w := httptest.NewRecorder()
	gateway.Fail(w, httptest.NewRequest("GET", "/", nil), gateway.Errorf(404, "nothing"))
	if w.Code != 404 || w.Body.String() != "404 Not Found\nThere is nothing at this address.\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}
