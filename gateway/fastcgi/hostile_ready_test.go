package fastcgi_test

import (
	"net"
	"slices"
	"testing"

	"gatewayd/gateway/fastcgi"
)

// TestNotReady: what is no FastCGI is no answer to the question what a worker is, and neither is the end of the
// connection.
func TestNotReady(t *testing.T) {
	for _, c := range slices.Concat(garbage(), wrongRecords()) {
		if c.cut || c.does != nil || c.says[1] >= 9 && c.says[2:4] == "\x00\x00" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if answered, err := ready(t, c.says); answered || err == nil {
				t.Errorf("answered: %v, %v", answered, err)
			}
		})
	}
	for name, says := range map[string]string{"closes": "", "closes inside the answer": record(10, 0, "\x0f\x01FCGI_MPXS_CONNS0", 0)[:15]} {
		t.Run(name, func(t *testing.T) {
			if answered, err := ready(t, says); answered {
				t.Errorf("taken for an answer (%v)", err)
			}
		})
	}
}

// ready asks a worker that says something and closes.
func ready(t *testing.T, says string) (answered bool, err error) {
	t.Helper()
	v := newVillain(t, "unix", func(k *talk) {
		k.record()
		k.send(says)
		k.end(shuts)
	})
	defer v.close()
	conn, err := net.Dial("unix", v.address().Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return fastcgi.Ready(t.Context(), conn)
}
