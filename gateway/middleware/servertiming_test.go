package middleware

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
	"gatewayd/gateway/config"
)

func TestServerTiming(t *testing.T) {
	at := func(ms float64) time.Time {
		return time.Unix(1_800_000_000, 0).Add(time.Duration(ms * float64(time.Millisecond)))
	}
	for _, c := range []struct {
		name   string
		timing gateway.Timing
		before []string
		want   []string
	}{
		{"whole", gateway.Timing{Begun: at(0), Queued: at(1), Admitted: at(2.2), Started: at(3), FirstByte: at(15.3)}, nil, []string{"queue;dur=1.2, start;dur=0.8, app;dur=12.3"}},
		{"beside the program's own", gateway.Timing{Started: at(3), FirstByte: at(15)}, []string{"db;dur=3", "cache"}, []string{"db;dur=3", "cache", "app;dur=12.0"}},
		{"no admission", gateway.Timing{Begun: at(0), Started: at(3), FirstByte: at(1003)}, nil, []string{"app;dur=1000.0"}},
		{"refused while it waited", gateway.Timing{Begun: at(0), Queued: at(1)}, nil, nil},
		{"failed before its head", gateway.Timing{Queued: at(1), Admitted: at(2), Started: at(4)}, nil, []string{"queue;dur=1.0, start;dur=2.0"}},
		{"nothing ran", gateway.Timing{Begun: at(0)}, []string{"db;dur=3"}, []string{"db;dur=3"}},
	} {
		for _, on := range []bool{true, false} {
			answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				gateway.FromContext(r.Context()).Timing = c.timing // as the backend does, after Headers
				w.Header()["Server-Timing"] = c.before
				w.WriteHeader(200)
			})
			w := httptest.NewRecorder()
			o := &config.Options{ServerTiming: on, Headers: config.Headers{Set: map[string]string{"X-Set": "1"}}}
			begin(AccessLog(nil, zerolog.Nop(), Headers(o, answer))).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			want := c.want
			if !on {
				want = c.before
			}
			if got := w.Header()["Server-Timing"]; !slices.Equal(got, want) || w.Header().Get("X-Set") != "1" {
				t.Errorf("%s, %v: %q, want %q", c.name, on, got, want)
			}
		}
	}
}
