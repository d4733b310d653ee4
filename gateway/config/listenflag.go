package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// ParseListen reads one address as `listen` takes it, for a command line. A socket's path is relative to the working
// directory.
func ParseListen(s string) (Listen, error) {
	path, isUnix := strings.CutPrefix(s, "unix:")
	if !isUnix {
		address, err := tcpAddress(s)
		return Listen{Network: "tcp", Address: address}, err
	}
	if path == "" || strings.HasSuffix(path, "/") {
		return Listen{}, fmt.Errorf("%s names no socket; write for example unix:/run/gatewayd/http.sock", quote(s))
	}
	path, err := filepath.Abs(path)
	if err == nil && len(path) > maxSocketPath {
		err = fmt.Errorf("the path of a socket has at most %d bytes, and %s has %d", maxSocketPath, quote(path), len(path))
	}
	return Listen{Network: "unix", Address: path}, err
}
