package upstream

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func fixed(names ...string) *Fixed {
	addresses := []Address{}
	for _, n := range names {
		addresses = append(addresses, Address{"unix", n})
	}
	return NewFixed(addresses, 1)
}

func lease(t *testing.T, f *Fixed, not *Peer) *Lease {
	t.Helper()
	l, err := f.Lease(context.Background(), not)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func name(l *Lease) string { return l.Peer.Address.Address }

// once lends a peer, gives it back and returns its name.
func once(t *testing.T, f *Fixed, o Outcome) string {
	t.Helper()
	l := lease(t, f, nil)
	l.Release(o)
	return name(l)
}

// failFor has one request at the peer of that name fail.
func failFor(t *testing.T, f *Fixed, peer string, o Outcome) {
	t.Helper()
	var others []*Lease
	for range 10 {
		l := lease(t, f, nil)
		if name(l) == peer {
			l.Release(o)
			for _, l := range others {
				l.Release(Abandoned)
			}
			return
		}
		others = append(others, l)
	}
	t.Fatal("never lent:", peer)
}

func TestLeastBusyAndTurns(t *testing.T) {
	f := fixed("a", "b", "c")
	var got []string
	for range 3 {
		got = append(got, once(t, f, Served))
	}
	if !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Error("turns:", got)
	}
	leases := map[string]*Lease{}
	for range 3 {
		l := lease(t, f, nil)
		leases[name(l)] = l
	}
	leases["b"].Release(Served)
	leases["b"].Release(Served) // counts once
	if got := name(lease(t, f, nil)); got != "b" {
		t.Error("the least busy one is b, lent was", got)
	}
	for _, s := range f.Stats() {
		if s.Busy != 1 {
			t.Errorf("%+v", s)
		}
	}
}

func TestNot(t *testing.T) {
	f := fixed("a", "b")
	a := lease(t, f, nil)
	for range 3 {
		if got := name(lease(t, f, a.Peer)); got != "b" {
			t.Fatal(got, "though it is busier")
		}
	}
	failFor(t, f, "b", Unreachable)
	if got := name(lease(t, f, a.Peer)); got != "b" {
		t.Error(got, "though there is another, which is left alone")
	}
	single := fixed("a")
	only := lease(t, single, nil)
	if got := name(lease(t, single, only.Peer)); got != "a" {
		t.Error(got)
	}
}

func TestUnreachableIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed("a", "b")
		for _, pause := range []time.Duration{1, 2, 4, 8, 16, 16, 16} {
			failFor(t, f, "a", Unreachable)
			time.Sleep(pause*time.Second - 1)
			for range 4 {
				if got := once(t, f, Served); got != "b" {
					t.Fatalf("a pause of %d s was shorter", pause)
				}
			}
			time.Sleep(1)
		}
		failFor(t, f, "a", Served)
		if first, second := once(t, f, Served), once(t, f, Served); first == second {
			t.Error("it served, and is left alone all the same")
		}
		failFor(t, f, "a", Unreachable)
		if pause := time.Until(f.Stats()[0].Paused); pause != time.Second {
			t.Error("it has served, and yet its pause is", pause)
		}
	})
}

// Who was not asked anything has neither failed nor recovered.
func TestUnused(t *testing.T) {
	f := fixed("a")
	once(t, f, Unreachable)
	before := f.Stats()[0]
	once(t, f, Unused)
	if got := f.Stats()[0]; got != before || f.peers[0].ServedLately() {
		t.Errorf("%+v, before that %+v", got, before)
	}
}

func TestOneTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed("a", "b")
		failFor(t, f, "a", Unreachable)
		time.Sleep(time.Second)
		var got []string
		for range 5 {
			got = append(got, name(lease(t, f, nil)))
		}
		slices.Sort(got)
		if !slices.Equal(got, []string{"a", "b", "b", "b", "b"}) {
			t.Error(got)
		}
		time.Sleep(time.Second) // the one that tries takes long
		if got := name(lease(t, f, nil)); got != "a" {
			t.Error("nobody else tries:", got)
		}
	})
}

func TestPatience(t *testing.T) {
	for _, o := range []Outcome{Broken, Faulty} {
		f := fixed("a", "b")
		for range patience - 1 {
			failFor(t, f, "a", o)
		}
		if !f.Stats()[0].Paused.IsZero() {
			t.Error("left alone too soon after", o)
		}
		failFor(t, f, "a", Served)
		failFor(t, f, "a", o)
		if !f.Stats()[0].Paused.IsZero() {
			t.Error("what was served has not been counted")
		}
		for range patience - 1 {
			failFor(t, f, "a", o)
		}
		if f.Stats()[0].Paused.IsZero() {
			t.Error("not left alone after", o)
		}
	}
}

// TestManyFailAtOnce: a hundred requests that were under way when a peer went are one failure.
func TestManyFailAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed("a", "b")
		var all []*Lease
		for range 200 {
			all = append(all, lease(t, f, nil))
		}
		for _, l := range all {
			if name(l) == "a" {
				l.Release(Unreachable)
			}
		}
		if pause := time.Until(f.Stats()[0].Paused); pause != time.Second {
			t.Error("left alone for", pause)
		}
	})
}

func TestNobodyIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fixed("a", "b")
		failFor(t, f, "b", Unreachable)
		time.Sleep(time.Millisecond)
		failFor(t, f, "a", Unreachable)
		for range 3 {
			if got := name(lease(t, f, nil)); got != "b" {
				t.Error("lent was", got, "whose pause ends last")
			}
		}
		if got := once(t, fixed("a"), Unreachable); got != "a" {
			t.Error(got)
		}
	})
}

func TestServedLately(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPeer("p", Address{}, 0)
		for _, step := range []struct {
			after   time.Duration
			outcome Outcome
			want    bool
		}{
			{0, Broken, false},
			{0, Unreachable, false},
			{0, Served, true},
			{50 * time.Second, Abandoned, true},
			{20 * time.Second, Abandoned, false},
			{0, Served, true},
			{0, Unreachable, true},
			{2 * time.Second, Unreachable, true},
			{2 * time.Second, Unreachable, false},
			{0, Broken, true}, // it could be reached
		} {
			time.Sleep(step.after)
			NewLease(p, func(Outcome) {}).Release(step.outcome)
			if got := p.ServedLately(); got != step.want {
				t.Errorf("%+v: %v", step, got)
			}
		}
	})
}

type fakeConn struct{ broken, closed bool }

func (c *fakeConn) Usable() bool { return !c.broken }
func (c *fakeConn) Close() error { c.closed = true; return nil }

func TestKeptConnections(t *testing.T) {
	p := NewPeer("p", Address{}, 2)
	a, b, c := &fakeConn{}, &fakeConn{}, &fakeConn{}
	for _, conn := range []*fakeConn{a, b, c} {
		p.Put(conn)
	}
	if !c.closed || a.closed || b.closed || p.Idle() != 2 {
		t.Error("two were to be kept", p.Idle())
	}
	b.broken = true
	if got := p.Take(); got != Conn(a) || !b.closed {
		t.Error("one that is broken was lent, or not closed")
	}
	if got := p.Take(); got != nil {
		t.Error("there is none left:", got)
	}
	p.Put(a)
	p.Drop()
	if !a.closed || p.Idle() != 0 {
		t.Error("not dropped")
	}
	p.Put(&fakeConn{})
	p.Keep(false)
	off := &fakeConn{}
	p.Put(off)
	if !off.closed {
		t.Error("kept though it is turned off")
	}
	p.Keep(true)
	p.Put(&fakeConn{})
	p.Keep(false)
	if p.Idle() != 0 {
		t.Error("still kept after it was turned off")
	}
	p.Keep(true)
	p.Put(&fakeConn{})
	if p.Idle() != 1 {
		t.Error("not kept")
	}
	f := &Fixed{peers: []*fixedPeer{{Peer: p}}}
	f.Close()
	late := &fakeConn{}
	p.Put(late)
	if p.Idle() != 0 || !late.closed {
		t.Error("kept after Close")
	}
}

// TestUnusedConnectionsExpire: those that a burst has left are closed; one that is used again and again stays.
func TestUnusedConnectionsExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPeer("p", Address{}, 10)
		conns := []*fakeConn{{}, {}, {}}
		for _, c := range conns {
			p.Put(c)
		}
		for range 5 {
			time.Sleep(idleTime / 2)
			p.Put(p.Take())
		}
		synctest.Wait()
		if !conns[0].closed || !conns[1].closed || conns[2].closed || p.Idle() != 1 {
			t.Errorf("after some minutes: %v %v %v, %d idle", conns[0], conns[1], conns[2], p.Idle())
		}
		time.Sleep(3 * idleTime)
		synctest.Wait()
		if !conns[2].closed || p.Idle() != 0 {
			t.Errorf("nobody uses it: %v, %d idle", conns[2], p.Idle())
		}
		last := &fakeConn{}
		p.Put(last)
		p.Close()
		time.Sleep(3 * idleTime)
		synctest.Wait()
		if !last.closed {
			t.Error("closed, and a connection is kept")
		}
	})
}
