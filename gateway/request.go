package gateway

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"time"

	"gatewayd/gateway/cgispec"
)

// Request is one client request and the record of what became of it. It is made once, by server, travels in the
// request's context (see FromContext) and belongs to the goroutine that serves the request, save where a field says
// otherwise.
type Request struct {
	*http.Request

	ID         string     // what X-Request-Id and every log line carry; [A-Za-z0-9._-]{1,128}
	Site       string     // the site's key in the config file; "" is the default site
	Route      string     // the route's pattern as written, "/cgi-bin/*"
	Client     netip.Addr // who asked, after trusted_proxies; invalid for a unix socket peer. RemoteAddr is never rewritten
	Generation uint64     // the configuration it began under

	// Path is the URL's path, decoded exactly once, slashes merged, dot segments resolved: it starts with "/" and has
	// no empty, "." or ".." segment (a last slash is kept). Nothing decodes it again.
	Path string
	// Prefix is the leading part of Path that the route's pattern took: "" for "/*", "/git" for "/git/*", all of Path
	// for an exact pattern. Path[len(Prefix):] is "" or starts with "/".
	Prefix string

	Scheme     string // "http" or "https": how the client spoke, after trusted_proxies; "" is as the connection says
	AuthType   string // "Basic" once auth has let the client in, else ""
	RemoteUser string // who that is

	Script    cgispec.Script // what runs, once it is resolved
	Redirects int            // local redirects taken so far (RFC 3875 section 6.2.2)
	Timing    Timing         // filled in by the backend
	Exit      *Exit          // how the program ended, once that is known; nil where nothing ran or nobody waited for it
	Refused   error          // why the connection refused what came before it was a request; middleware answers with it

	// Err is why the request failed: Fail sets it, or a backend that can say why its application refuses a request. It is
	// logged once, at the end.
	Err error

	// ErrorPages are those of the route, before there is one those of the default site; nil is the plain pages.
	ErrorPages ErrorPages

	// Stderr takes one line of what the program wrote to its standard error, without the line end. It may be called
	// from any goroutine, also after the request has been answered or redirected to another program. relay makes it by
	// StderrOf once Script is known.
	Stderr func(line string)
	// StderrOf returns a Stderr for the program that runs for a route; it may be nil.
	StderrOf func(route, script string) func(line string)
	// EarlyHints passes a program's 103 head on to the client; nil when the client can take none. Only the goroutine in
	// RoundTrip may call it, before RoundTrip returns.
	EarlyHints func(http.Header)
	// Left says whether the client has closed its side of the connection; nil when nobody can tell. While a body is
	// streamed nothing else does.
	Left func() bool
	// Table is where a local redirect enters: the sites of the configuration that the request belongs to.
	Table http.Handler
	// Ender is told what ends the work of the program, should the route be gone before it is done; nil when nobody would
	// end it.
	Ender interface{ EndBy(context.CancelCauseFunc) }
	// Touch tells the idle clock that the program has begun, or that bytes moved to or from it. Safe from any goroutine; nil when nobody
	// keeps an idle clock: call Active, which knows.
	Touch func()
}

// Timing is when things happened; a zero time is something that did not.
type Timing struct {
	Begun     time.Time // request head read
	Queued    time.Time // asked for a place (see package admission)
	Admitted  time.Time // got it
	Started   time.Time // process started, or worker taken
	FirstByte time.Time // the program's response head was complete
}

// Exit is how the program of a request ended and what it used, its children that it waited for included.
type Exit struct {
	Code   int           // exit status; -1 if a signal ended it
	Signal string        // "SIGKILL"; "" if none ended it
	CPU    time.Duration // user and system time
	MaxRSS int64         // bytes: the largest resident size; 0 if it was smaller than the server's, which hides it
}

// Active tells the idle clock, if there is one, that the program has begun, or that bytes moved to or from it.
func (r *Request) Active() {
	if r.Touch != nil {
		r.Touch()
	}
}

// Rest is the path below the route: Path without Prefix, "" or starting with "/".
func (r *Request) Rest() string { return r.Path[len(r.Prefix):] }

// Vars appends to dst the variables of RFC 3875 for this request and the given route environment.
func (r *Request) Vars(dst []cgispec.Var, env *cgispec.Env) []cgispec.Var {
	facts := cgispec.Facts{Request: r.Request, Script: r.Script, Env: env, Scheme: r.Scheme, AuthType: r.AuthType, RemoteUser: r.RemoteUser}
	if r.Client.IsValid() {
		facts.RemoteAddr = r.Client.String()
	}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil && peer.Addr().Unmap() == r.Client {
		facts.RemotePort = strconv.Itoa(int(peer.Port()))
	}
	if local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr); ok {
		if tcp, ok := local.(*net.TCPAddr); ok {
			facts.ServerAddr = tcp.AddrPort()
		}
	}
	return cgispec.Vars(dst, &facts)
}

type contextKey struct{}

// NewContext returns a context that carries r.
func NewContext(ctx context.Context, r *Request) context.Context {
	return context.WithValue(ctx, contextKey{}, r)
}

// FromContext returns the Request that ctx carries, nil if there is none.
func FromContext(ctx context.Context) *Request {
	r, _ := ctx.Value(contextKey{}).(*Request)
	return r
}
