package cgispec

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// DefaultPath is the PATH of a program whose route sets none.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Vars appends to dst every variable of f's request: RFC 3875 section 4.1, the ones that other servers add, the route's
// own, then HTTP_* sorted by name. Each name occurs once, no name is empty or holds "=" or NUL, and no value holds NUL:
// a variable that cannot be carried is left out. What dst held before stays as it is.
//
// Where sources name the same variable, what is computed from the request wins over Env.Set, that over Env.Pass, that
// over the request's header. The names of Computed are never taken from another source, not even for a request that
// gives them no value. AUTH_TYPE, REMOTE_USER and HTTPS may come from Env where the request does not give them one, PATH
// is Env's to set, and none of these four ever comes from a header.
//
// PATH_INFO, PATH_TRANSLATED, CONTENT_LENGTH and CONTENT_TYPE are absent, not empty, when there is nothing to say: so do
// Apache and lighttpd, programs were written for that, and for RFC 3875 section 4.1 absent and empty are the same.
// CONTENT_LENGTH is there when a body was announced and its length is known. REMOTE_HOST is the address, since names
// are not looked up (section 4.1.9 allows it). DOCUMENT_URI is SCRIPT_NAME and PATH_INFO, as in nginx.
func Vars(dst []Var, f *Facts) []Var {
	env := f.Env
	if env == nil {
		env = &Env{}
	}
	v := vars(slices.Grow(dst, 32+len(env.Set)+len(env.Pass)+len(f.Request.Header)))
	v.server(f, env)
	v.request(f.Request)
	v.script(&f.Script)
	v.client(f)
	v.env(f, env)
	v.header(f.Request, env)
	return v
}

// Computed lists the names, sorted, that Vars takes from the request alone: an env entry of such a name has no effect.
func Computed() []string {
	return []string{
		"CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_ROOT", "DOCUMENT_URI", "GATEWAY_INTERFACE", "PATH_INFO",
		"PATH_TRANSLATED", "QUERY_STRING", "REDIRECT_STATUS", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT",
		"REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR",
		"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE",
	}
}

// isComputed says whether name is one of Computed; a switch costs nothing per request.
func isComputed(name string) bool {
	switch name {
	case "CONTENT_LENGTH", "CONTENT_TYPE", "DOCUMENT_ROOT", "DOCUMENT_URI", "GATEWAY_INTERFACE", "PATH_INFO",
		"PATH_TRANSLATED", "QUERY_STRING", "REDIRECT_STATUS", "REMOTE_ADDR", "REMOTE_HOST", "REMOTE_PORT",
		"REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME", "SERVER_ADDR",
		"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE":
		return true
	}
	return false
}

// vars is the list as it grows.
type vars []Var

// add appends a variable, unless its value holds a NUL: that would end the value early for a program that reads C
// strings, so that two programs would see two values.
func (v *vars) add(name, value string) {
	if strings.IndexByte(value, 0) < 0 {
		*v = append(*v, Var{name, value})
	}
}

// addSome is add for variables that are absent rather than empty.
func (v *vars) addSome(name, value string) {
	if value != "" {
		v.add(name, value)
	}
}

func (v *vars) server(f *Facts, env *Env) {
	r := f.Request
	software := env.Software
	if software == "" {
		software = "gatewayd"
	}
	if f.scheme() == "https" {
		v.add("HTTPS", "on")
	}
	v.add("GATEWAY_INTERFACE", "CGI/1.1")
	v.add("SERVER_SOFTWARE", software)
	v.add("SERVER_NAME", serverName(r.Host, f.ServerAddr))
	v.add("SERVER_PORT", serverPort(f))
	if f.ServerAddr.IsValid() {
		v.add("SERVER_ADDR", f.ServerAddr.Addr().Unmap().WithZone("").String())
	}
	v.add("REQUEST_SCHEME", f.scheme())
}

func (f *Facts) scheme() string {
	switch {
	case f.Scheme != "":
		return f.Scheme
	case f.Request.TLS != nil:
		return "https"
	}
	return "http"
}

func (v *vars) request(r *http.Request) {
	uri := requestURI(r)
	v.add("SERVER_PROTOCOL", r.Proto)
	v.add("REQUEST_METHOD", r.Method)
	v.add("REQUEST_URI", uri)
	v.add("QUERY_STRING", queryString(r, uri))
	// php-cgi built with force-cgi-redirect refuses to run without it.
	v.add("REDIRECT_STATUS", "200")
	if r.ContentLength >= 0 && bodyAnnounced(r) {
		v.add("CONTENT_LENGTH", strconv.FormatInt(r.ContentLength, 10))
	}
	if values, ok := r.Header["Content-Type"]; ok {
		v.add("CONTENT_TYPE", joined(values, ", "))
	}
}

// bodyAnnounced says whether the client said that a body follows, be it empty. A body that came without a word of its
// length (HTTP/2, or already spooled) is one if it holds anything.
func bodyAnnounced(r *http.Request) bool {
	if r.ContentLength > 0 || len(r.TransferEncoding) > 0 {
		return true
	}
	_, ok := r.Header["Content-Length"]
	return ok
}

func (v *vars) script(s *Script) {
	v.add("SCRIPT_NAME", s.Name)
	v.addSome("SCRIPT_FILENAME", s.Filename)
	v.addSome("DOCUMENT_ROOT", s.Root)
	v.add("DOCUMENT_URI", s.Name+s.PathInfo)
	if s.PathInfo != "" {
		v.add("PATH_INFO", s.PathInfo)
		v.add("PATH_TRANSLATED", strings.TrimSuffix(s.Root, "/")+s.PathInfo)
	}
}

func (v *vars) client(f *Facts) {
	v.add("REMOTE_ADDR", f.RemoteAddr)
	v.addSome("REMOTE_HOST", f.RemoteAddr)
	v.addSome("REMOTE_PORT", f.RemotePort)
	v.addSome("AUTH_TYPE", f.AuthType)
	v.addSome("REMOTE_USER", f.RemoteUser)
}

func (v *vars) env(f *Facts, env *Env) {
	hasPath := false
	for _, e := range env.Set {
		hasPath = hasPath || e.Name == "PATH"
		if takes(f, e.Name) {
			v.add(e.Name, e.Value)
		}
	}
	for _, e := range env.Pass {
		if isSet(env, e.Name) {
			continue
		}
		hasPath = hasPath || e.Name == "PATH"
		if takes(f, e.Name) {
			v.add(e.Name, e.Value)
		}
	}
	if !hasPath {
		v.add("PATH", DefaultPath)
	}
}

// takes says whether the route's environment may give a variable of this name for this request.
func takes(f *Facts, name string) bool {
	switch name {
	case "AUTH_TYPE":
		return f.AuthType == ""
	case "REMOTE_USER":
		return f.RemoteUser == ""
	case "HTTPS":
		return f.scheme() != "https"
	}
	return !isComputed(name) && name != "" && !strings.ContainsAny(name, "=\x00")
}

func isSet(env *Env, name string) bool {
	_, found := slices.BinarySearchFunc(env.Set, name, func(e Var, name string) int { return strings.Compare(e.Name, name) })
	return found
}

func isPassed(env *Env, name string) bool {
	return slices.ContainsFunc(env.Pass, func(e Var) bool { return e.Name == name })
}
