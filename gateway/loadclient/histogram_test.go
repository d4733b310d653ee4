package loadclient

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestSlots(t *testing.T) {
	for d := time.Duration(0); d < 100_000; d++ {
		if s := slot(d); upper(s) < d || s > 0 && upper(s-1) >= d {
			t.Fatalf("%d is in slot %d, which is (%d, %d]", d, s, upper(s-1), upper(s))
		}
	}
	if got := upper(slot(math.MaxInt64)); got != math.MaxInt64 {
		t.Errorf("the largest duration is in a slot up to %d", got)
	}
}

func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var one, two histogram
	var all []time.Duration
	for i := range 10_000 {
		d := time.Duration(random.ExpFloat64() * float64(time.Millisecond))
		all = append(all, d)
		[]*histogram{&one, &two}[i%2].add(d)
	}
	one.merge(&two)
	slices.Sort(all)
	for _, q := range []float64{0.5, 0.9, 0.99, 1} {
		want := all[int(q*float64(len(all)))-1]
		if got := one.quantile(q); got < want || float64(got) > 1.04*float64(want) {
			t.Errorf("the share %g takes %v, want %v", q, got, want)
		}
	}
	if got := (&histogram{}).quantile(0.5); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
