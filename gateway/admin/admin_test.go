package admin

import (
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

type fake struct{ err error }

func (f fake) Reload() (string, error) { return "generation 2", f.err }
func (f fake) Status() any             { return map[string]int{"generation": 1} }

func serve(t *testing.T, s Server) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "admin.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	h := &http.Server{Handler: Handler(s)}
	go h.Serve(l)
	t.Cleanup(func() { h.Close() })
	return socket
}

func TestCalls(t *testing.T) {
	socket := serve(t, fake{})
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/healthz", "ok\n"},
		{"GET", "/status", `"generation": 1`},
		{"POST", "/reload", "generation 2\n"},
	} {
		if got, err := Call(socket, c.method, c.path); err != nil || !strings.Contains(got, c.want) {
			t.Errorf("%s %s: %q, %v", c.method, c.path, got, err)
		}
	}
	for _, c := range []struct{ method, path string }{{"GET", "/reload"}, {"POST", "/status"}, {"GET", "/nothing"}} {
		if got, err := Call(socket, c.method, c.path); err == nil {
			t.Errorf("%s %s: %q", c.method, c.path, got)
		}
	}
}

func TestRefusedReload(t *testing.T) {
	socket := serve(t, fake{errors.New("gatewayd.yaml:1:2: error: x: y")})
	if _, err := Call(socket, "POST", "/reload"); err == nil || !strings.Contains(err.Error(), "gatewayd.yaml:1:2: error: x: y") {
		t.Errorf("got %v", err)
	}
}

func TestNobodyThere(t *testing.T) {
	if _, err := Call(filepath.Join(t.TempDir(), "none"), "GET", "/status"); !errors.Is(err, ErrNotRunning) {
		t.Errorf("got %v", err)
	}
}
