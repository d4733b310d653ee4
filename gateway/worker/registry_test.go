package worker

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"gatewayd/gateway/backendtest"
	"gatewayd/gateway/upstream"
)

func TestRegistry(t *testing.T) {
	before := backendtest.Measure()
	dir := t.TempDir()
	r := NewRegistry(Options{Dir: dir})
	a, fresh := r.Acquire(spec(t, "serves"))
	awaitReady(t, a)
	pid := pidOf(t, a)
	again, freshAgain := r.Acquire(spec(t, "serves"))
	other, freshOther := r.Acquire(spec(t, "serves", "B=1"))
	if !fresh || freshAgain || !freshOther || a != again || other == a {
		t.Fatal("pools are not shared as they should be")
	}
	awaitReady(t, other)
	if len(r.Pools()) != 2 {
		t.Error(r.Pools())
	}
	r.Release(a)
	if pidOf(t, again) != pid {
		t.Error("stopped though somebody holds it")
	}
	l := lease(t, again)
	r.Release(again)
	if _, err := say(l, askSlow); err != nil {
		t.Error("a request was cut off:", err)
	}
	l.Release(upstream.Served)
	eventually(t, "the worker has ended", func() bool { return !alive(pid) })
	if _, fresh := r.Acquire(spec(t, "serves")); !fresh {
		t.Error("a pool that is closed was given out")
	}
	l = lease(t, other)
	go say(l, askHang)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	begun := time.Now()
	r.Close(ctx)
	if took := time.Since(begun); took > time.Second {
		t.Error("took", took)
	}
	l.Release(upstream.Broken)
	r.Release(other) // late
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error("left behind:", left)
	}
	backendtest.NoMore(t, before)
}

// TestRegistryChurn: configurations that come and go faster than workers start leave nothing behind.
func TestRegistryChurn(t *testing.T) {
	before := backendtest.Measure()
	r := NewRegistry(Options{Dir: t.TempDir()})
	s := spec(t, "serves")
	kept, _ := r.Acquire(s)
	awaitReady(t, kept)
	pid := pidOf(t, kept)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 10 {
				shared, fresh := r.Acquire(s)
				if fresh {
					t.Error("a pool that is held was replaced")
				}
				own, _ := r.Acquire(spec(t, "serves", fmt.Sprintf("N=%d.%d", i, j)))
				if j%2 == 0 {
					ask(t, own, askPid)
				}
				r.Release(own)
				r.Release(shared)
			}
		})
	}
	all.Wait()
	if pidOf(t, kept) != pid {
		t.Error("the worker that was kept is another one")
	}
	r.Release(kept)
	r.Close(context.Background())
	backendtest.NoMore(t, before)
}
