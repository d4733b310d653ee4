package config

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// String is the address as the file has it: "unix:/run/app.sock", "tcp:127.0.0.1:9000".
func (a Address) String() string { return a.Network + ":" + a.Address }

// fastCGIPort is the usual one, for addresses that lack it.
const fastCGIPort = "9000"

// connectValue is addresses where an application listens.
type connectValue struct{ value[[]Address] }

func (v *connectValue) decode(l *loader, n *yaml.Node, _ *field, p place) {
	seen := map[Address]int{}
	before := len(l.problems)
	l.list(n, p, func(n *yaml.Node, p place) {
		a, ok := l.applicationAddress(n, p)
		if !ok {
			return
		}
		if line, twice := seen[a]; twice {
			l.error(p, "this address stands twice; the first is in line %d", line)
			return
		}
		seen[a] = p.at.Line
		v.v = append(v.v, a)
	})
	if len(v.v) == 0 && len(l.problems) == before {
		l.error(p, `the list is empty; write at least one address, for example "unix:/run/app.sock"`)
	}
}

// applicationAddress reads where an application listens. Nobody need listen there yet.
func (l *loader) applicationAddress(n *yaml.Node, p place) (Address, bool) {
	s, ok := l.text(n, p)
	if !ok {
		return Address{}, false
	}
	a, err := parseAddress(s)
	switch {
	case err != nil:
		l.error(p, "%s", l.notAnAddress(s, err))
		return Address{}, false
	case a.Network == "unix" && a.Address[0] != '@':
		a.Address = l.abs(a.Address)
		if why := socketProblem(a.Address, s); why != "" {
			l.error(p, "%s", why)
			return Address{}, false
		}
	}
	return a, true
}

// notAnAddress is the sentence about s, of which parseAddress says why it is none.
func (l *loader) notAnAddress(s string, why error) string {
	meant := meantApplication(s)
	info, err := os.Stat(l.abs(s))
	there := err == nil && s != "" && (meant == "" || !strings.Contains(s, ":"))
	switch {
	case there && info.IsDir():
		return quote(s) + " is a directory; connect takes the address of an application, root the directory of its files"
	case there && info.Mode().IsRegular():
		return fmt.Sprintf("%s is a file; connect takes the address of an application, run a program that gatewayd starts: run: %s", quote(s), oneLine(s))
	case meant != "":
		return fmt.Sprintf("%s is not an address; did you mean %s?", quote(s), quote(meant))
	}
	return why.Error()
}

// socketProblem says why no socket can be at path, written as s.
func socketProblem(path, s string) string {
	if len(path) > maxSocketPath {
		return fmt.Sprintf("the path of a socket has at most %d bytes, and %s has %d; write a shorter one", maxSocketPath, quote(path), len(path))
	}
	if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeSocket == 0 {
		return fmt.Sprintf("%s is no socket: %s is %s", quote(s), quote(path), kindOfFile(info.Mode()))
	}
	return ""
}

// parseAddress reads "unix:PATH", "unix:@NAME" or "tcp:HOST:PORT". A path is as it is written.
func parseAddress(s string) (Address, error) {
	network, rest, _ := strings.Cut(s, ":")
	switch network {
	case "unix":
		return Address{network, rest}, unixProblem(rest)
	case "tcp":
		address, err := dialAddress(rest)
		return Address{network, address}, err
	}
	if s == "" {
		return Address{}, errors.New(`an address is missing here; write for example "unix:/run/app.sock"`)
	}
	return Address{}, fmt.Errorf(`%s is not an address; write it as "unix:/run/app.sock" or "tcp:127.0.0.1:9000"`, quote(s))
}

// unixProblem says what is wrong with what follows "unix:". A path with "//" or "|" is taken for another program's form.
func unixProblem(path string) error {
	switch {
	case path == "":
		return errors.New(`the path of the socket is missing; write for example "unix:/run/app.sock"`)
	case path == "@":
		return errors.New(`the name of the abstract socket is missing; write for example "unix:@app"`)
	case strings.HasPrefix(path, "//"), strings.Contains(path, "|"):
		return fmt.Errorf("%s is not the path of a socket", quote(path))
	case path[0] == '@' && len(path) > maxSocketPath:
		return fmt.Errorf("the name of a socket has at most %d bytes, and %s has %d; write a shorter one", maxSocketPath, quote(path), len(path))
	case strings.HasSuffix(path, "/"):
		return fmt.Errorf("%s is a directory; name the socket in it", quote(path))
	}
	return nil
}

// dialAddress checks HOST:PORT, where somebody else listens, and gives it in one form.
func dialAddress(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil || host == "" {
		return "", fmt.Errorf(`%s is not HOST:PORT; write for example "tcp:127.0.0.1:9000" or "tcp:[::1]:9000"`, quote(s))
	}
	number, rest, digits := leadingNumber(port)
	if !digits || rest != "" || number < 1 || number > 65535 {
		return "", fmt.Errorf("the port %s is none; write a number from 1 to 65535", quote(port))
	}
	if host, err = listenHost(host); err != nil {
		return "", errors.New(strings.Replace(err.Error(), "a host to listen on", "a host to connect to", 1))
	}
	return net.JoinHostPort(host, strconv.FormatInt(number, 10)), nil
}

// meantApplication guesses at the address in what is none: "9000", "fcgi://127.0.0.1:9000", "/run/app.sock".
func meantApplication(s string) string {
	for _, guess := range guesses(s) {
		if _, err := parseAddress(guess); err == nil && guess != s {
			return guess
		}
	}
	return ""
}

func guesses(s string) []string {
	scheme, rest, _ := strings.Cut(s, ":")
	switch lowerASCII(scheme) {
	case "unix", "http+unix", "sock", "socket":
		path, _, _ := strings.Cut(rest, "|") // Apache: unix:/run/app.sock|fcgi://localhost
		if strings.HasPrefix(path, "//") {
			path = "/" + strings.TrimLeft(path, "/")
		}
		return []string{"unix:" + path}
	case "tcp", "tcp4", "tcp6", "fcgi", "fastcgi", "http", "https":
		rest = strings.TrimPrefix(rest, "//")
		if strings.HasPrefix(rest, "/") {
			return []string{"unix:/" + strings.TrimLeft(rest, "/")}
		}
		host, _, _ := strings.Cut(rest, "/")
		return tcpGuesses(host)
	}
	if strings.ContainsAny(s, "/@") {
		return []string{"unix:" + s}
	}
	return tcpGuesses(s)
}

func tcpGuesses(s string) []string {
	if port, ok := strings.CutPrefix(strings.TrimPrefix(s, "*"), ":"); ok && !strings.Contains(port, ":") {
		s = port
	}
	if _, rest, ok := leadingNumber(s); ok && rest == "" {
		return []string{"tcp:127.0.0.1:" + s}
	}
	bare := strings.Trim(s, "[]")
	if _, err := netip.ParseAddr(bare); err == nil {
		all := []string{"tcp:" + net.JoinHostPort(bare, fastCGIPort)}
		if i := strings.LastIndexByte(s, ':'); i > 0 && s[0] != '[' {
			all = append([]string{"tcp:" + net.JoinHostPort(s[:i], s[i+1:])}, all...)
		}
		return all
	}
	return []string{"tcp:" + s, "tcp:" + s + ":" + fastCGIPort}
}
