package cgispec

import (
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestHeaderVar(t *testing.T) {
	tests := []struct{ name, want string }{
		{"Accept", "HTTP_ACCEPT"},
		{"aCCept-eNCoding", "HTTP_ACCEPT_ENCODING"},
		{"X-Forwarded-For", "HTTP_X_FORWARDED_FOR"},
		{"Host", "HTTP_HOST"},
		{"Authorization", "HTTP_AUTHORIZATION"},
		{"X-9--a-", "HTTP_X_9__A_"},
		{"-", "HTTP__"},
		{"", ""}, {"X_A", ""}, {"X.A", ""}, {"X A", ""}, {"X:A", ""}, {"X=A", ""}, {"X\x00", ""}, {"X\xc4\xb1", ""}, {"\u212aey", ""},
		{"Proxy", ""}, {"pROXY", ""}, {"PROXY", ""}, {"proxy", ""},
		{"Content-Length", ""}, {"content-type", ""},
		{"connection", ""}, {"Keep-Alive", ""}, {"Proxy-Connection", ""}, {"TE", ""}, {"Trailer", ""}, {"Transfer-Encoding", ""}, {"Upgrade", ""}, {"Http2-Settings", ""},
	}
	for _, test := range tests {
		if got, ok := HeaderVar(test.name); got != test.want || ok != (test.want != "") {
			t.Errorf("%q: %q %v, want %q", test.name, got, ok, test.want)
		}
	}
}

// A name becomes a variable byte by byte, so that it is enough to look at all pairs of bytes: two names that give one
// variable are one name to HTTP, for which case means nothing.
func TestHeaderVarIsInjective(t *testing.T) {
	nameOf := map[string]string{}
	for i := range 1 << 16 {
		name := string([]byte{byte(i >> 8), byte(i)})
		variable, ok := HeaderVar("X" + name)
		if !ok {
			continue
		}
		folded := strings.ToLower(name)
		if other, seen := nameOf[variable]; seen && other != folded {
			t.Fatalf("X%q and X%q are both %s", name, other, variable)
		}
		nameOf[variable] = folded
	}
	if want := 37 * 37; len(nameOf) != want {
		t.Errorf("%d variables, want %d", len(nameOf), want)
	}
}

func TestCommonVarIsMappedVar(t *testing.T) {
	known := 0
	for _, name := range []string{
		"Accept", "Accept-Encoding", "Accept-Language", "Authorization", "Cache-Control", "Connection", "Content-Encoding", "Content-Length",
		"Content-Type", "Cookie", "Dnt", "Git-Protocol", "If-Modified-Since", "If-None-Match", "Origin", "Pragma", "Priority", "Range",
		"Referer", "Sec-Ch-Ua", "Sec-Ch-Ua-Mobile", "Sec-Ch-Ua-Platform", "Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site",
		"Sec-Fetch-User", "Upgrade-Insecure-Requests", "User-Agent", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
		"X-Request-Id", "X-Requested-With",
	} {
		common := commonVar(name)
		if common != "" {
			known++
		}
		if want := mappedVar(name); common != want {
			t.Errorf("%s: %q, want %q", name, common, want)
		}
		if http.CanonicalHeaderKey(name) != name {
			t.Errorf("%s is not how net/http writes it", name)
		}
	}
	if known != 33 {
		t.Errorf("%d names known", known)
	}
}

var (
	slowName    = regexp.MustCompile(`^[A-Za-z0-9-]+$`)
	slowDropped = regexp.MustCompile(`(?i)^(proxy|connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|http2-settings|content-length|content-type|host)$`)
)

// slowHeader is the header part of Vars by other means: from the fields as they came, through regular expressions.
func slowHeader(fields [][2]string, passAuthorization bool) map[string]string {
	values := map[string][]string{}
	for _, f := range fields {
		if !slowName.MatchString(f[0]) || slowDropped.MatchString(f[0]) {
			continue
		}
		if !passAuthorization && strings.HasSuffix(strings.ToLower("-"+f[0]), "-authorization") &&
			(len(f[0]) == len("Authorization") || strings.EqualFold(f[0], "Proxy-Authorization")) {
			continue
		}
		name := "HTTP_" + strings.ReplaceAll(strings.ToUpper(f[0]), "-", "_")
		values[name] = append(values[name], f[1])
	}
	got := map[string]string{}
	for name, list := range values {
		separator := ", "
		if name == "HTTP_COOKIE" {
			separator = "; "
		}
		if value := strings.Join(list, separator); !strings.Contains(value, "\x00") {
			got[name] = value
		}
	}
	return got
}

func FuzzVars(f *testing.F) {
	f.Add("Accept: a\nX-Foo: b\nx-foo: c\nCookie: d\ncookie: e", "TZ=UTC", "LANG=C", false)
	f.Add("Proxy: a\nX_Foo: b\nX-Foo: c\nAuthorization: d\nproxy-authorization: e", "HTTP_PROXY=a\nHTTP_X_FOO=b", "HTTP_X_FOO=c", true)
	f.Add("Content-Type: a\nContent-Length: 1\nHost: x\nRemote-User: y", "REMOTE_USER=a\nPATH=b\nCONTENT_TYPE=c\n=d\nA\x00=e", "HTTPS=on\nPATH=f", false)
	f.Fuzz(func(t *testing.T, head, set, pass string, passAuthorization bool) {
		facts := factsOf(t, "GET /x HTTP/1.0")
		var fields [][2]string
		for line := range strings.SplitSeq(head, "\n") {
			name, value, _ := strings.Cut(line, ":")
			value = strings.Trim(value, " \t")
			fields = append(fields, [2]string{name, value})
			key := textproto.CanonicalMIMEHeaderKey(name)
			facts.Request.Header[key] = append(facts.Request.Header[key], value)
		}
		_, hasType := facts.Request.Header["Content-Type"]
		facts.Env = &Env{PassAuthorization: passAuthorization}
		computed := environ(t, &Facts{Request: factsOf(t, "GET /x HTTP/1.0").Request, Script: facts.Script, RemoteAddr: facts.RemoteAddr, RemotePort: facts.RemotePort, ServerAddr: facts.ServerAddr})
		delete(computed, "PATH")
		facts.Env.Set, facts.Env.Pass = varsOf(set), varsOf(pass)
		slices.SortFunc(facts.Env.Set, func(a, b Var) int { return strings.Compare(a.Name, b.Name) })

		// The weakest source first, each stronger one over it.
		want := slowHeader(fields, passAuthorization)
		want["PATH"] = DefaultPath
		for _, list := range [][]Var{facts.Env.Pass, facts.Env.Set} {
			for _, v := range list {
				if v.Name == "" || strings.ContainsAny(v.Name, "\x00=") || slices.Contains(Computed(), v.Name) {
					continue
				}
				want[v.Name] = v.Value
			}
		}
		for name, value := range want {
			if strings.Contains(value, "\x00") {
				delete(want, name)
			}
		}
		for name, value := range computed {
			want[name] = value
		}
		if hasType {
			if value := strings.Join(facts.Request.Header["Content-Type"], ", "); !strings.Contains(value, "\x00") {
				want["CONTENT_TYPE"] = value
			}
		}
		if hasLength := facts.Request.Header["Content-Length"]; hasLength != nil {
			want["CONTENT_LENGTH"] = "0"
		}
		got := environ(t, facts)
		for name, value := range want {
			if g, ok := got[name]; !ok || g != value {
				t.Errorf("%s=%q (there: %v), want %q", name, g, ok, value)
			}
		}
		for name := range got {
			if _, ok := want[name]; !ok {
				t.Errorf("%s=%q should not be there", name, got[name])
			}
		}
	})
}

// varsOf reads NAME=value lines; of two with one name the first counts.
func varsOf(s string) (list []Var) {
	for line := range strings.SplitSeq(s, "\n") {
		name, value, _ := strings.Cut(line, "=")
		if !slices.ContainsFunc(list, func(v Var) bool { return v.Name == name }) {
			list = append(list, Var{name, value})
		}
	}
	return list
}
