package main

import (
	"slices"
	"time"
)

// figure is a number of a sample.
type figure func(sample) float64

func rateOf(s sample) float64 { return s.rate }
func ownOf(s sample) float64  { return s.own }
func cpuOf(s sample) float64  { return float64(s.cpu) }
func p50Of(s sample) float64  { return float64(s.p50) }
func p99Of(s sample) float64  { return float64(s.p99) }

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// values are those of f, round by round.
func (p *peer) values(f figure) (all []float64) {
	for _, s := range p.samples {
		all = append(all, f(s))
	}
	return all
}

func (p *peer) median(f figure) float64 { return median(p.values(f)) }

// ratio is the median of the ratios of two servers, round by round: what disturbs a round disturbs all of it.
func ratio(p, over *peer, f figure) float64 {
	a, b := p.values(f), over.values(f)
	for i := range min(len(a), len(b)) {
		a[i] /= b[i]
	}
	return median(a[:min(len(a), len(b))])
}

// best is the server with the highest rate of some families; nil if none has figures.
func (r *result) best(families ...string) (best *peer) {
	for _, p := range r.peers {
		if p.void == nil && slices.Contains(families, p.family) && (best == nil || p.median(rateOf) > best.median(rateOf)) {
			best = p
		}
	}
	return best
}

// others is the median of the shares of the processors that went elsewhere, of all servers and rounds.
func others(results []*result) float64 {
	var all []float64
	for _, r := range results {
		for _, p := range r.peers {
			if p.measure != nil {
				continue
			}
			all = append(all, p.values(func(s sample) float64 { return s.others })...)
		}
	}
	return median(all)
}

// span is the lowest and the highest value.
func (p *peer) span(f figure) (low, high float64) {
	values := p.values(f)
	return slices.Min(values), slices.Max(values)
}

func microseconds(v float64) int64 { return time.Duration(v).Microseconds() }
