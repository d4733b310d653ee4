// Command bench measures what a CGI request costs: processor time, user and system, of the server and of every process
// it starts, beside a loop in C that does nothing but run the same program (c/spawnloop.c). Servers are driven over kept
// connections, in turns; what is printed are medians. scripts/bench.sh installs and builds what it needs.
//
//	main.go     the rounds
//	peer.go     one server: started, ready, ended
//	peers.go    their configurations
//	proctime.go the processor time of a tree of processes
//	table.go    the result
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"gatewayd/gateway/loadclient"
)

// bench is one run.
type bench struct {
	dir      string // holds hello, spawnloop, reap.so and gatewayd; configurations are made in it
	rounds   int
	requests int // of each server in each round
	clients  int
}

// sample is what a server did in one round.
type sample struct {
	cpu      time.Duration // for each request
	rate     float64       // requests each second
	p50, p99 time.Duration
}

func main() {
	log.SetFlags(0)
	var b bench
	flag.StringVar(&b.dir, "dir", "", "directory with the programs hello, spawnloop, reap.so and gatewayd")
	flag.IntVar(&b.rounds, "rounds", 5, "rounds")
	flag.IntVar(&b.requests, "requests", 5000, "requests to each server in each round")
	flag.IntVar(&b.clients, "clients", 8, "clients at once")
	flag.Parse()
	if err := b.run(); err != nil {
		log.Fatal("bench: ", err)
	}
}

func (b *bench) run() error {
	if err := b.installProgram(); err != nil {
		return err
	}
	var all []*peer
	defer func() {
		for _, p := range all {
			p.stop()
		}
	}()
	for _, spec := range b.specs() {
		p, err := b.start(spec)
		if err != nil {
			return err
		}
		if p != nil {
			all = append(all, p)
		}
	}
	results := map[string][]sample{}
	for round := range b.rounds {
		log.Printf("round %d of %d", round+1, b.rounds)
		if err := b.round(all, round, results); err != nil {
			return err
		}
	}
	fmt.Print(b.table(all, results))
	return nil
}

// installProgram makes the folders and puts the program where each server looks for it.
func (b *bench) installProgram() error {
	program, err := os.ReadFile(filepath.Join(b.dir, "hello"))
	if err != nil {
		return err
	}
	for _, folder := range []string{"conf", "cgi-bin"} {
		if err := os.MkdirAll(filepath.Join(b.dir, folder), 0o755); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(b.dir, "cgi-bin", "hello"), program, 0o755)
}

// round measures everyone once, beginning with another one each time.
func (b *bench) round(all []*peer, round int, results map[string][]sample) error {
	s, err := b.spawnLoop()
	if err != nil {
		return err
	}
	results[spawnLoopName] = append(results[spawnLoopName], s)
	for i := range all {
		p := all[(i+round)%len(all)]
		s, err := b.measure(p)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		results[p.name] = append(results[p.name], s)
	}
	return nil
}

const spawnLoopName = "posix_spawn loop in C, two at once"

func (b *bench) spawnLoop() (s sample, err error) {
	out, err := exec.Command(filepath.Join(b.dir, "spawnloop"), fmt.Sprint(b.requests), filepath.Join(b.dir, "hello")).Output()
	if err != nil {
		return s, fmt.Errorf("spawnloop: %w", err)
	}
	var runs, seconds, cpu float64
	if _, err := fmt.Sscan(string(out), &runs, &seconds, &cpu); err != nil {
		return s, fmt.Errorf("spawnloop: %q: %w", out, err)
	}
	return sample{cpu: time.Duration(cpu / runs * 1e9), rate: runs / seconds}, nil
}

// measure drives one server; every answer must be right.
func (b *bench) measure(p *peer) (s sample, err error) {
	if err := b.drive(p, b.requests/10, nil); err != nil {
		return s, err
	}
	before, err := p.cpu()
	if err != nil {
		return s, err
	}
	var report *loadclient.Report
	if err := b.drive(p, b.requests, &report); err != nil {
		return s, err
	}
	time.Sleep(50 * time.Millisecond) // the last programs are reaped
	after, err := p.cpu()
	return sample{
		cpu:  (after - before) / time.Duration(b.requests),
		rate: float64(report.Requests) / report.Took.Seconds(),
		p50:  report.Latency(0.5), p99: report.Latency(0.99),
	}, err
}

// driveTime is how long one server may take in one round.
const driveTime = time.Minute

func (b *bench) drive(p *peer, requests int, report **loadclient.Report) error {
	ctx, cancel := context.WithTimeout(context.Background(), driveTime)
	defer cancel()
	ask := &loadclient.Request{Target: "/cgi-bin/hello", Want: loadclient.Want{Body: []byte("hello\n")}}
	r := loadclient.Load{Address: p.address, Clients: b.clients, Requests: requests, Next: func(int) *loadclient.Request { return ask }}.Run(ctx)
	if report != nil {
		*report = r
	}
	if r.Failures() > 0 || r.Requests < requests {
		return fmt.Errorf("of %d requests: %v", requests, r)
	}
	return nil
}
