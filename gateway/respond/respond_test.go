package respond

import (
	"net/http/httptest"
	"strings"
	"testing"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

func TestServeHTTP(t *testing.T) {
	for _, c := range []struct {
		method string
		conf   config.Respond
		body   string
	}{
		{"GET", config.Respond{Status: 200, Body: "hello"}, "hello"},
		{"POST", config.Respond{Status: 418, Body: "short"}, "short"},
		{"HEAD", config.Respond{Status: 200, Body: "hello"}, ""},
		{"GET", config.Respond{Status: 204}, ""},
		{"GET", config.Respond{Status: 410}, "410 Gone\n"},
	} {
		r := httptest.NewRequest(c.method, "/", nil)
		req := &gateway.Request{Request: r}
		w := httptest.NewRecorder()
		New(&c.conf).ServeHTTP(w, r.WithContext(gateway.NewContext(r.Context(), req)))
		if w.Code != c.conf.Status || !strings.HasPrefix(w.Body.String(), c.body) || c.body == "" && w.Body.Len() > 0 {
			t.Errorf("%s %+v: %d %q", c.method, c.conf, w.Code, w.Body)
		}
	}
}
