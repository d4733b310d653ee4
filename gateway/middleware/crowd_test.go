package middleware

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"gatewayd/gateway"
)

// A full queue refuses as many requests as come, and an application that is down fails them; the log says so without a
// line for each.
func TestCrowdIsCounted(t *testing.T) {
	for level, e := range map[string]*gateway.Error{
		"warn":  {Status: 503, Op: "wait for a place", Hint: "raise it", Overload: true},
		"error": {Status: 502, Op: "connect", Alike: true},
	} {
		t.Run(level, func(t *testing.T) { crowdIsCounted(t, level, e) })
	}
}

func crowdIsCounted(t *testing.T, level string, e *gateway.Error) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		route := "/a/*"
		h := begin(AccessLog(nil, zerolog.New(&out), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			gateway.FromContext(r.Context()).Route = route
			gateway.Fail(w, r, e)
		})))
		refuse := func(n int) {
			for range n {
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
			}
		}
		logged := func(name string, singles, left int, count string) {
			t.Helper()
			time.Sleep(crowdSpan)
			synctest.Wait()
			lines := out.take()
			if got := strings.Count(lines, `"level":"`+level+`","id":`); got != singles {
				t.Errorf("%s: %d lines, want %d: %s", name, got, singles, lines)
			}
			if got := strings.Count(lines, `"requests":`+count); got != left || strings.Count(lines, `"level":"`+level) != singles+left || strings.Count(lines, "\n") != singles+left {
				t.Errorf("%s: %s", name, lines)
			}
		}
		refuse(1)
		logged("one", 1, 0, "")
		refuse(crowdLines)
		logged("as many as are logged", crowdLines, 0, "")
		refuse(1000)
		logged("a crowd", crowdLines, 1, "997,")
		refuse(4)
		route = "/b/*"
		refuse(4)
		logged("two routes", 2*crowdLines, 2, "1,")
	})
}
