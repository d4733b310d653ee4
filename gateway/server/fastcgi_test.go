package server

import (
	"errors"
	"io"
	"testing"
	"time"

	"gatewayd/gateway/config"
)

func TestWaitForWorker(t *testing.T) {
	for _, tt := range []struct {
		queue config.Queue
		want  time.Duration
	}{
		{config.Queue{}, 10 * time.Second}, // off: a worker that is being started is waited for all the same
		{config.Queue{Max: 100, Wait: 30 * time.Second}, 30 * time.Second},
		{config.Queue{Max: 100, Wait: time.Second}, 10 * time.Second},
		{config.Queue{Max: 100}, 0},
	} {
		if got := waitForWorker(tt.queue, 10*time.Second); got != tt.want {
			t.Errorf("%+v: %v, want %v", tt.queue, got, tt.want)
		}
	}
}

// While a change waits for workers that do not come, the status answers and the server can be ended.
func TestChangeThatWaitsHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	head := "listen: 127.0.0.1:0\nadmin: off\nstart_timeout: 30s\nlog: { level: error, output: ./log, access: off }\nroutes: "
	conf := load(t, dir, head+"{ /*: { respond: 200 } }\n")
	s := New(Options{Version: "test", Announce: io.Discard, Load: func() (*config.Config, config.Problems) { return conf, nil }})
	if _, err := s.Start(); err != nil {
		t.Fatal(err)
	}
	conf = load(t, dir, head+"{ /*: { fastcgi: { run: [sleep, '1000'], workers: 1 } } }\n")
	done := make(chan error)
	go func() {
		_, err := s.Reload()
		done <- err
	}()
	for begun := time.Now(); len(s.Status().(Status).Pools) == 0; time.Sleep(time.Millisecond) {
		if time.Since(begun) > 10*time.Second {
			t.Fatal("no worker is started")
		}
	}
	begun := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, errEnding) {
		t.Error(err)
	}
	if took := time.Since(begun); took > 10*time.Second {
		t.Error("that took", took)
	}
}
