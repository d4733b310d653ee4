package main

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"gatewayd/gateway/loadclient"
)

// TestWorkersCrowd: many clients get as much out of a few workers as few clients do, and each gets its turn.
func TestWorkersCrowd(t *testing.T) {
	rounds, duration, least := 3, time.Second, 0.75 // other tests, too, want this machine
	if soak() {
		rounds, duration, least = 7, 5*time.Second, 0.9
	}
	dir := t.TempDir()
	compileC(t, dir)
	s := serveReal(t, dir, `
admin: off
log: { access: off }
routes:
  "/app/*": { fastcgi: { run: ./app, workers: 4 }, queue: { max: 1000, wait: 30s } }
`)
	ask := loadclient.Request{Target: "/app/large?1024", Want: loadclient.Want{Body: generated(1024)}}
	throughput := map[int][]float64{}
	for range rounds {
		for _, clients := range []int{4, 200} {
			report := loadclient.Load{Address: strings.TrimPrefix(s.url, "http://"), Clients: clients, Duration: duration, Next: func(int) *loadclient.Request { return &ask }}.Run(context.Background())
			t.Logf("%d clients: %v; longest wait over median %.1f", clients, report, float64(report.Latency(1))/float64(report.Latency(0.5)))
			if report.Failures() > 0 {
				t.Error("requests failed")
			}
			throughput[clients] = append(throughput[clients], float64(report.Requests)/report.Took.Seconds())
		}
	}
	var ratios []float64
	for i, few := range throughput[4] {
		ratios = append(ratios, throughput[200][i]/few)
	}
	ratio := median(ratios)
	t.Logf("200 clients get %.2f of what 4 do (median of %.2f)", ratio, ratios)
	if !soak() { // other tests take their share of the machine, now more and now less
		ratio = slices.Max(ratios)
	}
	if ratio < least {
		t.Errorf("200 clients get less than %.2f of what 4 do", least)
	}
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}
