package server

import (
	"net/http"

	"gatewayd/gateway"
	"gatewayd/gateway/static"
)

// explainStatic says what a static route does with a request.
func explainStatic(e *Explanation, part *route, req *gateway.Request) {
	if err := static.CheckMethod(req.Method); err != nil {
		e.failed(err)
		return
	}
	if req.Method == http.MethodOptions {
		e.Status = http.StatusNoContent
		return
	}
	e.explainFile(part, req, req.Rest(), static.IsExact(part.conf.Pattern))
}

// explainFile says what the static part of a route does with rest, the path below it.
func (e *Explanation) explainFile(part *route, req *gateway.Request, rest string, exact bool) {
	name, kind, err := part.static.Resolve(rest, exact)
	switch {
	case err != nil:
		e.failed(err)
	case kind == static.AddSlash:
		e.Status, e.Location = http.StatusMovedPermanently, gateway.SlashLocation(req.Path, req.URL)
	default:
		e.File = part.static.Path(name)
	}
}
