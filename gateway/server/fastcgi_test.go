package server

import (
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
