package config

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// checkText says why s is not what the rule wants, and what to write; "" if it is.
func checkText(rule, s string) string {
	switch rule {
	case "file":
		return checkFileName(s)
	case "ext":
		return checkExtension(s)
	case "path":
		return checkFallback(s)
	case "target":
		return checkTarget(s)
	case "header":
		return checkHeaderName(s)
	case "value":
		return checkHeaderValue(s)
	case "variable":
		return checkVariable(s)
	case "realm":
		return checkRealm(s)
	}
	return ""
}

func checkFileName(s string) string {
	switch {
	case s == "":
		return "a file name is missing here"
	case s == "." || s == "..":
		return fmt.Sprintf("%s is not the name of a file", quote(s))
	case strings.Contains(s, "/"):
		return fmt.Sprintf("%s has a slash; write only the name of a file, as in %s", quote(s), quote("index.html"))
	}
	return ""
}

func checkExtension(s string) string {
	switch {
	case strings.HasPrefix(s, "*."):
		return fmt.Sprintf("%s is not an extension; did you mean %s?", quote(s), quote(s[1:]))
	case s == "" || s == ".":
		return fmt.Sprintf("%s is not an extension; write for example %s", quote(s), quote(".php"))
	case strings.Contains(s, "/"):
		return fmt.Sprintf("%s has a slash; an extension is for example %s", quote(s), quote(".php"))
	case s[0] != '.':
		return fmt.Sprintf("an extension begins with a dot; did you mean %s?", quote("."+s))
	}
	return ""
}

func checkFallback(s string) string {
	switch {
	case !strings.HasPrefix(s, "/"):
		return fmt.Sprintf(`a fallback begins with "/": it is a path below root; did you mean %s?`, quote("/"+strings.TrimPrefix(s, "./")))
	case strings.HasSuffix(s, "/"):
		return fmt.Sprintf("%s ends in a slash; name a file below root, as in %s", quote(s), quote("/index.php"))
	}
	if why := badSegments(s); why != "" {
		return fmt.Sprintf("%s %s", quote(s), why)
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return fmt.Sprintf("%s has a control character; take it out", quote(s))
	}
	if strings.ContainsAny(s, "?#") {
		return fmt.Sprintf("%s has a query or fragment; name only a file below root", quote(s))
	}
	return ""
}

// badSegments says what a canonical path cannot hold; s starts with "/".
func badSegments(s string) string {
	for segment := range strings.SplitSeq(s[1:], "/") {
		if segment == "." || segment == ".." {
			return fmt.Sprintf("has the segment %s, which never gets here; write the path without it", quote(segment))
		}
	}
	if strings.Contains(s, "//") {
		return `has "//", but slashes are merged before anything is compared; write one`
	}
	return ""
}

func checkTarget(s string) string {
	if s == "" {
		return "a URL is missing here"
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f }); i >= 0 {
		if s[i] == ' ' {
			return fmt.Sprintf("%s has a blank; write it as %%20", quote(s))
		}
		return fmt.Sprintf("%s has a control character, which no URL may have", quote(s))
	}
	if strings.HasPrefix(s, "//") || strings.HasPrefix(s, `/\`) {
		return fmt.Sprintf("%s would lead to another host; write the scheme, too: %s", quote(s), quote("https:"+strings.ReplaceAll(s, `\`, "/")))
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return fmt.Sprintf("%s is not a URL; write for example %s", quote(s), quote("https://example.org/"))
	case s[0] == '/':
		return ""
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Opaque == "":
		return ""
	case u.Scheme == "http" || u.Scheme == "https":
		return fmt.Sprintf("%s names no host; write for example %s", quote(s), quote("https://example.org/"))
	case strings.Contains(s, "://"):
		return fmt.Sprintf("clients are sent to http and https only, not to %s", quote(s))
	case strings.Contains(strings.SplitN(s, "/", 2)[0], "."):
		return fmt.Sprintf("%s has no scheme; did you mean %s?", quote(s), quote("https://"+s))
	}
	return fmt.Sprintf(`%s is not a target; write a URL with http:// or https://, or a path that begins with "/"`, quote(s))
}

// checkHeaderName allows tokens (RFC 9110 section 5.6.2) that do not frame the message: that is the server's business.
func checkHeaderName(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !isTokenRune(r) }) {
		return fmt.Sprintf("%s is not the name of a header field; it has letters, digits and dashes", quote(s))
	}
	switch strings.ToLower(s) {
	case "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade":
		return fmt.Sprintf("%s frames the message, which only the server does; take it out", s)
	}
	return ""
}

func isTokenRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r < 0x7f && strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}

func checkHeaderValue(s string) string {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\r' || c == '\n':
			return "a header value is one line; take the line break out"
		case c < ' ' && c != '\t' || c == 0x7f:
			return fmt.Sprintf("a header value cannot have control characters such as %q", rune(c))
		}
	}
	if strings.Trim(s, " \t") != s {
		return "a header value cannot begin or end with a blank"
	}
	return ""
}

// checkRealm allows what needs no escapes in a quoted string (RFC 9110 section 5.6.4).
func checkRealm(s string) string {
	switch {
	case s == "":
		return "a text is missing here; write one, or take the key out"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "a realm cannot have control characters"
	case strings.ContainsAny(s, `"\`):
		return `a realm cannot have double quotes or backslashes; take them out`
	}
	return ""
}

func checkVariable(s string) string {
	if s == "" {
		return "the name of a variable is missing here"
	}
	if name, _, ok := strings.Cut(s, "="); ok {
		return fmt.Sprintf(`%s has a "="; write only the name of the variable (%s), values go under env`, quote(s), quote(name))
	}
	if strings.Contains(s, "\x00") {
		return "the name of a variable cannot have a NUL byte"
	}
	return ""
}
