package config

import (
	"cmp"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// What stands in the place of a program and is none.

// check reports a program of workers that cannot be one.
func (v *commandValue) check(l *loader) {
	if len(v.v) == 0 {
		return
	}
	name := filepath.Base(v.v[0])
	switch {
	case v.noExec != "" && filepath.Ext(name) == ".php":
		l.error(v.place, "%s is PHP, which is run by php-cgi; write php: and the directory of the files", quote(name))
	case v.noExec != "":
		l.refers(v.v[0])
		l.error(v.place, "%s", v.noExec)
	case strings.HasPrefix(name, "php-fpm"):
		l.error(v.place, "%s starts workers of its own and listens where its own config says; start it apart and write that address: connect: %s", name, quote("unix:/run/php/php-fpm.sock"))
	}
}

// notAProgram says what s is if it looks like an address, and what to write for it.
func (l *loader) notAProgram(s string, f *field, p place) string {
	meant, isCGI := meantApplication(s), f.rule == "cgi"
	switch {
	case isAddress(s) && isCGI:
		return quote(s) + " is the address of a FastCGI application; cgi takes the path of a program or of a directory"
	case isAddress(s):
		return fmt.Sprintf("%s is an address; write connect: %s", quote(s), quote(s))
	case strings.Contains(s, "://") && isCGI:
		return quote(s) + " is a URL; cgi takes the path of a program, and redirect sends clients to a URL"
	case strings.Contains(s, "://") && meant == "":
		return quote(s) + ` is a URL; write the path of a program, or an address: "unix:/run/app.sock", "tcp:127.0.0.1:9000"`
	case strings.HasPrefix(s, "http://"), strings.HasPrefix(s, "https://"):
		return fmt.Sprintf("%s is the URL of an HTTP server; if it is FastCGI that is spoken there write %s", quote(s), connectTo(meant, f, p))
	case strings.Contains(s, "://"):
		return fmt.Sprintf("%s is a URL; for a FastCGI application that listens there write %s", quote(s), connectTo(meant, f, p))
	case l.looksLikeHostPort(s):
		return fmt.Sprintf("%s looks like an address; for a FastCGI application write %s, for a program of that name %s", quote(s), connectTo(cmp.Or(meant, "tcp:"+s), f, p), quote("./"+s))
	case l.looksLikeSocket(s):
		return fmt.Sprintf("%s is the path of a socket; for the FastCGI application that listens there write %s", quote(s), connectTo("unix:"+s, f, p))
	}
	return ""
}

// connectTo is how an address is written where a command stands at p.
func connectTo(address string, f *field, p place) string {
	switch {
	case f.rule == "cgi":
		return "fastcgi: " + quote(address)
	case p.path.name == f.key:
		return "connect: " + quote(address)
	}
	return quote(address)
}

func (l *loader) looksLikeHostPort(s string) bool {
	if _, rest, ok := leadingNumber(s); ok && rest == "" {
		return !exists(l.abs(s))
	}
	host, port, ok := strings.Cut(s, ":")
	_, rest, digits := leadingNumber(port)
	return ok && digits && rest == "" && !strings.Contains(host, "/") || strings.HasPrefix(s, "[") && strings.Contains(s, "]:")
}

// looksLikeSocket goes by the name where nothing is there.
func (l *loader) looksLikeSocket(s string) bool {
	if info, err := os.Stat(l.abs(s)); err == nil {
		return info.Mode()&fs.ModeSocket != 0
	}
	return strings.HasSuffix(s, ".sock") || strings.HasSuffix(s, ".socket")
}

// directoryOfScripts is about a directory at path, written as s, where a program of workers is needed.
func (l *loader) directoryOfScripts(s, path string) string {
	handler := "cgi"
	names, _ := namesIn(path)
	for _, name := range names {
		if strings.HasSuffix(name, ".php") {
			handler = "php"
		}
	}
	return fmt.Sprintf("%s is a directory, and workers run one program; name it, or write %s: %s", quote(s), handler, oneLine(s))
}
