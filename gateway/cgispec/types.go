package cgispec

import (
	"net/http"
	"net/netip"
)

// Var is one variable that a program is given.
type Var struct{ Name, Value string }

// Script says what a request runs and how its path was split (RFC 3875 sections 4.1.5 and 4.1.13). All strings are
// decoded bytes.
type Script struct {
	Name     string // SCRIPT_NAME: "" or starts with "/"
	PathInfo string // PATH_INFO: "" or starts with "/"
	Filename string // SCRIPT_FILENAME: absolute
	Root     string // DOCUMENT_ROOT: absolute
}

// Env is what a route adds to every request's variables. The zero value adds nothing.
type Env struct {
	Set               []Var  // the route's env, sorted by name, names unique
	Pass              []Var  // the route's pass_env with the values found at load time, names unique
	PassAuthorization bool   // give HTTP_AUTHORIZATION and HTTP_PROXY_AUTHORIZATION to the program
	Software          string // SERVER_SOFTWARE; "" is "gatewayd"
}

// Facts is everything that Vars looks at.
type Facts struct {
	// Request is read for Method, RequestURI, URL (RawQuery, and where RequestURI is empty), Proto, Host, Header, TLS,
	// ContentLength and TransferEncoding. Header keys are in canonical form, as net/http leaves them; others are
	// ignored.
	Request    *http.Request
	Script     Script
	Env        *Env           // nil adds nothing
	RemoteAddr string         // REMOTE_ADDR; "" for a unix socket peer
	RemotePort string         // REMOTE_PORT; "" when unknown
	ServerAddr netip.AddrPort // the listener's address; invalid for a unix socket
	// Scheme is how the client spoke to a trusted proxy, "http" or "https"; "" is as the connection says. With it
	// SERVER_PORT is the client's view too, from Host or the scheme: it never saw the port that the proxy came to.
	Scheme     string
	AuthType   string // AUTH_TYPE, "" unless we authenticated the client
	RemoteUser string // REMOTE_USER, likewise
}

// StatusLocalRedirect is the StatusCode of a response that asks for a local redirect (RFC 3875 section 6.2.2): no
// status of its own and a Location that starts with "/".
const StatusLocalRedirect = 0
