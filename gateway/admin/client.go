package admin

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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
		return "", fmt.Errorf("%w: %s: %w", ErrNotRunning, socket, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return "", err
	}
	if resp.StatusCode/100 != 2 {
		return "", fmt.Errorf("%s", text)
	}
	return string(text), nil
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
