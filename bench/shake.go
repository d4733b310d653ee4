package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"gatewayd/gateway/loadclient"
)

// How a server is shaken.
const (
	calmTime     = time.Second
	reloadEvery  = 350 * time.Millisecond
	reloadSettle = 5 * time.Second // for the last configuration to be seen
	keptRate     = 2000            // requests a second over kept connections
	freshRate    = 500             // and over fresh ones
)

// shaken is what became of the requests to a server whose configuration changed under them.
type shaken struct {
	*peer
	calm        *loadclient.Report // before the first reload
	kept, fresh *loadclient.Report // meanwhile
	seen        int                // configurations that clients have seen
	failed      error              // the last reload that failed, if one has
}

// shakeAll visits every server of a workload once.
func (b *bench) shakeAll(w workload, reloads int) (all []*shaken, err error) {
	r := &result{workload: &w}
	defer func() {
		for _, p := range r.peers {
			p.stop()
		}
	}()
	if err := b.prepare(r); err != nil {
		return nil, err
	}
	for _, p := range r.peers {
		log.Printf("%d reloads: %s", reloads, p.name)
		all = append(all, b.shake(p, reloads))
	}
	return all, nil
}

// shake has a server read another configuration again and again while clients ask.
func (b *bench) shake(p *peer, reloads int) *shaken {
	s := &shaken{peer: p}
	calm, endCalm := context.WithTimeout(context.Background(), calmTime)
	defer endCalm()
	s.calm = loadclient.Sum(b.crowds(calm, p, &roundsSeen{}))
	var seen roundsSeen
	ctx, stop := context.WithCancel(context.Background())
	var load sync.WaitGroup
	load.Go(func() { s.kept, s.fresh = b.crowds(ctx, p, &seen) })
	for round := 1; round <= reloads; round++ {
		next := time.Now().Add(reloadEvery)
		if err := p.change(round); err != nil {
			s.failed = err
		}
		time.Sleep(time.Until(next))
	}
	for deadline := time.Now().Add(reloadSettle); !seen.has(reloads) && time.Now().Before(deadline); {
		time.Sleep(10 * time.Millisecond)
	}
	stop()
	load.Wait()
	s.seen = seen.count()
	return s
}

// crowds ask a server until ctx ends.
func (b *bench) crowds(ctx context.Context, p *peer, seen *roundsSeen) (kept, fresh *loadclient.Report) {
	asks := reloadAsks()
	crowd := func(clients int, rate float64, fresh bool) *loadclient.Report {
		return loadclient.Load{
			Address: p.address, Clients: clients, Rate: rate, Fresh: fresh, Duration: time.Hour, Deadline: 10 * time.Second,
			Next: func(n int) *loadclient.Request { return &asks[n%len(asks)] }, Done: seen.note,
		}.Run(ctx)
	}
	var both sync.WaitGroup
	both.Go(func() { kept = crowd(b.clients, keptRate, false) })
	both.Go(func() { fresh = crowd(b.clients, freshRate, true) })
	both.Wait()
	return kept, fresh
}

// change saves the configuration of a round and has the server read it.
func (p *peer) change(round int) error {
	conf := filepath.Join(p.dir, "conf", slug(p.name)+".conf")
	if err := os.WriteFile(conf+".new", []byte(p.confOf(round)), 0o644); err != nil {
		return err
	}
	if err := os.Rename(conf+".new", conf); err != nil {
		return err
	}
	if p.reloadBy != 0 {
		return p.procs[len(p.procs)-1].Process.Signal(p.reloadBy)
	}
	if p.reload == nil {
		return nil
	}
	cmd := exec.Command(p.reload[0], p.reload[1:]...)
	cmd.Dir, cmd.Env = p.dir, append(os.Environ(), p.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w: %s", p.reload, err, out)
	}
	return nil
}

// confOf is the server's configuration in a round.
func (p *peer) confOf(round int) string {
	return strings.ReplaceAll(p.conf, "$ROUND", strconv.Itoa(round))
}

// roundsSeen are the configurations that clients have had answers from.
type roundsSeen struct {
	mu    sync.Mutex
	times map[int]int
}

func (s *roundsSeen) note(r loadclient.Result) {
	round, err := strconv.Atoi(r.Header.Get(roundField))
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.times == nil {
		s.times = map[int]int{}
	}
	s.times[round]++
}

func (s *roundsSeen) has(round int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times[round] > 0
}

// count is without that which the server began with.
func (s *roundsSeen) count() int {
	first := 0
	if s.has(0) {
		first = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.times) - first
}
