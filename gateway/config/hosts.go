package config

import (
	"fmt"
	"net/netip"
	"strings"
)

// siteHost is a word of a site's key in the form that requests are compared with: lower case, IPv6 in brackets.
func siteHost(word string) (host, why string) {
	name := lowerASCII(word)
	switch {
	case name == "*":
		return "", `"*" is no host; what is to answer for every host goes in routes at the top level`
	case strings.Contains(name, "://"):
		_, rest, _ := strings.Cut(name, "://")
		return "", fmt.Sprintf("a site is chosen by host alone; write %s", quote(strings.TrimRight(strings.SplitN(rest, ":", 2)[0], "/")))
	case strings.Contains(name, "/"):
		return "", fmt.Sprintf("%s has a path; paths go under routes, the key of a site is hosts alone", quote(word))
	case strings.Contains(name, ","):
		return "", "the hosts of a site have blanks between them, not commas"
	}
	if addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")); err == nil && addr.Zone() == "" {
		if addr.Is6() {
			return "[" + addr.String() + "]", ""
		}
		return addr.String(), ""
	}
	if host, port, ok := cutPort(name); ok {
		return "", fmt.Sprintf("a site is chosen by host alone; take out the port :%s and write %s", port, quote(host))
	}
	suffix, wildcard := strings.CutPrefix(name, "*.")
	if why := hostNameProblem(suffix); why != "" {
		return "", fmt.Sprintf("%s is not a host: %s", quote(word), why)
	}
	if wildcard {
		return "*." + suffix, ""
	}
	return suffix, ""
}

// cutPort finds a port at the end, also of an address in brackets.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i <= 0 {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	_, rest, digits := leadingNumber(port)
	bracketed := strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]")
	return host, port, digits && rest == "" && (bracketed || !strings.Contains(host, ":"))
}

// hostNameProblem says why s, in lower case or not, is no DNS name (RFC 1123 section 2.1; underscores are in use, too).
func hostNameProblem(s string) string {
	switch {
	case s == "":
		return "the name is missing"
	case len(s) > 253:
		return "a name has at most 253 bytes"
	case strings.HasSuffix(s, "."):
		return "write it without the dot at the end"
	case strings.Contains(s, "*"):
		return `"*" may only be the whole first label, as in "*.example.org"`
	}
	last := ""
	for label := range strings.SplitSeq(s, ".") {
		if why := labelProblem(label); why != "" {
			return why
		}
		last = label
	}
	if strings.Trim(last, "0123456789") == "" {
		return "it looks like an address, but is none"
	}
	return ""
}

func labelProblem(label string) string {
	switch {
	case label == "":
		return "there is nothing between two dots"
	case len(label) > 63:
		return "a label between dots has at most 63 bytes"
	case label[0] == '-' || label[len(label)-1] == '-':
		return "a label cannot begin or end with a dash"
	}
	for _, r := range label {
		switch {
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_':
		case r >= 0x80:
			return "browsers send names with such letters in their ASCII form; write that, it begins with xn--"
		default:
			return fmt.Sprintf("it cannot have %q", r)
		}
	}
	return ""
}

// lowerASCII folds case as DNS does, and no letter beyond it.
func lowerASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
