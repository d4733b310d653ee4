package server

import (
	"net/http"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/static"
)

// explainStatic says what a static route does with a request.
func explainStatic(e *Explanation, part *route, req *gateway.Request) {
	name, kind, err := part.static.Resolve(req.Rest(), !strings.HasSuffix(part.conf.Pattern, "/*"))
	switch {
	case err != nil:
		e.failed(err)
	case kind == static.AddSlash:
		e.Status, e.Location = http.StatusMovedPermanently, static.SlashLocation(req.Path, req.URL)
	default:
		e.File = part.static.Path(name)
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead && req.Method != http.MethodOptions {
		e.failed(gateway.Errorf(http.StatusMethodNotAllowed, "files do not take %s", req.Method))
	}
}
