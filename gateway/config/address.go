package config

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxSocketPath is what fits in a unix socket's address (sun_path less its NUL).
const maxSocketPath = 107

// listenValue is addresses to accept connections on.
type listenValue struct{ value[[]Listen] }

func (v *listenValue) setDefault(s string) { v.v = []Listen{{Network: "tcp", Address: s}} }

func (v *listenValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	v.v = nil
	seen := map[Listen]int{}
	before := len(l.problems)
	l.list(n, p, func(n *yaml.Node, p place) {
		a, ok := l.listenAddress(n, p)
		if !ok {
			return
		}
		if line, twice := seen[a]; twice && !strings.HasSuffix(a.Address, ":0") {
			l.error(p, "this address stands twice; the first is in line %d", line)
			return
		}
		seen[a] = p.at.Line
		a.Pos = p.at
		v.v = append(v.v, a)
	})
	if len(v.v) == 0 && len(l.problems) == before {
		l.error(p, "the list is empty; write at least one address, or take the key out for %s", quote(":8080"))
	}
}

func (l *loader) listenAddress(n *yaml.Node, p place) (Listen, bool) {
	if target, ok := l.target(n, p); ok && target.Kind != yaml.ScalarNode && target.Style&yaml.FlowStyle != 0 {
		l.error(p, `a text that begins with [ must be in quotes: "[::]:80"`)
		return Listen{}, false
	}
	s, ok := l.text(n, p)
	if !ok {
		return Listen{}, false
	}
	if path, isUnix := strings.CutPrefix(s, "unix:"); isUnix {
		path, ok = l.socketPath(path, p)
		return Listen{Network: "unix", Address: path}, ok
	}
	address, err := tcpAddress(s)
	if err != nil {
		l.error(p, "%v", err)
		return Listen{}, false
	}
	return Listen{Network: "tcp", Address: address}, true
}

// socketPath makes the path of a unix socket absolute. The socket need not be there: it is made.
func (l *loader) socketPath(s string, p place) (string, bool) {
	path := l.abs(s)
	switch {
	case s == "":
		l.error(p, `the path of the socket is missing; write for example "unix:/run/gatewayd/http.sock"`)
		return "", false
	case strings.HasSuffix(s, "/"):
		l.error(p, "%s is a directory; name the socket in it", quote(s))
		return "", false
	case len(path) > maxSocketPath:
		l.error(p, "the path of a socket has at most %d bytes, and %s has %d; write a shorter one", maxSocketPath, quote(path), len(path))
		return "", false
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&os.ModeSocket == 0 {
		l.error(p, "%s is %s, in the place where the socket should be made", quote(path), kindOfFile(info.Mode()))
		return "", false
	}
	return path, true
}

// tcpAddress checks HOST:PORT and gives it in one form, whatever way the port is written.
func tcpAddress(s string) (string, error) {
	if meant := meantAddress(s); meant != "" {
		return "", fmt.Errorf("%s is not an address; did you mean %s?", quote(s), quote(meant))
	}
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", fmt.Errorf(`%s is not an address; write it as ":8080", "127.0.0.1:8080" or "unix:/run/gatewayd/http.sock"`, quote(s))
	}
	number, rest, digits := leadingNumber(port)
	switch {
	case port == "":
		return "", fmt.Errorf("%s has no port; did you mean %s?", quote(s), quote(s+"8080"))
	case !digits || rest != "":
		return "", fmt.Errorf("the port %s is not a number; write for example %s", quote(port), quote(net.JoinHostPort(host, "8080")))
	case number > 65535:
		return "", fmt.Errorf("there is no port %s; the highest is 65535", oneLine(port))
	}
	if host, err = listenHost(host); err != nil {
		return "", err
	}
	return net.JoinHostPort(host, strconv.FormatInt(number, 10)), nil
}

func listenHost(host string) (string, error) {
	if host == "" {
		return "", nil
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.String(), nil
	}
	if why := hostNameProblem(host); why != "" {
		return "", fmt.Errorf("%s is not a host to listen on: %s", quote(host), why)
	}
	return lowerASCII(host), nil
}

// meantAddress guesses at the address in what is none: "8080", "::1:80", "http://:8080/", "*:80", "localhost".
func meantAddress(s string) string {
	if _, rest, ok := leadingNumber(s); ok && rest == "" {
		return ":" + s
	}
	for _, prefix := range []string{"http://", "https://", "tcp:", "tcp://"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" {
			return strings.TrimSuffix(rest, "/")
		}
	}
	if rest, ok := strings.CutPrefix(s, "*:"); ok {
		return ":" + rest
	}
	if filepath.IsAbs(s) {
		return "unix:" + s
	}
	if strings.Count(s, ":") > 1 && !strings.HasPrefix(s, "[") {
		if _, err := netip.ParseAddr(s); err == nil {
			i := strings.LastIndexByte(s, ':')
			return "[" + s[:i] + "]" + s[i:]
		}
	}
	if _, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return net.JoinHostPort(strings.Trim(s, "[]"), "8080")
	}
	if !strings.ContainsAny(s, ":/") && hostNameProblem(s) == "" {
		return s + ":8080"
	}
	return ""
}

// adminValue is where the operator talks to the server.
type adminValue struct{ value[Admin] }

func (v *adminValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	if target, ok := l.target(n, p); ok && target.Kind == yaml.MappingNode {
		l.error(p, `admin over TCP is not in this version yet; write "unix:PATH", or off`)
		return
	}
	s, ok := l.text(n, p)
	if !ok {
		return
	}
	path, isUnix := strings.CutPrefix(s, "unix:")
	_, tcpErr := tcpAddress(s)
	switch {
	case isOff(s):
		v.v.Off = true
	case isUnix:
		v.v.Socket, _ = l.socketPath(path, p)
	case tcpErr == nil || strings.HasPrefix(s, "tcp:"):
		l.error(p, `admin over TCP is not in this version yet; write "unix:PATH", or off`)
	case strings.Contains(s, "/"):
		l.error(p, "%s is not an address; did you mean %s?", quote(s), quote("unix:"+s))
	default:
		l.error(p, `%s is not known here; write "unix:PATH" or off, or take the key out for the default socket`, quote(s))
	}
}

// outputValue is where a log goes.
type outputValue struct{ value[string] }

func (v *outputValue) setDefault(s string) { v.v = s }

func (v *outputValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	s, ok := l.text(n, p)
	switch {
	case !ok:
		return
	case s == "stderr" || s == "stdout":
		v.v = s
		return
	case s == "":
		l.error(p, `a value is missing here; write "stderr", "stdout" or the path of a file`)
		return
	}
	words := []string{"stderr", "stdout"}
	if meant := nearest(s, words); meant != "" && !strings.Contains(s, "/") {
		l.error(p, "%s is not known here; did you mean %s? (the path of a file has a slash)", quote(s), quote(meant))
		return
	}
	v.v = l.logFile(s, p)
}

// logFile checks that a file can be written where s says. It need not be there yet.
func (l *loader) logFile(s string, p place) string {
	path := l.abs(s)
	if info, err := os.Stat(path); err == nil {
		if info.IsDir() || strings.HasSuffix(s, "/") {
			l.error(p, "%s is a directory; name the file in it", quote(s))
		}
		return path
	}
	dir := filepath.Dir(path)
	switch info, err := l.stat(dir); {
	case err != nil:
		l.absent(dir, dir, err, p)
	case !info.IsDir():
		l.error(p, "%s is %s; a directory is needed for the log file", quote(dir), kindOfFile(info.Mode()))
	}
	return path
}
