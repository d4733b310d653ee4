package cgispec

import (
	"net/http"
	"slices"
	"strings"
)

// HeaderVar is the variable that a request header field becomes (RFC 3875 section 4.1.18), whatever the case of its
// name; false if it never becomes one:
//
//   - a name with anything but letters, digits and dashes. "X_Forwarded_For" and "X-Forwarded-For" would be one
//     variable, and the client would choose whose value counts. Among the rest two names that give one variable differ
//     in case alone, so they are one field;
//   - Proxy, since many libraries take HTTP_PROXY for the operator's wish to send their own requests through it;
//   - Content-Length and Content-Type, which have variables of their own;
//   - what concerns the connection and not the request: Connection (section 4.1.18 asks for that), Keep-Alive,
//     Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade and HTTP2-Settings. Other fields that Connection
//     names are passed: honouring that would let a client remove what a proxy in front has added.
//
// Authorization and Proxy-Authorization have a variable, which Vars gives only with Env.PassAuthorization.
func HeaderVar(name string) (string, bool) {
	v := commonVar(name)
	if v == "" {
		v = mappedVar(name)
	}
	switch v {
	case "", "HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE",
		"HTTP_CONNECTION", "HTTP_KEEP_ALIVE", "HTTP_PROXY_CONNECTION", "HTTP_TE", "HTTP_TRAILER",
		"HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE", "HTTP_HTTP2_SETTINGS":
		return "", false
	}
	return v, true
}

func mappedVar(name string) string {
	if name == "" {
		return ""
	}
	const prefix = "HTTP_"
	var short [64]byte
	b := append(short[:0], prefix...)
	for i := range len(name) {
		switch c := name[i]; {
		case c == '-':
			b = append(b, '_')
		case 'a' <= c && c <= 'z':
			b = append(b, c-'a'+'A')
		case isAlnum(c):
			b = append(b, c)
		default:
			return ""
		}
	}
	return string(b)
}

// commonVar is mappedVar for names that most requests carry, without an allocation; "" for all others.
func commonVar(name string) string {
	switch name {
	case "Accept":
		return "HTTP_ACCEPT"
	case "Accept-Encoding":
		return "HTTP_ACCEPT_ENCODING"
	case "Accept-Language":
		return "HTTP_ACCEPT_LANGUAGE"
	case "Authorization":
		return "HTTP_AUTHORIZATION"
	case "Cache-Control":
		return "HTTP_CACHE_CONTROL"
	case "Connection":
		return "HTTP_CONNECTION"
	case "Content-Encoding":
		return "HTTP_CONTENT_ENCODING"
	case "Content-Length":
		return "HTTP_CONTENT_LENGTH"
	case "Content-Type":
		return "HTTP_CONTENT_TYPE"
	case "Cookie":
		return "HTTP_COOKIE"
	case "Dnt":
		return "HTTP_DNT"
	case "Git-Protocol":
		return "HTTP_GIT_PROTOCOL"
	case "If-Modified-Since":
		return "HTTP_IF_MODIFIED_SINCE"
	case "If-None-Match":
		return "HTTP_IF_NONE_MATCH"
	case "Origin":
		return "HTTP_ORIGIN"
	case "Pragma":
		return "HTTP_PRAGMA"
	case "Priority":
		return "HTTP_PRIORITY"
	case "Range":
		return "HTTP_RANGE"
	case "Referer":
		return "HTTP_REFERER"
	case "Sec-Ch-Ua":
		return "HTTP_SEC_CH_UA"
	case "Sec-Ch-Ua-Mobile":
		return "HTTP_SEC_CH_UA_MOBILE"
	case "Sec-Ch-Ua-Platform":
		return "HTTP_SEC_CH_UA_PLATFORM"
	case "Sec-Fetch-Dest":
		return "HTTP_SEC_FETCH_DEST"
	case "Sec-Fetch-Mode":
		return "HTTP_SEC_FETCH_MODE"
	case "Sec-Fetch-Site":
		return "HTTP_SEC_FETCH_SITE"
	case "Sec-Fetch-User":
		return "HTTP_SEC_FETCH_USER"
	case "Upgrade-Insecure-Requests":
		return "HTTP_UPGRADE_INSECURE_REQUESTS"
	case "User-Agent":
		return "HTTP_USER_AGENT"
	case "X-Forwarded-For":
		return "HTTP_X_FORWARDED_FOR"
	case "X-Forwarded-Host":
		return "HTTP_X_FORWARDED_HOST"
	case "X-Forwarded-Proto":
		return "HTTP_X_FORWARDED_PROTO"
	case "X-Request-Id":
		return "HTTP_X_REQUEST_ID"
	case "X-Requested-With":
		return "HTTP_X_REQUESTED_WITH"
	}
	return ""
}

// header adds HTTP_*, sorted by name so that one request always gives one list.
func (v *vars) header(r *http.Request, env *Env) {
	from := len(*v)
	if r.Host != "" && !isSet(env, "HTTP_HOST") && !isPassed(env, "HTTP_HOST") {
		v.add("HTTP_HOST", r.Host)
	}
	for key, values := range r.Header {
		name, ok := fieldVar(key, env)
		if !ok || isSet(env, name) || isPassed(env, name) {
			continue
		}
		separator := ", "
		if name == "HTTP_COOKIE" {
			separator = "; " // RFC 9113 section 8.2.3; a comma would be part of a cookie's value
		}
		v.add(name, joined(values, separator))
	}
	slices.SortFunc((*v)[from:], func(a, b Var) int { return strings.Compare(a.Name, b.Name) })
}

// fieldVar is HeaderVar for one key of a request's header. Keys that are not in canonical form are no field that
// net/http has read; passing one could give a variable twice.
func fieldVar(key string, env *Env) (string, bool) {
	if key == "Host" || http.CanonicalHeaderKey(key) != key {
		return "", false
	}
	if key == "Authorization" || key == "Proxy-Authorization" {
		if !env.PassAuthorization {
			return "", false
		}
	}
	return HeaderVar(key)
}

func joined(values []string, separator string) string {
	if len(values) == 1 {
		return values[0]
	}
	return strings.Join(values, separator)
}
