package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// timeout bounds one call; a reload may have to wait for workers.
const timeout = 2 * time.Minute

// Call sends one request to the server behind socket and returns the answer's text; an answer other than 2xx is an
// error with that text.
func Call(socket, method, path string) (string, error) {
	client := http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, "unix", socket)
			},
		},
	}
	req, err := http.NewRequest(method, "http://gatewayd"+path, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrNotRunning, socket, cause(err))
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode/100 != 2 {
		return "", errors.New(strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

// cause is err without the address that was made up for HTTP and the operation, as far as the system gave a reason.
func cause(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}

// CheckFolder says why the folder of the default socket is not one to trust: others may have made it first in the
// temp directory, or may put a socket of theirs there.
func CheckFolder(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case !ok || int(stat.Uid) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user", dir)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("%s may be written by others: chmod go-w %s", dir, dir)
	}
	return nil
}

// DefaultSocket is where the socket is unless the configuration says otherwise.
func DefaultSocket() string {
	if os.Geteuid() == 0 {
		return "/run/gatewayd/admin.sock"
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "gatewayd", "admin.sock")
	}
	return filepath.Join(os.TempDir(), "gatewayd-"+strconv.Itoa(os.Getuid()), "admin.sock")
}
