package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
)

// result is what the servers of a workload did.
type result struct {
	*workload
	peers []*peer
}

// run starts every server of every workload, visits them in rounds and ends them.
func (b *bench) run(workloads []workload) ([]*result, error) {
	var results []*result
	defer func() {
		for _, r := range results {
			for _, p := range r.peers {
				p.stop()
			}
		}
	}()
	for i := range workloads {
		r := &result{workload: &workloads[i]}
		results = append(results, r)
		if err := b.prepare(r); err != nil {
			return nil, fmt.Errorf("%s: %w", r.name, err)
		}
	}
	for round := range b.rounds {
		for _, r := range results {
			log.Printf("round %d of %d: %s", round+1, b.rounds, r.name)
			b.round(r, round)
		}
	}
	return results, nil
}

// prepare makes the files of a workload and starts its servers.
func (b *bench) prepare(r *result) error {
	dir := filepath.Join(b.dir, slug(r.name))
	if err := os.MkdirAll(filepath.Join(dir, "conf"), 0o755); err != nil {
		return err
	}
	for name, f := range r.files {
		if err := f.write(b.dir, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	for _, s := range r.servers {
		if b.only != nil && !b.only.MatchString(r.name+": "+s.name) {
			continue
		}
		p, err := b.start(r.workload, dir, s)
		if err != nil {
			return err
		}
		if p != nil {
			r.peers = append(r.peers, p)
		}
	}
	return nil
}

func (f file) write(programs, name string) error {
	text := []byte(f.text)
	if f.copy != "" {
		var err error
		if text, err = os.ReadFile(filepath.Join(programs, f.copy)); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o755)
}

// round measures every server once, beginning with another one each time. One wrong answer makes all figures of its
// server void.
func (b *bench) round(r *result, round int) {
	for i := range r.peers {
		p := r.peers[(i+round)%len(r.peers)]
		if p.void != nil {
			continue
		}
		s, err := b.measure(p, r.workload)
		if err != nil {
			log.Printf("%s: the figures of %s are void: %v", r.name, p.name, err)
			p.void = err
			continue
		}
		p.samples = append(p.samples, s)
	}
}
