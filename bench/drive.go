package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gatewayd/gateway/loadclient"
)

// sample is what a server did in one round.
type sample struct {
	rate     float64       // requests each second: by wrk, or without it by our own client
	own      float64       // the same by our own client, which looks at every byte
	cpu      time.Duration // for each request, with the application
	p50, p99 time.Duration // by our own client
	others   float64       // share of the processors' time that went elsewhere
}

// once asks a server once.
func (b *bench) once(p *peer, w *workload) error {
	_, err := b.own(p, w, loadclient.Load{Requests: 1})
	return err
}

// measure drives one server; every answer must be right.
func (b *bench) measure(p *peer, w *workload) (s sample, err error) {
	if p.measure != nil {
		return p.measure(b, p.dir)
	}
	own := b.time
	if b.wrk {
		own = b.time / 4 // it is there to judge the answers
	}
	if _, err := b.own(p, w, loadclient.Load{Clients: b.clients, Duration: b.time / 10}); err != nil {
		return s, err
	}
	before, err := p.cpu()
	if err != nil {
		return s, err
	}
	meter, err := startMeter(before)
	if err != nil {
		return s, err
	}
	report, err := b.own(p, w, loadclient.Load{Clients: b.clients, Duration: own})
	if err != nil {
		return s, err
	}
	s.own = float64(report.Requests) / report.Took.Seconds()
	s.rate, s.p50, s.p99 = s.own, report.Latency(0.5), report.Latency(0.99)
	requests := report.Requests
	if b.wrk {
		counted, err := b.byWrk(p, w)
		if err != nil {
			return s, err
		}
		s.rate = float64(counted.requests) / counted.took.Seconds()
		requests += counted.requests
	}
	time.Sleep(50 * time.Millisecond) // the last programs are reaped
	after, err := p.cpu()
	if err != nil {
		return s, err
	}
	s.cpu = (after - before) / time.Duration(requests)
	s.others, err = meter.others(after)
	return s, err
}

// own drives a server by our own client.
func (b *bench) own(p *peer, w *workload, load loadclient.Load) (*loadclient.Report, error) {
	load.Address, load.Next, load.Deadline = p.address, func(int) *loadclient.Request { return &w.ask }, 10*time.Second
	r := load.Run(context.Background())
	if r.Failures() > 0 || r.Requests == 0 {
		return nil, fmt.Errorf("%v", r)
	}
	return r, nil
}

// wrkScript has wrk print what parseWrk reads.
//
//go:embed wrk.lua
var wrkScript []byte

// counted is what wrk has counted.
type counted struct {
	took     time.Duration
	requests int
	bytes    int64 // of answers with their heads, and of those that were not whole at the end
	errors   int   // statuses above 399 among them
}

// byWrk drives a server by wrk, in one thread: it takes one of two processors' time at most.
func (b *bench) byWrk(p *peer, w *workload) (c counted, err error) {
	script := filepath.Join(p.dir, "wrk.lua")
	if err := os.WriteFile(script, wrkScript, 0o644); err != nil {
		return c, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.time+30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "wrk", "-t1", fmt.Sprintf("-c%d", b.clients), fmt.Sprintf("-d%.0fs", b.time.Seconds()), "-s", script,
		"http://"+p.address+w.ask.Target).CombinedOutput()
	if err != nil {
		return c, fmt.Errorf("wrk: %w: %s", err, out)
	}
	if c, err = parseWrk(out); err != nil {
		return c, err
	}
	return c, c.judge(len(w.ask.Want.Body), b.clients)
}

func parseWrk(out []byte) (c counted, err error) {
	var micros int64
	_, line, _ := bytes.Cut(out, []byte("counted: "))
	if _, err := fmt.Sscan(string(line), &micros, &c.requests, &c.bytes, &c.errors); err != nil {
		return c, fmt.Errorf("wrk: %q: %w", out, err)
	}
	c.took = time.Duration(micros) * time.Microsecond
	return c, nil
}

// maxHead is more than the head of any answer has.
const maxHead = 1 << 10

// judge is an error if there were errors, or fewer or more bytes than so many answers have.
func (c counted) judge(length, clients int) error {
	least, most := int64(c.requests)*int64(length), int64(c.requests+clients)*int64(length+maxHead)
	if c.requests == 0 || c.errors > 0 || c.bytes < least || c.bytes > most {
		return fmt.Errorf("wrk: %d requests, %d errors, %d bytes; %d to %d are right", c.requests, c.errors, c.bytes, least, most)
	}
	return nil
}
