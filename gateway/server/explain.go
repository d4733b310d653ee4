package server

import (
	"bufio"
	"fmt"
	"net/http"
	"net/netip"
	"strings"

	"gatewayd/gateway"
	"gatewayd/gateway/cgispec"
	"gatewayd/gateway/config"
	"gatewayd/gateway/script"
	"gatewayd/gateway/site"
)

// Explanation is what a request would do, as far as that can be said without doing it.
type Explanation struct {
	Site     string
	Route    string
	Handler  string
	Preset   string // the ordinary handler that this one stands for, as the file would have it
	File     string // what runs or is served
	Location string // where the client is sent
	Status   int    // 200 if nothing stands in the way: a program may say otherwise
	Reason   string // what would stop the request
	Hint     string // what to do about that
	Vars     []cgispec.Var
}

// Explain builds conf and follows one request through it. rawURL is an absolute URL or a path (then the host is that
// of the default site). Only a configuration that cannot be built is an error.
func Explain(conf *config.Config, version, method, rawURL string) (*Explanation, error) {
	s := New(Options{Version: version})
	quiet := *conf
	quiet.Log = config.Log{Level: "disabled", Format: "json", Output: "stderr", Access: "off"}
	g, err := s.build(&quiet, nil)
	if err != nil {
		return nil, err
	}
	defer g.discard(nil)
	r, err := requestFor(method, rawURL)
	if err != nil {
		return (&Explanation{}).failed(&gateway.Error{Status: http.StatusBadRequest, Err: err}), nil
	}
	return g.explain(r), nil
}

// requestFor is the request that a client would send, read the way the server reads it.
func requestFor(method, rawURL string) (*http.Request, error) {
	host, target := "localhost", rawURL
	if scheme, rest, ok := strings.Cut(rawURL, "://"); ok && !strings.HasPrefix(rawURL, "/") {
		if scheme != "http" && scheme != "https" {
			return nil, fmt.Errorf("%s: not an http URL", rawURL)
		}
		host, target = rest, "/"
		if i := strings.IndexAny(rest, "/?"); i >= 0 {
			host, target = rest[:i], rest[i:]
		}
		if !strings.HasPrefix(target, "/") {
			target = "/" + target
		}
	}
	head := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, rawURL, err)
	}
	r.RemoteAddr = "127.0.0.1:49152"
	return r, nil
}

func (g *Generation) explain(r *http.Request) *Explanation {
	req := &gateway.Request{Request: r, Client: netip.MustParseAddr("127.0.0.1")}
	e := &Explanation{Status: http.StatusOK}
	path, err := site.CleanPath(r.URL, r.RequestURI)
	if err != nil {
		return e.failed(&gateway.Error{Status: http.StatusBadRequest, Err: err})
	}
	match := g.table.Lookup(r.Host, path)
	e.Site = match.Site.Key
	if match.Route == nil {
		return e.failed(gateway.Errorf(http.StatusNotFound, "no route of this site takes %s", path))
	}
	req.Path, req.Prefix = path, match.Prefix
	part := g.routes[match.Route]
	e.Route, e.Handler = part.conf.Pattern, part.conf.Handler
	if e.Handler == "php" {
		e.Preset = part.conf.FastCGI.String()
	}
	switch {
	case part.resolver != nil:
		g.explainScript(e, part, req)
	case part.static != nil:
		explainStatic(e, part, req)
	case part.redirect != nil:
		e.Status, e.Location = part.conf.Redirect.Status, part.redirect.Target(req.Rest(), r.URL.RawQuery)
	case part.conf.Respond != nil:
		e.Status = part.conf.Respond.Status
	}
	e.guard(part, req)
	return e
}

// guard says what stops the request on its way to the handler. What stops it there is said too, since it comes next.
func (e *Explanation) guard(part *route, req *gateway.Request) {
	err := part.access.Check(req.Client)
	if auth := part.conf.Options.Auth; err == nil && auth != nil {
		err = &gateway.Error{
			Status: http.StatusUnauthorized, Op: "auth", Err: fmt.Errorf("a name and a password from %s are asked for", auth.Basic),
			Hint: "all else is as for a client that gives them",
		}
	}
	if err == nil {
		return
	}
	behind := *e
	e.failed(err)
	if behind.Reason != "" {
		e.Hint = fmt.Sprintf("who is let in gets status %d: %s", behind.Status, behind.Reason)
	}
}

func (g *Generation) explainScript(e *Explanation, part *route, req *gateway.Request) {
	target, err := part.resolver.Resolve(req.Prefix, req.Rest())
	if err != nil {
		e.failed(err)
		return
	}
	switch target.Kind {
	case script.AddSlash:
		e.Status, e.Location = http.StatusMovedPermanently, gateway.SlashLocation(req.Path, req.URL)
	case script.Serve:
		e.explainFile(part, req, "/"+target.Static, false)
	default:
		req.Script = target.Script
		e.File = target.Script.Filename
		e.Vars = req.Vars(nil, &part.env)
		if err := part.backend.Check(req); err != nil {
			e.failed(err)
		}
	}
}

func (e *Explanation) failed(err error) *Explanation {
	failure := gateway.AsError(err)
	e.Status, e.Reason, e.Hint = failure.Status, failure.Error(), failure.Hint
	return e
}
